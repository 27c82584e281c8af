//! Requests that are written in ways that two readers could read differently: each passes as what it is, or not at all.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::time::Duration;

use support::{
    Front,
    fake::{Act, Fake, ID, OVER, known},
    http::{Answer, exchange},
};

const CREATE: &str = "POST /v1.41/containers/create";
const MADE: &str = r#"{"Image":"openclaw-sandbox:bookworm-slim","Labels":{"openclaw.sandbox":"1"},"HostConfig":{"NetworkMode":"none"}}"#;
const SMUGGLED: &str =
    "POST /v1.41/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}";

/// Every route, as it passes.
const ROUTES: &[&str] = &[
    "GET /_ping",
    "HEAD /_ping",
    "GET /v1.41/_ping",
    "GET /v1.41/version",
    "GET /v1.41/info",
    "GET /v1.41/events",
    "GET /v1.41/containers/json",
    "POST /v1.41/containers/create",
    "GET /v1.41/containers/ID/json",
    "GET /v1.41/containers/ID/top",
    "GET /v1.41/containers/ID/logs",
    "GET /v1.41/containers/ID/stats",
    "HEAD /v1.41/containers/ID/archive",
    "GET /v1.41/containers/ID/archive",
    "POST /v1.41/containers/ID/kill",
    "POST /v1.41/containers/ID/pause",
    "POST /v1.41/containers/ID/unpause",
    "POST /v1.41/containers/ID/restart",
    "POST /v1.41/containers/ID/start",
    "POST /v1.41/containers/ID/stop",
    "POST /v1.41/containers/ID/wait",
    "POST /v1.41/containers/ID/resize",
    "POST /v1.41/containers/ID/attach",
    "POST /v1.41/containers/ID/exec",
    "DELETE /v1.41/containers/ID",
    "GET /v1.41/exec/ID/json",
    "POST /v1.41/exec/ID/start",
    "POST /v1.41/exec/ID/resize",
    "GET /v1.41/images/json",
    "GET /v1.41/images/openclaw-sandbox/json",
    "POST /v1.41/images/create",
    "GET /v1.41/networks",
    "GET /v1.41/networks/none",
    "POST /v1.41/networks/create",
];

/// A daemon that would do everything, and a guard before it.
fn stage() -> (Fake, Front) {
    let fake = Fake::start(|request| {
        let is_made = request.contains("/containers/create");
        let willing = || Act::Answer(if is_made { 201 } else { 200 }, "{}".into());
        known(request, OVER).unwrap_or_else(willing)
    });
    let front = fake.front(Duration::from_secs(30), |settings| {
        settings.pull = guard::Allowance::Allowed;
    });
    (fake, front)
}

/// Sends a head with these lines behind the first one, and a body.
fn ask(front: &Front, first: &str, lines: &str, body: &str) -> Answer {
    let first = first.replace("ID", ID);
    let head = format!("{first}\r\nHost: docker\r\nConnection: close\r\n{lines}\r\n");
    exchange(&front.socket, (head + body).as_bytes())
}

