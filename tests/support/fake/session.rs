//! One connection of the protocol, version 4.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::answers::{self, METHODS};
use super::knobs::Close;
use super::page::uptime;
use super::world::{Signal, World, now_ms};

type Socket = WebSocketStream<TcpStream>;

const CLIENTS: [&str; 5] = [
    "gateway-client",
    "cli",
    "openclaw-probe",
    "openclaw-tui",
    "test",
];

/// Serves one connection to its end.
pub(crate) async fn hold(world: Arc<World>, stream: TcpStream) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let mut signals = world.signals.subscribe();
    world.state.lock().unwrap().connections += 1;
    if let Some(scopes) = greet(&world, &mut socket).await {
        let (answer, mut answers) = mpsc::channel(64);
        let mut seq = 0;
        let mut answered = 0;
        let mut asked = 0;
        loop {
            tokio::select! {
                signal = signals.recv() => match signal {
                    Ok(Signal::Event(name, payload)) => {
                        seq += 1;
                        say(&mut socket, json!({ "type": "event", "event": name, "payload": payload, "seq": seq })).await;
                    }
                    Ok(Signal::Close(close)) => { shut(&mut socket, &close).await; break }
                    Ok(Signal::Break) | Err(_) => break,
                },
                Some(frame) = answers.recv() => {
                    answered += 1;
                    // Decided before the client can react to the answer.
                    let close = due(&world, answered);
                    say(&mut socket, frame).await;
                    if let Some(close) = close {
                        shut(&mut socket, &close).await;
                        break;
                    }
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        asked += 1;
                        let odd = asked % 2 == 1;
                        tokio::task::spawn_local(reply(Arc::clone(&world), text.to_string(), scopes.clone(), answer.clone(), odd));
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => {}
                },
            }
        }
    }
    world.state.lock().unwrap().connections -= 1;
}

/// Challenge, connect, hello. None when the client is refused.
async fn greet(world: &World, socket: &mut Socket) -> Option<Vec<String>> {
    let challenge = json!({ "nonce": format!("n{}", now_ms()), "ts": now_ms() });
    say(
        socket,
        json!({ "type": "event", "event": "connect.challenge", "payload": challenge }),
    )
    .await;
    let Ok(Some(Ok(Message::Text(text)))) =
        tokio::time::timeout(Duration::from_secs(15), socket.next()).await
    else {
        return None;
    };
    let request: Value = serde_json::from_str(&text).ok()?;
    world.state.lock().unwrap().calls.push("connect".to_owned());
    if world.knobs().silent.contains("connect") {
        std::future::pending::<()>().await;
    }
    if let Err(error) = admit(world, &request) {
        say(
            socket,
            json!({ "type": "res", "id": request["id"], "ok": false, "error": error }),
        )
        .await;
        shut(
            socket,
            &Close {
                after_calls: 0,
                code: 1008,
                reason: "connect failed".to_owned(),
            },
        )
        .await;
        return None;
    }
    say(socket, json!({ "type": "res", "id": request["id"], "ok": true, "payload": hello(world, &request) })).await;
    misbehave(world, socket).await;
    let scopes = request["params"]["scopes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    Some(
        scopes
            .iter()
            .filter_map(|scope| scope.as_str().map(str::to_owned))
            .collect(),
    )
}

fn admit(world: &World, request: &Value) -> Result<(), Value> {
    let params = &request["params"];
    let client = params["client"]["id"].as_str().unwrap_or("");
    if request["method"] != "connect" {
        return Err(invalid("the first request must be connect", Value::Null));
    }
    if !CLIENTS.contains(&client) {
        let message =
            "invalid connect params: at /client/id: must be equal to one of the allowed values";
        return Err(invalid(message, Value::Null));
    }
    if params["minProtocol"].as_u64().is_none_or(|least| least > 4) {
        return Err(invalid(
            "protocol mismatch",
            json!({ "code": "PROTOCOL_MISMATCH", "expectedProtocol": 4 }),
        ));
    }
    if params["auth"]["token"] != world.knobs().token.as_str() {
        let message = "unauthorized: gateway token mismatch (provide gateway auth token)";
        let details = json!({ "code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch",
            "canRetryWithDeviceToken": false, "recommendedNextStep": "update_auth_credentials" });
        return Err(invalid(message, details));
    }
    Ok(())
}

