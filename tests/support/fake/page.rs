//! The probes over HTTP.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::channels::event_loop;
use super::suspend::is_suspended;
use super::world::{World, at};

const UI: &str = "<!doctype html><html><head><title>OpenClaw</title></head></html>";

/// Answers one request whose head is still unread in the stream.
pub(crate) async fn answer(world: &World, mut stream: TcpStream, head: &str) {
    let mut read = vec![0; head.len() + 4];
    if stream.read_exact(&mut read).await.is_err() {
        return;
    }
    let (status, kind, body) = exported(world, head).unwrap_or_else(|| page(world, head));
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The page of the plugin, for whoever has the token.
fn exported(world: &World, head: &str) -> Option<(u16, &'static str, String)> {
    let knobs = world.knobs();
    if !head.starts_with("GET /api/diagnostics/prometheus ") {
        return None;
    }
    let bearer = format!("authorization: bearer {}", knobs.token.to_ascii_lowercase());
    if !head.to_ascii_lowercase().contains(&bearer) {
        return Some((401, "text/plain", "Unauthorized".to_owned()));
    }
    Some((200, "text/plain; version=0.0.4", knobs.exporter?))
}

fn page(world: &World, head: &str) -> (u16, &'static str, String) {
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let hashes = world.knobs().hashes;
    if head.to_ascii_lowercase().contains("\r\nx-forwarded-for:") {
        return (
            403,
            "application/json",
            json!({ "error": "proxy_attribution_required" }).to_string(),
        );
    }
    let found = match path {
        _ if world.knobs().html => None,
        "/health" | "/healthz" => Some((200, json!({ "ok": true, "status": "live" }))),
        "/startup" | "/startupz" if hashes => Some(started(world)),
        "/ready" | "/readyz" => Some(ready(world)),
        _ => None,
    };
    match found {
        Some(_) if method != "GET" && method != "HEAD" => {
            (405, "text/plain", "Method Not Allowed".to_owned())
        }
        Some((status, body)) => (status, "application/json", body.to_string()),
        None if path.starts_with("/api/") || path.starts_with("/v1/") => {
            (404, "text/plain", "Not Found".to_owned())
        }
        None => (200, "text/html", UI.to_owned()),
    }
}

fn started(world: &World) -> (u16, Value) {
    let suspended = is_suspended(world);
    let (code, status) = if suspended {
        (503, "draining")
    } else {
        (200, "started")
    };
    let page = json!({ "ok": !suspended, "status": status, "version": world.knobs().version, "uptimeMs": uptime(world) });
    (code, page)
}

fn ready(world: &World) -> (u16, Value) {
    let failing = failing(world);
    let status = if failing.is_empty() { 200 } else { 503 };
    (
        status,
        json!({ "ready": failing.is_empty(), "failing": failing, "uptimeMs": uptime(world), "eventLoop": event_loop(&world.knobs()) }),
    )
}

/// What is not well now.
pub(crate) fn failing(world: &World) -> Vec<String> {
    let draining = is_suspended(world).then(|| "gateway-draining".to_owned());
    let knobs = world.knobs();
    let state = world.state.lock().unwrap();
    let sick = knobs
        .sick_with
        .iter()
        .filter(|path| at(&state.running, path).is_some());
    let sick = sick.map(|path| path.rsplit('.').next().unwrap_or(path).to_owned());
    let failing = knobs.failing.iter().cloned().chain(sick);
    failing.chain(draining).collect()
}

pub(crate) fn uptime(world: &World) -> u64 {
    world
        .state
        .lock()
        .unwrap()
        .started
        .elapsed()
        .as_millis()
        .try_into()
        .unwrap_or(u64::MAX)
}
