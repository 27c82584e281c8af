//! Requests byte by byte, as no client would write them.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// An answer: its status, and everything behind its head.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The full id of what was made.
    pub fn id(&self) -> &str {
        let mut words = self.body.split('"');
        words.find(|word| word.len() == 64).unwrap()
    }
}

/// One request, and its whole answer.
pub fn request(socket: &Path, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    exchange(
        socket,
        format!("{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
    )
}

/// Sends bytes, and reads until the other side ends.
pub fn exchange(socket: &Path, bytes: &[u8]) -> Answer {
    let mut stream = connect(socket);
    // A guard that has answered already may have hung up.
    let _ = stream.write_all(bytes);
    read(&mut stream)
}

pub fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// Everything until the other side ends.
pub fn read(stream: &mut UnixStream) -> Answer {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
