//! The plainest client of the gateway's protocol: one connection, one call at a time. It shares no code with the
//! product, so that it can bear witness against it.

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

/// Why a call failed.
#[derive(Clone, Debug)]
pub enum RpcError {
    /// The gateway said no: its `error` object.
    Refused(Value),
    /// The connection broke, with what is known of why.
    Broken(String),
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

impl From<tungstenite::Error> for RpcError {
    fn from(why: tungstenite::Error) -> Self {
        Self::Broken(why.to_string())
    }
}

/// A connection to a gateway, with all scopes.
pub struct Rpc {
    socket: WebSocket<TcpStream>,
    hello: Value,
    events: VecDeque<Value>,
    next: u64,
}

impl Rpc {
    /// Connects on loopback with a token.
    pub fn connect(port: u16, token: &str) -> Result<Self, RpcError> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .map_err(|why| RpcError::Broken(why.to_string()))?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let limits = WebSocketConfig::default()
            .max_message_size(Some(32 << 20))
            .max_frame_size(Some(32 << 20));
        let url = format!("ws://127.0.0.1:{port}/");
        let (socket, _) = tungstenite::client::client_with_config(url, stream, Some(limits))
            .map_err(|why| RpcError::Broken(why.to_string()))?;
        let mut rpc = Self {
            socket,
            hello: Value::Null,
            events: VecDeque::new(),
            next: 0,
        };
        let challenge = rpc.frame()?;
        if challenge["event"] != "connect.challenge" {
            return Err(RpcError::Broken(format!("no challenge but {challenge}")));
        }
        rpc.hello = rpc.call("connect", &connect_params(token))?;
        Ok(rpc)
    }

    /// What the gateway said of itself.
    #[must_use]
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Calls a method and waits for its answer. Events that come in between are kept.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value, RpcError> {
        self.next += 1;
        let id = self.next.to_string();
        let request = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string()))?;
        loop {
            let mut frame = self.frame()?;
            if frame["type"] == "event" {
                self.events.push_back(frame);
            } else if frame["id"] == id.as_str() {
                let ok = frame["ok"] == true;
                return if ok {
                    Ok(frame["payload"].take())
                } else {
                    Err(RpcError::Refused(frame["error"].take()))
                };
            }
        }
    }

    /// Waits for the next event of this name; None when none comes in time.
    pub fn event(&mut self, name: &str, within: Duration) -> Option<Value> {
        let end = Instant::now() + within;
        while let Some(mut event) = self.next_event(end) {
            if event["event"] == name {
                return Some(event["payload"].take());
            }
        }
        None
    }

    /// Sends the model a message in a session, and gives the run's id.
    ///
    /// # Panics
    /// When the gateway does not take it.
    #[must_use]
    pub fn ask(&mut self, session: &str, message: &str) -> Value {
        let key = format!("{session}: {message}");
        let request = json!({ "sessionKey": session, "message": message, "idempotencyKey": key });
        self.call("chat.send", &request).unwrap()["runId"].take()
    }

    /// The text of a run's answer.
    ///
    /// # Panics
    /// When the run ends otherwise, or does not end in time.
    #[must_use]
    pub fn answer(&mut self, run: &Value, within: Duration) -> String {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self
                .event("chat", left)
                .unwrap_or_else(|| panic!("no answer to {run} within {within:?}"));
            match event["state"].as_str() {
                _ if event["runId"] != *run => {}
                Some("final") => {
                    let text = event["message"]["content"][0]["text"].as_str();
                    return text.unwrap_or_default().to_owned();
                }
                Some("error" | "aborted") => panic!("{event:#}"),
                _ => {}
            }
        }
    }

    fn next_event(&mut self, end: Instant) -> Option<Value> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let left = end
            .checked_duration_since(Instant::now())?
            .max(Duration::from_millis(1));
        self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
        let frame = self.frame().ok();
        self.socket
            .get_ref()
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        frame
    }

    fn frame(&mut self) -> Result<Value, RpcError> {
        loop {
            match self.socket.read()? {
                Message::Text(text) => {
                    return serde_json::from_str(&text)
                        .map_err(|why| RpcError::Broken(why.to_string()));
                }
                Message::Close(close) => {
                    return Err(RpcError::Broken(format!("closed: {close:?}")));
                }
                _ => {}
            }
        }
    }
}

fn connect_params(token: &str) -> Value {
    json!({
        "minProtocol": 4, "maxProtocol": 4,
        "client": { "id": "gateway-client", "version": "0.1", "platform": "linux", "mode": "backend" },
        "role": "operator",
        "scopes": ["operator.read", "operator.write", "operator.admin", "operator.pairing", "operator.approvals"],
        "caps": [], "auth": { "token": token }, "locale": "en-US", "userAgent": "pilotfish-tests/0.1",
    })
}
