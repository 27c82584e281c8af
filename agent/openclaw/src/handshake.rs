//! From nothing to an open connection.

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::frame::{Answer, Incoming, Request};
use crate::hello::WireHello;
use crate::pump::message;
use crate::stream::{Stream, reach, secure};
use crate::{Closed, Connection, Endpoint, Error, Hello, Rejection, Scope, Settings, Token};

type Socket = WebSocketStream<Stream>;

/// The number of the connect request. Later ones count from 1.
const CONNECT_ID: u64 = 0;
/// Small buffers: most of the time nothing is said, and every pod pays for them.
const BUFFER: usize = 8 * 1024;

/// Opens a connection with the given scopes. Fails when the gateway does not grant them all.
pub async fn connect(
    endpoint: &Endpoint,
    token: &Token,
    scopes: &[Scope],
    settings: &Settings,
) -> Result<Connection, Error> {
    let tcp = within(settings.connect_timeout, "tcp connect", reach(endpoint)).await?;
    let greeted = async {
        let mut socket = upgrade(endpoint, secure(endpoint, tcp).await?, settings).await?;
        challenge(&mut socket).await?;
        Ok(socket)
    };
    let mut socket = within(settings.challenge_timeout, "connect.challenge", greeted).await?;
    let entered = enter(&mut socket, token, scopes);
    let hello = within(settings.call_timeout, "connect", entered).await?;
    Ok(Connection::start(socket, hello, settings))
}

async fn within<T>(
    after: Duration,
    what: &'static str,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(after, step)
        .await
        .unwrap_or(Err(Error::Timeout { what, after }))
}

async fn upgrade(
    endpoint: &Endpoint,
    stream: Stream,
    settings: &Settings,
) -> Result<Socket, Error> {
    let url = format!("ws://{}/", endpoint.authority());
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(settings.max_message))
        .max_frame_size(Some(settings.max_message));
    match client_async_with_config(url, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(answer)) => Err(Error::Upgrade {
            status: Some(answer.status().as_u16()),
        }),
        Err(_) => Err(Error::Upgrade { status: None }),
    }
}

async fn challenge(socket: &mut Socket) -> Result<(), Error> {
    loop {
        match next(socket).await? {
            Some(Incoming::Challenge) => return Ok(()),
            Some(_) => {}
            None => return Err(Error::Greeting),
        }
    }
}

async fn enter(socket: &mut Socket, token: &Token, scopes: &[Scope]) -> Result<Hello, Error> {
    let request = Message::text(request(token, scopes)?);
    if socket.send(request).await.is_err() {
        return Err(Error::Closed(Closed::Lost));
    }
    loop {
        match next(socket).await? {
            Some(Incoming::Answer(CONNECT_ID, Ok(answer))) => return hello(&answer, scopes),
            Some(Incoming::Answer(CONNECT_ID, Err(rejection))) => return Err(refusal(rejection)),
            Some(_) => {}
            None => return Err(Error::Greeting),
        }
    }
}

/// The next frame; a close for reasons of policy is a refusal.
async fn next(socket: &mut Socket) -> Result<Option<Incoming>, Error> {
    loop {
        match message(socket.next().await) {
            Ok(Some(text)) => return Ok(Incoming::read(text)),
            Ok(None) => {}
            Err(Closed::Peer { code: 1008, text }) => {
                return Err(Error::Refused(Box::new(refused("CLOSED_1008", text))));
            }
            Err(closed) => return Err(Error::Closed(closed)),
        }
    }
}

/// What we say of ourselves. The identity is one of a closed list; this one needs no device
/// when it comes over loopback with the shared token.
fn request(token: &Token, scopes: &[Scope]) -> Result<String, Error> {
    const METHOD: &str = "connect";
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
    let version = env!("CARGO_PKG_VERSION");
    let params = json!({
        "minProtocol": 4,
        "maxProtocol": 4,
        "client": {"id": "gateway-client", "version": version, "platform": "linux", "mode": "backend"},
        "role": "operator",
        "scopes": scopes,
        "caps": [],
        "auth": {"token": token.expose()},
        "locale": "en-US",
        "userAgent": concat!("pilotfish/", env!("CARGO_PKG_VERSION")),
    });
    serde_json::to_string(&Request::new(&CONNECT_ID.to_string(), METHOD, params))
        .map_err(|_| Error::Encode { method: METHOD })
}

fn hello(answer: &Answer, scopes: &[Scope]) -> Result<Hello, Error> {
    let wire: WireHello = serde_json::from_str(answer.payload()).map_err(|_| Error::Greeting)?;
    if !wire.grants(scopes) {
        let text = "the gateway did not grant the scopes asked for".to_owned();
        return Err(Error::Refused(Box::new(refused("SCOPES_WITHHELD", text))));
    }
    Ok(wire.into())
}

/// A gateway that is busy starting or stopping is not one that refuses us.
fn refusal(rejection: Rejection) -> Error {
    if rejection.code == "UNAVAILABLE" {
        Error::NotReady(Box::new(rejection))
    } else {
        Error::Refused(Box::new(rejection))
    }
}

fn refused(code: &str, message: String) -> Rejection {
    Rejection {
        code: code.to_owned(),
        detail: None,
        message,
        issues: Vec::new(),
        retry_after: None,
        expires_at_ms: None,
    }
}