/// Nothing but 400 and 403, and not a word to the daemon.
fn is_refused(fake: &Fake, answer: &Answer, what: &str) {
    assert!([400, 403].contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(fake.heard(), Vec::<String>::new(), "{what}");
}

#[test]
fn routes_have_one_form_each() {
    let (fake, front) = stage();
    for route in ROUTES {
        let (method, path) = route.split_once(' ').unwrap();
        let encoded = path.replacen("ID", "%30%30", 1).replace("json", "js%6fn");
        for form in [
            format!("{path}/"),
            format!("/{path}"),
            path.replacen('/', "//", 2),
            format!("{path}/."),
            format!("/v1.41/..{path}"),
            path.replace("ID", "ID%00"),
            path.replace("ID", "ID%2f..%2fx"),
            path.replace("/v1.41/", "/v1%2e41/"),
            path.replace("/v1.41/", "/V1.41/"),
            path.replace("/v1.41/", "/v1.41/v1.41/"),
            path.replace("/v1.41/", "/"),
            encoded,
            path.to_uppercase(),
            format!("http://docker{path}"),
            format!("https://docker:443{path}"),
            format!("{path}?unheard=1"),
            format!("{path}?unheard"),
            format!("{path}?=1"),
            format!("{path}?%75nheard=1"),
            format!("{path}?all=1&all=1"),
            format!("{path}?all=1&%61ll=0"),
            format!("{path}?a=%"),
            format!("{path}?a=%00"),
        ] {
            if form == path || form.ends_with("/_ping") && !form.contains("//") {
                continue;
            }
            let first = format!("{method} {form} HTTP/1.1");
            let lines = format!("Upgrade: tcp\r\nContent-Length: {}\r\n", MADE.len());
            is_refused(&fake, &ask(&front, &first, &lines, MADE), &first);
        }
    }
}

#[test]
fn methods_are_taken_at_their_word() {
    let (fake, front) = stage();
    for route in ROUTES {
        let (_, path) = route.split_once(' ').unwrap();
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get",
            "LINK",
        ] {
            let is_known = ROUTES.contains(&format!("{method} {path}").as_str());
            let is_head_ping = path.ends_with("/_ping") && method == "HEAD";
            // By its path a name or an id of something that exists nowhere.
            let is_a_name = method == "GET" && path.ends_with("/create") || method == "DELETE";
            if is_known || is_head_ping || is_a_name {
                continue;
            }
            let first = format!("{method} {path} HTTP/1.1");
            let other = "X-HTTP-Method-Override: GET\r\n";
            is_refused(&fake, &ask(&front, &first, other, ""), &first);
        }
    }
}

#[test]
fn a_client_is_asked_for_the_body_that_it_holds_back() {
    let (fake, front) = stage();
    let lines = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", MADE.len());
    let answer = ask(&front, &format!("{CREATE} HTTP/1.1"), &lines, MADE);
    assert_eq!(answer.status, 100, "{answer:?}");
    assert!(answer.body.starts_with("HTTP/1.1 201"), "{answer:?}");
    let heard = fake.heard().concat();
    assert!(!heard.to_lowercase().contains("expect"), "{heard}");
    // Of a call that is refused nobody wants to hear the body.
    let refused = ask(&front, "POST /v1.41/build HTTP/1.1", &lines, "");
    is_refused(&fake, &refused, "a held back body");
}

#[test]
fn older_and_newer_versions_of_http_are_what_they_are() {
    let (fake, front) = stage();
    let answer = ask(&front, "GET /v1.41/info HTTP/1.0", "", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.starts_with("HTTP/1.0 "), "{answer:?}");
    assert_eq!(fake.lines(), ["GET /v1.41/info HTTP/1.1"]);
    let length = format!("Content-Length: {}\r\n", MADE.len());
    let answer = ask(&front, &format!("{CREATE} HTTP/1.0"), &length, MADE);
    assert_eq!(answer.status, 201, "{answer:?}");
    fake.heard();
    // A connection is handed over by 1.1 only.
    for (path, body) in [("exec/ID/start", "{}"), ("containers/ID/attach", "")] {
        let lines = format!("Upgrade: tcp\r\nContent-Length: {}\r\n", body.len());
        let first = format!("POST /v1.41/{path} HTTP/1.0");
        let answer = ask(&front, &first, &lines, body);
        assert_eq!(answer.status, 400, "{answer:?}");
        let asked: Vec<_> = fake.lines();
        assert!(
            asked.iter().all(|line| line.contains("/json ")),
            "{asked:?}"
        );
    }
    assert_eq!(front.seen.live(), Vec::<String>::new());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let body = format!("{:x}\r\n{MADE}\r\n0\r\n\r\n", MADE.len());
    for (first, lines, body) in [
        (format!("{CREATE} HTTP/1.0"), chunked, body.as_str()),
        ("PRI * HTTP/2.0".into(), "", ""),
        ("GET /v1.41/info HTTP/3.0".into(), "", ""),
        ("GET /v1.41/info".into(), "", ""),
        ("GET  /v1.41/info HTTP/1.1".into(), "", ""),
        ("GET /v1.41/info\tx HTTP/1.1".into(), "", ""),
        ("OPTIONS * HTTP/1.1".into(), "", ""),
    ] {
        is_refused(&fake, &ask(&front, &first, lines, body), &first);
    }
}

