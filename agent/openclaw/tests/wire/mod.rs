//! A gateway that speaks the wire and misbehaves on command. Each test writes its own script.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw::{Connection, Endpoint, Error, Scope, Settings, Token, connect};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// The side of the gateway.
pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

/// A port of our own.
pub(crate) struct Port(TcpListener);

impl Port {
    pub(crate) async fn open() -> (Self, Endpoint) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self(listener), Endpoint::plain("127.0.0.1", port))
    }

    /// The next client, upgraded but not greeted.
    pub(crate) async fn accept(&self) -> Peer {
        Peer(accept_async(self.raw().await).await.unwrap())
    }

    /// The next client's bytes.
    pub(crate) async fn raw(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }

    /// The next client, greeted as the newest release does.
    pub(crate) async fn greet(&self, boot_id: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.challenge().await;
        let request = peer.request().await;
        assert_eq!(request["method"], "connect");
        peer.answer(&request, hello(boot_id)).await;
        peer
    }
}

pub(crate) fn hello(boot_id: &str) -> Value {
    json!({"type": "hello-ok", "protocol": 4,
        "server": {"version": "2026.9.6", "bootId": boot_id},
        "features": {"methods": ["config.set", "health"]},
        "snapshot": {"appliedConfigHash": "h"},
        "auth": {"scopes": ["operator.read", "operator.admin"]},
        "policy": {"maxPayload": 1_000_000}})
}

impl Peer {
    pub(crate) async fn challenge(&mut self) {
        let event =
            json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n"}});
        self.json(&event).await;
    }

    pub(crate) async fn json(&mut self, value: &Value) {
        self.text(&value.to_string()).await;
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub(crate) async fn request(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    pub(crate) async fn answer(&mut self, request: &Value, payload: Value) {
        let answer = json!({"type": "res", "id": request["id"], "ok": true, "payload": payload});
        self.json(&answer).await;
    }

    pub(crate) async fn refuse(&mut self, request: &Value, error: Value) {
        let answer = json!({"type": "res", "id": request["id"], "ok": false, "error": error});
        self.json(&answer).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.0.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

/// Short waits, so that a test of a timeout is short.
pub(crate) fn settings() -> Settings {
    let short = Duration::from_millis(300);
    Settings {
        connect_timeout: short,
        challenge_timeout: short,
        call_timeout: short,
        max_message: 64 * 1024,
        backoff_min: Duration::from_millis(20),
        backoff_max: Duration::from_millis(400),
        ..Settings::default()
    }
}

pub(crate) async fn dial(endpoint: &Endpoint) -> Result<Connection, Error> {
    connect(
        endpoint,
        &Token::new("planted-token"),
        &[Scope::Read],
        &settings(),
    )
    .await
}
