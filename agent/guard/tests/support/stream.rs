//! Execs whose streams a test reads and writes itself.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

use super::{Front, http::connect};

/// Says what it hears, and then that it is over.
pub const CAT: &str = r#"{"AttachStdin":true,"AttachStdout":true,"AttachStderr":true,"Cmd":["sh","-c","cat; echo over"]}"#;

/// Makes an exec, and tells its id.
pub fn exec(front: &Front, id: &str, body: &str) -> String {
    let made = front.post(&format!("/v1.41/containers/{id}/exec"), body);
    assert_eq!(made.status, 201, "{made:?}");
    made.id().to_owned()
}

/// An exec's stream behind the head of its answer; what the client says right behind its request is the first of it.
pub fn attach(front: &Front, exec: &str, behind: &str) -> (u16, UnixStream) {
    let mut stream = connect(&front.socket);
    let body = r#"{"Detach":false,"Tty":false}"#;
    let head = format!(
        "POST /v1.41/exec/{exec}/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {}\r\n\r\n{body}{behind}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), stream)
}

/// What a stream says to its end.
pub fn rest(mut stream: UnixStream) -> String {
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}
