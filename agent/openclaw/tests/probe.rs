//! Probes are judged by their bodies, over plain TCP and over TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw::probe::{Page, Probe, Startup, get};
use openclaw::{Endpoint, Error, EventLoop, Scope, Settings, Tls, Token, connect};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const PATIENCE: Duration = Duration::from_secs(5);

async fn open() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, Endpoint::plain("127.0.0.1", port))
}

/// Answers one request with these bytes and returns the request.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
    String::from_utf8(request).unwrap()
}

fn http(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

async fn ask(answer: &str) -> Probe {
    let (listener, endpoint) = open().await;
    let gateway = async {
        let stream = listener.accept().await.unwrap().0;
        let request = serve(stream, answer).await;
        assert!(
            request.starts_with("GET /startupz HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(!request.to_lowercase().contains("x-forwarded"));
    };
    tokio::join!(get(&endpoint, Page::Startupz, PATIENCE), gateway).0
}

fn not_ready(failing: &[&str]) -> Probe {
    Probe::NotReady {
        failing: failing.iter().map(|&name| name.to_owned()).collect(),
        event_loop: None,
    }
}

#[tokio::test]
async fn bodies_decide() {
    let json = "application/json; charset=utf-8";
    let yes = |version: Option<&str>, ms: Option<u64>| Probe::Ready {
        version: version.map(str::to_owned),
        uptime: ms.map(Duration::from_millis),
        event_loop: None,
    };
    let cases = [
        (
            "200 OK",
            json,
            r#"{"ok":true,"status":"live"}"#,
            yes(None, None),
        ),
        (
            "200 OK",
            json,
            r#"{"ok":true,"status":"started","version":"2026.9.6","uptimeMs":1500}"#,
            yes(Some("2026.9.6"), Some(1500)),
        ),
        (
            "200 OK",
            json,
            r#"{"ready":true,"failing":[],"uptimeMs":2.5,"eventLoop":{"degraded":false}}"#,
            Probe::Ready {
                version: None,
                uptime: Some(Duration::from_micros(2500)),
                event_loop: Some(EventLoop::default()),
            },
        ),
        (
            "503 Service Unavailable",
            json,
            r#"{"ok":false,"status":"starting","pendingReason":"startup-sidecars"}"#,
            not_ready(&["startup-sidecars"]),
        ),
        (
            "503 Service Unavailable",
            json,
            r#"{"ok":false,"status":"draining"}"#,
            not_ready(&["draining"]),
        ),
        (
            "503 Service Unavailable",
            json,
            r#"{"ready":false,"failing":["telegram","plugin-reload"]}"#,
            not_ready(&["telegram", "plugin-reload"]),
        ),
        (
            "200 OK",
            "text/html; charset=utf-8",
            "<!doctype html>",
            Probe::NoPage,
        ),
        (
            "200 OK",
            json,
            "not json",
            Probe::Foreign { status: Some(200) },
        ),
        ("200 OK", json, "[]", Probe::Foreign { status: Some(200) }),
        (
            "200 OK",
            json,
            r#"{"hello":1}"#,
            Probe::Foreign { status: Some(200) },
        ),
        (
            "403 Forbidden",
            json,
            r#"{"ok":false}"#,
            Probe::Foreign { status: Some(403) },
        ),
        ("404 Not Found", "text/plain", "Not Found", Probe::NoPage),
    ];
    for (status, kind, body, want) in cases {
        assert_eq!(
            ask(&http(status, kind, body)).await,
            want,
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn a_page_tells_how_far_the_start_is() {
    let cases = [
        (
            "200 OK",
            r#"{"ok":true,"status":"started","version":"2026.9.6","uptimeMs":21739}"#,
            Some(Startup::Started),
        ),
        (
            "503 X",
            r#"{"ok":false,"status":"starting","version":"2026.9.6","uptimeMs":3656,"pendingReason":"startup-sidecars"}"#,
            Some(Startup::Starting {
                reason: Some("startup-sidecars".to_owned()),
            }),
        ),
        (
            "503 X",
            r#"{"ok":false,"status":"draining","version":"2026.9.6","uptimeMs":41267}"#,
            Some(Startup::Draining),
        ),
        (
            "503 X",
            r#"{"ready":false,"failing":["gateway-draining"]}"#,
            Some(Startup::Draining),
        ),
        (
            "503 X",
            r#"{"ok":false}"#,
            Some(Startup::Starting { reason: None }),
        ),
        ("200 OK", r#"{"ok":"started"}"#, None),
        ("200 OK", r#"{"ok":true"#, None),
        ("500 X", r#"{"ok":false,"status":"draining"}"#, None),
    ];
    for (status, body, want) in cases {
        let probe = ask(&http(status, "application/json", body)).await;
        assert_eq!(probe.startup(), want, "{status} {body}");
    }
    let page = ask(&http("200 OK", "text/html", "<!doctype html>")).await;
    assert_eq!(page.startup(), None);
}

#[tokio::test]
async fn a_page_tells_how_the_event_loop_is() {
    let late = r#"{"ready":false,"failing":["telegram"],"uptimeMs":3396,"eventLoop":{"degraded":true,"reasons":["cpu"],"delayP99Ms":210.5}}"#;
    let Probe::NotReady { event_loop, .. } = ask(&http("503 X", "application/json", late)).await
    else {
        panic!()
    };
    let said = event_loop.unwrap();
    assert!(said.degraded);
    assert_eq!(said.delay_p99, Some(Duration::from_micros(210_500)));
    let odd = r#"{"ready":false,"failing":["telegram"],"eventLoop":"busy"}"#;
    assert_eq!(
        ask(&http("503 X", "application/json", odd)).await,
        not_ready(&["telegram"])
    );
}

#[tokio::test]
async fn odd_answers_are_survived() {
    let huge = format!(r#"{{"ok":true,"version":"{}"}}"#, "x".repeat(100_000));
    let huge = http("200 OK", "application/json", &huge);
    assert_eq!(ask(&huge).await, Probe::Foreign { status: Some(200) });
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"ok\"";
    assert_eq!(ask(cut).await, Probe::Foreign { status: Some(200) });
    assert_eq!(
        ask("SSH-2.0-x\r\n\r\n").await,
        Probe::Foreign { status: None }
    );
    assert_eq!(ask("").await, Probe::Foreign { status: None });
    let long = format!(r#"{{"ready":false,"failing":["{}"]}}"#, "y".repeat(5000));
    let Probe::NotReady { failing, .. } = ask(&http("503 X", "application/json", &long)).await
    else {
        panic!()
    };
    assert!(failing[0].len() <= 256);
}

#[tokio::test]
async fn closed_and_blocked_are_told_apart() {
    let (listener, endpoint) = open().await;
    let began = Instant::now();
    let patience = Duration::from_millis(200);
    assert_eq!(
        get(&endpoint, Page::Healthz, patience).await,
        Probe::Blocked
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(listener);
    assert_eq!(get(&endpoint, Page::Healthz, PATIENCE).await, Probe::Closed);
}

/// A self-signed certificate: the server's side, and the pin.
fn certificate() -> (TlsAcceptor, Tls) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (
        TlsAcceptor::from(Arc::new(config)),
        Tls::from_pem(made.cert.pem().as_bytes()).unwrap(),
    )
}

#[tokio::test]
async fn only_the_pinned_certificate_is_spoken_to() {
    let (acceptor, pin) = certificate();
    let (_, other) = certificate();
    let (listener, plain) = open().await;
    let body = http(
        "200 OK",
        "application/json",
        r#"{"ok":true,"status":"live"}"#,
    );
    let serve_tls = async {
        let stream = listener.accept().await.unwrap().0;
        match acceptor.accept(stream).await {
            Ok(stream) => Some(serve(stream, &body).await),
            Err(_) => None,
        }
    };
    let endpoint = Endpoint {
        tls: Some(pin),
        ..plain.clone()
    };
    let (probe, request) = tokio::join!(get(&endpoint, Page::Healthz, PATIENCE), serve_tls);
    assert!(probe.is_ready(), "{probe:?}");
    assert!(request.unwrap().starts_with("GET /healthz"));

    let wrong = Endpoint {
        tls: Some(other),
        ..plain
    };
    let refused = async {
        let stream = listener.accept().await.unwrap().0;
        // The token must not reach somebody with another certificate.
        assert!(acceptor.accept(stream).await.is_err());
    };
    let (token, settings) = (Token::new("t"), Settings::default());
    let (error, ()) = tokio::join!(connect(&wrong, &token, &[Scope::Read], &settings), refused);
    assert!(matches!(error, Err(Error::Tls { .. })), "{error:?}");
}
