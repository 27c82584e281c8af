//! Requests that no client would write.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{io::Write, thread, time::Duration};

use support::{
    Stage, Version,
    http::{Answer, connect, exchange, read},
};

const CREATE: &str = "/v1.41/containers/create";
const FINE: &str = r#"{"Image":"openclaw-sandbox:bookworm-slim","Labels":{"openclaw.sandbox":"1"},"HostConfig":{"NetworkMode":"none"}}"#;

fn post(stage: &Stage, headers: &str, body: &str) -> Answer {
    let head =
        format!("POST {CREATE} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n{headers}\r\n");
    exchange(&stage.socket, (head + body).as_bytes())
}

fn made(stage: &Stage) -> usize {
    let listed = stage.truth(&["ps", "-aq"]);
    listed.lines().count()
}

#[test]
fn bodies_are_read_in_one_way() {
    let stage = Stage::new(Version::Old);
    for body in [
        FINE.replace("none\"", "none\",\"NetworkMode\":\"host\""),
        FINE.replace("\"HostConfig\"", "\"HostConfig\":{},\"HostConfig\""),
        FINE.replace("\"Image\"", "\"image\""),
        FINE.replace("NetworkMode", "networkmode"),
        FINE.replace("\"Image\"", "\"Im\\u0061ge\":\"x\",\"Image\""),
    ] {
        assert_eq!(stage.post(CREATE, &body).status, 403, "{body}");
    }
    for body in [
        format!("{FINE}{{}}"),
        format!("{FINE},"),
        format!("{FINE}\0"),
        format!("\u{feff}{FINE}"),
        FINE[..FINE.len() - 1].to_owned(),
        "[".repeat(100_000),
        String::new(),
    ] {
        let answer = stage.post(CREATE, &body);
        assert!([400, 403].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(made(&stage), 0);
    let chunked = FINE.as_bytes().chunks(7).map(|chunk| {
        format!(
            "{:x}\r\n{}\r\n",
            chunk.len(),
            String::from_utf8_lossy(chunk)
        )
    });
    let chunked = chunked.collect::<String>() + "0\r\n\r\n";
    assert_eq!(
        post(&stage, "Transfer-Encoding: chunked\r\n", &chunked).status,
        201
    );
    assert_eq!(drip(&stage).status, 201);
    assert_eq!(made(&stage), 2);
}

/// A whole request, byte by byte.
fn drip(stage: &Stage) -> Answer {
    let mut stream = connect(&stage.socket);
    let length = FINE.len();
    let whole = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{FINE}"
    );
    for byte in whole.bytes() {
        stream.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_micros(200));
    }
    read(&mut stream)
}

#[test]
fn long_bodies_are_not_kept() {
    let stage = Stage::new(Version::New);
    let long = FINE.replace(
        "\"Image\"",
        &format!("\"Domainname\":\"{}\",\"Image\"", "x".repeat(100 << 20)),
    );
    assert_eq!(stage.post(CREATE, &long).status, 413);
    let said = "Content-Length: 104857600\r\n";
    assert_eq!(post(&stage, said, &"x".repeat(2 << 20)).status, 413);
    assert_eq!(made(&stage), 0);
}

#[test]
fn the_end_of_a_body_is_said_in_one_way() {
    let stage = Stage::new(Version::Old);
    let smuggled = format!(
        "0\r\n\r\nPOST {CREATE} HTTP/1.1\r\nHost: docker\r\nContent-Length: {}\r\n\r\n{FINE}",
        FINE.len()
    );
    let length = smuggled.len();
    for headers in [
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 5\r\n"),
        format!("Content-Length: 5\r\nContent-Length: {length}\r\n"),
        "Transfer-Encoding: gzip\r\n".to_owned(),
        "Transfer-Encoding: chunked, gzip\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
    ] {
        let answer = post(&stage, &headers, &smuggled);
        assert!([400, 403].contains(&answer.status), "{headers}: {answer:?}");
    }
    assert_eq!(made(&stage), 0);
}

#[test]
fn targets_have_one_form() {
    let stage = Stage::new(Version::Old);
    stage.foreign("secret");
    for target in [
        "http://docker/v1.41/info",
        "/v1.41//info",
        "/v1.41/../v1.41/info",
        "/v1.41/%69nfo",
        "/v1.41/containers/secret%2fjson",
        "/v1.41/containers/..%2f..%2finfo/json",
        "/v1.41/info/",
        "/v1.41/info?x=1",
        "/v1.41/containers/json?all=1&all=0",
        "/v1.41/containers/json?filters=%7B%22label%21%22%3A%5B%22x%22%5D%7D",
        "docker:80",
    ] {
        for method in ["GET", "CONNECT"] {
            let answer = exchange(
                &stage.socket,
                format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
            assert!(
                [400, 403].contains(&answer.status),
                "{method} {target}: {answer:?}"
            );
        }
    }
}

#[test]
fn versions_are_bounded_in_dockers_own_words() {
    let stage = Stage::new(Version::New);
    let new = stage.get("/v1.57/info");
    assert_eq!(new.status, 400);
    assert!(
        new.body
            .contains("client version 1.57 is too new. Maximum supported API version is 1.56"),
        "{new:?}"
    );
    let old = stage.get("/v1.39/info");
    assert_eq!(old.status, 400);
    assert!(
        old.body
            .contains("client version 1.39 is too old. Minimum supported API version is 1.40"),
        "{old:?}"
    );
    assert_eq!(stage.get("/_ping").status, 200);
    assert_eq!(stage.get("/v1.56/info").status, 200);
    let older = Stage::new(Version::Old);
    let new = older.get("/v1.56/containers/x/json");
    assert_eq!(new.status, 400);
    assert!(
        new.body.contains("is too new"),
        "the daemon's own refusal passes: {new:?}"
    );
}