#[test]
fn a_body_ends_in_one_place() {
    let (fake, front) = stage();
    let length = SMUGGLED.len();
    for lines in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: identity\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        format!("Content-Length : {length}\r\n"),
        format!("Content-Length: 0x{length:x}\r\n"),
        "Content-Length: -1\r\n".into(),
        "Transfer-Encoding: chunked, identity\r\n".into(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n".into(),
        "Transfer-Encoding: xchunked\r\n".into(),
        "Transfer-Encoding:\x0bchunked\r\n".into(),
        " Transfer-Encoding: chunked\r\n".into(),
    ] {
        for first in [CREATE, "GET /v1.41/info", "POST /v1.41/containers/ID/start"] {
            let first = format!("{first} HTTP/1.1");
            let body = format!("0\r\n\r\n{SMUGGLED}");
            is_refused(
                &fake,
                &ask(&front, &first, &lines, &body),
                &format!("{first} {lines}"),
            );
        }
    }
    // Where chunks and a length are said the chunks count, as in HTTP's own rules, and the daemon hears of neither.
    let chunked = format!("{:x}\r\n{MADE}\r\n0\r\n\r\n{SMUGGLED}", MADE.len());
    for lines in [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let answer = ask(&front, &format!("{CREATE} HTTP/1.1"), lines, &chunked);
        assert_eq!(answer.status, 201, "{lines}: {answer:?}");
        assert!(!answer.body.contains("HTTP/1.1"), "{lines}: {answer:?}");
        let heard = fake.heard();
        assert_eq!(heard.len(), 1, "{lines}: {heard:?}");
        let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        assert!(
            serde_json::from_str::<serde_json::Value>(body).is_ok(),
            "{body}"
        );
    }
    // A body that nobody wants is no request, and does not reach the daemon.
    let lines = format!("Content-Length: {length}\r\n");
    let answer = ask(&front, "GET /v1.41/info HTTP/1.1", &lines, SMUGGLED);
    assert_eq!(answer.status, 200, "{answer:?}");
    let heard = fake.heard();
    assert!(
        heard.len() == 1 && !heard[0].contains("create"),
        "{heard:?}"
    );
}

#[test]
fn no_connection_is_handed_over_but_for_a_stream() {
    let (fake, front) = stage();
    let protocols = ["tcp", "TCP", "h2c", "websocket", "tcp, h2c"];
    let calls = [
        ("GET /v1.41/info HTTP/1.1", "GET /v1.41/info HTTP/1.1"),
        (
            "GET /v1.41/containers/ID/logs?stdout=1 HTTP/1.1",
            "GET /v1.41/containers/ID/logs?stdout=1 HTTP/1.1",
        ),
        ("HEAD /_ping HTTP/1.1", "HEAD /_ping HTTP/1.1"),
    ];
    for protocol in protocols {
        let lines = format!(
            "Connection: Upgrade\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
        );
        for (first, asked) in calls {
            let answer = ask(&front, first, &lines, SMUGGLED);
            assert_eq!(answer.status, 200, "{protocol} {first}: {answer:?}");
            let heard = fake.heard();
            assert!(
                heard.last().unwrap().starts_with(&asked.replace("ID", ID)),
                "{heard:?}"
            );
            let whole = heard.concat().to_lowercase();
            assert!(
                !whole.contains("upgrade") && !whole.contains("create"),
                "{whole}"
            );
        }
    }
    for protocol in protocols
        .iter()
        .filter(|protocol| !protocol.eq_ignore_ascii_case("tcp"))
    {
        let lines = format!("Upgrade: {protocol}\r\nContent-Length: 2\r\n");
        let answer = ask(&front, "POST /v1.41/exec/ID/start HTTP/1.1", &lines, "{}");
        assert_eq!(answer.status, 400, "{protocol}: {answer:?}");
        assert!(fake.lines().iter().all(|line| line.contains("/json ")));
    }
}