fn invalid(message: &str, details: Value) -> Value {
    json!({ "code": "INVALID_REQUEST", "message": message, "details": details })
}

fn hello(world: &World, request: &Value) -> Value {
    let knobs = world.knobs();
    let state = world.state.lock().unwrap();
    let methods: Vec<_> = METHODS
        .iter()
        .filter(|method| !knobs.absent.contains(**method))
        .collect();
    let mut snapshot = json!({ "suspension": { "phase": "accepting" }, "configPath": world.document, "authMode": "token" });
    if knobs.hashes {
        snapshot["appliedConfigHash"] = json!(state.applied);
    }
    let boot = format!("00000000-0000-4000-8000-{:012}", state.boot);
    drop(state);
    snapshot["uptimeMs"] = json!(uptime(world));
    json!({
        "type": "hello-ok", "protocol": 4,
        "server": { "version": knobs.version, "buildId": format!("{}-fake", knobs.version), "bootId": boot, "connId": "c" },
        "features": { "methods": methods, "events": ["config.changed", "shutdown", "tick"], "capabilities": [] },
        "snapshot": snapshot,
        "auth": { "method": "token", "role": "operator", "scopes": request["params"]["scopes"] },
        "policy": { "maxPayload": 26_214_400, "maxBufferedBytes": 52_428_800, "tickIntervalMs": 30_000 },
    })
}

async fn misbehave(world: &World, socket: &mut Socket) {
    let knobs = world.knobs();
    if knobs.garbage {
        let _ = socket.send(Message::binary(vec![0xff; 64])).await;
        let _ = socket.send(Message::text("}not json{")).await;
        let _ = socket.send(Message::text("[1, 2, 3]")).await;
    }
    if knobs.flood > 0 {
        let payload = "x".repeat(knobs.flood);
        say(
            socket,
            json!({ "type": "event", "event": "noise", "payload": payload }),
        )
        .await;
    }
}

async fn reply(
    world: Arc<World>,
    text: String,
    scopes: Vec<String>,
    answer: mpsc::Sender<Value>,
    odd: bool,
) {
    let Ok(request) = serde_json::from_str::<Value>(&text) else {
        return;
    };
    let method = request["method"].as_str().unwrap_or("").to_owned();
    world.state.lock().unwrap().calls.push(method.clone());
    let knobs = world.knobs();
    if knobs.silent.contains(&method) {
        return;
    }
    let result = answers::answer(&world, &method, &request["params"], &scopes);
    let late = knobs.late.get(&method).copied().unwrap_or_default();
    tokio::time::sleep(knobs.answer_delay + late).await;
    if knobs.unordered && odd {
        tokio::time::sleep(Duration::from_millis(80)).await;
    }
    let frame = match result {
        Ok(payload) => {
            json!({ "type": "res", "id": request["id"], "ok": true, "payload": payload })
        }
        Err(error) => json!({ "type": "res", "id": request["id"], "ok": false, "error": error }),
    };
    let _ = answer.send(frame).await;
}

/// The close that was asked for after so many answers; it happens once.
fn due(world: &World, answered: usize) -> Option<Close> {
    let mut knobs = world.knobs.lock().unwrap();
    knobs
        .close_after
        .take_if(|close| answered >= close.after_calls)
}

async fn say(socket: &mut Socket, frame: Value) {
    let _ = socket.send(Message::text(frame.to_string())).await;
}

async fn shut(socket: &mut Socket, close: &Close) {
    let frame = CloseFrame {
        code: CloseCode::from(close.code),
        reason: close.reason.clone().into(),
    };
    let _ = socket.close(Some(frame)).await;
    // Until the client has read it and closes too.
    let _ = tokio::time::timeout(Duration::from_millis(500), async {
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
}
