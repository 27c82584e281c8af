//! A daemon that hangs, or dies in the middle of a word: its clients are told, and nothing of theirs stays.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use support::{
    Front,
    fake::{Act, Fake, ID, OVER, known},
    http::{Answer, connect, exchange},
    until,
};

/// Short, since each hanging call waits for four times as long.
const PATIENCE: Duration = Duration::from_millis(100);
const MADE: &str = r#"{"Image":"openclaw-sandbox:bookworm-slim","Labels":{"openclaw.sandbox":"1"},"HostConfig":{"NetworkMode":"none"}}"#;
const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Ty";
const HALF_A_BODY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"half\":";

/// Calls whose answer is there whole or not at all.
const CALLS: &[(&str, &str, &str)] = &[
    ("GET", "/_ping", ""),
    ("GET", "/v1.41/version", ""),
    ("GET", "/v1.41/info", ""),
    ("GET", "/v1.41/containers/json", ""),
    ("POST", "/v1.41/containers/create", MADE),
    ("GET", "/v1.41/containers/ID/top", ""),
    ("POST", "/v1.41/containers/ID/start", ""),
    ("POST", "/v1.41/containers/ID/stop?t=0", ""),
    ("POST", "/v1.41/containers/ID/kill", ""),
    ("DELETE", "/v1.41/containers/ID?force=1", ""),
    ("POST", "/v1.41/containers/ID/exec", r#"{"Cmd":["true"]}"#),
    ("POST", "/v1.41/exec/ID/start", r#"{"Detach":true}"#),
    ("GET", "/v1.41/images/json", ""),
    ("GET", "/v1.41/images/openclaw-sandbox/json", ""),
    ("GET", "/v1.41/networks", ""),
    ("GET", "/v1.41/networks/none", ""),
    (
        "POST",
        "/v1.41/networks/create",
        r#"{"Name":"openclaw-sandbox-browser"}"#,
    ),
];

/// Calls whose answer passes as it comes.
const STREAMS: &[(&str, &str, &str)] = &[
    ("GET", "/v1.41/events", ""),
    ("GET", "/v1.41/containers/ID/logs?stdout=1", ""),
    ("GET", "/v1.41/containers/ID/stats", ""),
    ("POST", "/v1.41/containers/ID/wait", ""),
    ("GET", "/v1.41/containers/ID/archive?path=/x", ""),
    ("POST", "/v1.41/containers/ID/attach?stream=1", ""),
    ("POST", "/v1.41/exec/ID/start", "{}"),
];

fn ask(front: &Front, (method, path, body): (&str, &str, &str)) -> Answer {
    let path = path.replace("ID", ID);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: docker\r\nConnection: close, upgrade\r\nUpgrade: tcp\r\nContent-Length: {length}\r\n\r\n"
    );
    exchange(&front.socket, (head + body).as_bytes())
}

/// All at once: each hanging one takes its time.
fn ask_all(front: &Front, calls: &[(&'static str, &'static str, &'static str)]) -> Vec<Answer> {
    thread::scope(|scope| {
        let asked: Vec<_> = calls
            .iter()
            .map(|call| scope.spawn(|| ask(front, *call)))
            .collect();
        asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect()
    })
}

fn is_told(answer: &Answer) -> bool {
    let told = serde_json::from_str::<serde_json::Value>(&answer.body);
    let message = told.ok().map(|told| told["message"].to_string());
    answer.status == 502 && message.is_some_and(|message| message.contains("sandbox daemon"))
}

fn nothing_stays(front: &Front, fake: &Fake) {
    until("all permits are back", || front.seen.live().is_empty());
    until("all connections are closed", || fake.open() == 0);
    assert!(front.streams() == 0.0);
}

#[test]
fn a_daemon_that_knows_nothing_is_told_of() {
    for act in [
        || Act::Hang(""),
        || Act::Hang(HALF_A_HEAD),
        || Act::Hang(HALF_A_BODY),
        || Act::Die(""),
        || Act::Die(HALF_A_HEAD),
        || Act::Die(HALF_A_BODY),
        || Act::Hang("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
    ] {
        let fake = Fake::start(move |_| act());
        let front = fake.front(PATIENCE, |_| {});
        for (call, answer) in CALLS.iter().zip(ask_all(&front, CALLS)) {
            assert!(is_told(&answer), "{call:?}: {answer:?}");
        }
        nothing_stays(&front, &fake);
    }
}

#[test]
fn a_daemon_that_knows_but_does_not_act_is_told_of() {
    for (act, is_begun) in [
        ((|| Act::Hang("")) as fn() -> Act, false),
        (|| Act::Hang(HALF_A_HEAD), false),
        (|| Act::Die(HALF_A_HEAD), false),
        (|| Act::Die(HALF_A_BODY), true),
    ] {
        let fake = Fake::start(move |request| known(request, OVER).unwrap_or_else(act));
        let front = fake.front(PATIENCE, |_| {});
        for (call, answer) in CALLS.iter().zip(ask_all(&front, CALLS)) {
            assert!(is_told(&answer), "{call:?}: {answer:?}");
        }
        for (call, answer) in STREAMS.iter().zip(ask_all(&front, STREAMS)) {
            if is_begun {
                // What came has passed or not, and its length says that it is not all.
                let head = answer.head.to_lowercase();
                let half = head.contains("content-length: 100") && answer.body.len() < 100;
                assert!(answer.status == 0 || half, "{call:?}: {answer:?}");
            } else {
                assert!(is_told(&answer), "{call:?}: {answer:?}");
            }
        }
        nothing_stays(&front, &fake);
    }
}

/// A daemon that was asked to start an exec and said nothing may have started it.
#[test]
fn a_permit_is_held_until_the_daemon_says_that_the_exec_is_over() {
    for body in ["{}", r#"{"Detach":true}"#] {
        let over = Arc::new(AtomicBool::new(false));
        let fake = Fake::start({
            let over = over.clone();
            move |request| {
                let is_over = over.load(Ordering::SeqCst);
                let exec = if is_over { OVER } else { r#""Running":true"# };
                known(request, exec).unwrap_or(Act::Hang(""))
            }
        });
        let front = fake.front(PATIENCE, |_| {});
        let answer = ask(&front, ("POST", "/v1.41/exec/ID/start", body));
        assert!(is_told(&answer), "{answer:?}");
        fake.heard();
        until("it is looked at", || {
            fake.lines().iter().any(|line| line.contains("/json"))
        });
        assert_eq!(front.seen.live(), [ID]);
        over.store(true, Ordering::SeqCst);
        nothing_stays(&front, &fake);
    }
}

/// Clients that do not wait leave nothing, however many they are and whatever they said besides.
#[test]
fn clients_that_went_away_pile_nothing_up() {
    let fake = Fake::start(|request| {
        known(request, OVER).unwrap_or(Act::Hang("HTTP/1.1 200 OK\r\n\r\nbegun"))
    });
    let front = fake.front(PATIENCE, |settings| settings.max_connections = 8);
    for more in ["", "GET /_ping HTTP/1.1\r\n", "x"] {
        for (method, path, body) in STREAMS.iter().chain(STREAMS) {
            let mut stream = connect(&front.socket);
            let (path, length) = (path.replace("ID", ID), body.len());
            let asked = format!(
                "{method} {path} HTTP/1.1\r\nHost: docker\r\nUpgrade: tcp\r\nContent-Length: {length}\r\n\r\n{body}{more}"
            );
            stream.write_all(asked.as_bytes()).unwrap();
            let mut begun = Vec::new();
            while !String::from_utf8_lossy(&begun).contains("begun") {
                let mut byte = [0];
                assert_eq!(stream.read(&mut byte).unwrap(), 1);
                begun.extend(byte);
            }
        }
    }
    nothing_stays(&front, &fake);
}
