//! Calls a gateway by hand: `gateway_call URL TOKEN_FILE METHOD [JSON]`.
//!
//! `URL` is `ws://host:port`, or `wss://host:port#certificate.pem`. `METHOD` may also be `probe` (the three pages) or `watch` (the
//! state and the events of a link, until interrupted).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use openclaw::probe::{self, Page};
use openclaw::{Connection, Endpoint, Link, LinkHandle, Scope, Settings, Tls, Token, connect};
use serde_json::Value;
use tokio::sync::watch;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("failed: {failure} ({:?})", failure.source()));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[String]) -> Result<(), Failure> {
    let [url, token_file, method, rest @ ..] = args else {
        return Err("usage: gateway_call URL TOKEN_FILE METHOD [JSON]".into());
    };
    let endpoint = endpoint(url)?;
    let token = Token::new(std::fs::read_to_string(token_file)?.trim_end());
    match method.as_str() {
        "probe" => probe_all(&endpoint).await,
        "watch" => watch_link(endpoint, token).await,
        _ => {
            let scopes = [Scope::Read, Scope::Admin, Scope::Pairing];
            let connection = connect(&endpoint, &token, &scopes, &Settings::default()).await?;
            say(&format!("{:?}", connection.hello()));
            call(&connection, method, rest.first()).await?;
        }
    }
    Ok(())
}

fn endpoint(url: &str) -> Result<Endpoint, Failure> {
    let (url, pem) = url
        .split_once('#')
        .map_or((url, None), |(url, pem)| (url, Some(pem)));
    let address = url.trim_start_matches("wss://").trim_start_matches("ws://");
    let (host, port) = address.rsplit_once(':').ok_or("URL has no port")?;
    let tls = pem.map(std::fs::read).transpose()?;
    let tls = tls.map(|pem| Tls::from_pem(&pem)).transpose()?;
    Ok(Endpoint {
        tls,
        ..Endpoint::plain(host, port.parse()?)
    })
}

async fn call(
    connection: &Connection,
    method: &str,
    params: Option<&String>,
) -> Result<(), Failure> {
    let params: Value = serde_json::from_str(params.map_or("{}", String::as_str))?;
    let began = Instant::now();
    let answer: Value = connection.call(method.to_owned().leak(), params).await?;
    say(&format!("{:?} {answer}", began.elapsed()));
    Ok(())
}

async fn probe_all(endpoint: &Endpoint) {
    for page in [Page::Healthz, Page::Startupz, Page::Readyz] {
        let began = Instant::now();
        let probe = probe::get(endpoint, page, Duration::from_secs(5)).await;
        say(&format!("{page:?} {probe:?} {:?}", began.elapsed()));
    }
}

async fn watch_link(endpoint: Endpoint, token: Token) {
    let (_endpoint, endpoints) = watch::channel(Some(endpoint));
    let (_token, tokens) = watch::channel(token);
    let (link, handle) = Link::new(endpoints, tokens, Settings::default());
    tokio::join!(link.run(std::future::pending()), show(handle));
}

async fn show(handle: LinkHandle) {
    let (mut state, mut events) = (handle.state(), handle.events());
    let began = Instant::now();
    loop {
        let line = tokio::select! {
            Ok(()) = state.changed() => format!("{:?}", *state.borrow_and_update()),
            event = events.next() => format!("{event:?}"),
        };
        say(&format!("{:8.3} {line}", began.elapsed().as_secs_f64()));
    }
}

fn say(line: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stdout(), "{line}"));
}
