//! Attached streams: after the answer, bytes pass in both directions as they come.

use std::time::Duration;

use hyper::{
    Request, Response, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderValue},
    upgrade::{self, OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use prometheus::{IntCounter, IntGauge};
use tokio::{net::UnixStream, time::timeout};

use crate::{
    answer::{self, Body},
    copy,
    handle::{Context, Reply},
    hangup::HangUp,
    upstream::{Call, Line},
};

/// How long a client may take to hang up after the daemon has said all.
const LINGER: Duration = Duration::from_secs(10);

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The daemon said all that there was: what ran is over.
    Daemon,
    /// The client went away, the stream broke, or there never was one: what ran may run on.
    Client,
}

/// Whether a request asks for the connection itself.
pub(crate) fn is_asked(request: &Request<Incoming>) -> bool {
    // No older version of HTTP has a way to hand it over.
    request.version() == Version::HTTP_11
        && request
            .headers()
            .get(header::UPGRADE)
            .is_some_and(|upgrade| upgrade.as_bytes().eq_ignore_ascii_case(b"tcp"))
}

/// Sends a call that asks for a stream, and lets the stream pass; `ended` is told how it ended.
///
/// The caller has seen that the client asks for the connection itself.
pub(crate) async fn open<F>(
    context: &Context,
    client: OnUpgrade,
    call: Call,
    ended: impl FnOnce(End) -> F + Send + 'static,
) -> Reply
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut answer, line) = match context.guard.upstream.send(call.upgraded()).await {
        Ok(answered) => answered,
        Err(refusal) => {
            // It may have heard the call.
            context.guard.tasks.spawn(ended(End::Client)).await;
            return Err(refusal);
        }
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer::pass(answer, line));
    }
    let daemon = (upgrade::on(&mut answer), line);
    let (metrics, tasks) = (context.guard.metrics.clone(), context.guard.tasks.clone());
    // From now on a goodbye waits for it.
    let open = Open::count(&metrics.streams);
    let passing = async move {
        let end = match join(client, daemon).await {
            Ok((client, daemon)) => pass(client, daemon, &metrics.stream_bytes).await,
            Err(error) => {
                tracing::debug!(%error, "a stream was not handed over");
                End::Client
            }
        };
        drop(open);
        tasks.spawn(ended(end)).await;
    };
    context.guard.tasks.spawn(passing).await;
    Ok(switched(&answer))
}

/// The answer that hands the connection to the stream.
fn switched(daemon: &Response<Incoming>) -> Response<Body> {
    let mut response = Response::new(answer::full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if let Some(kind) = daemon.headers().get(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, kind.clone());
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("tcp"));
    response
}

struct Open(IntGauge);

impl Open {
    fn count(streams: &IntGauge) -> Self {
        streams.inc();
        Self(streams.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// One side of a stream: its socket, and what was read of it already.
struct Side {
    socket: UnixStream,
    early: Vec<u8>,
}

async fn join(
    client: OnUpgrade,
    (daemon, line): (OnUpgrade, Line),
) -> Result<(Side, Side), String> {
    let daemon = line
        .hand_over(daemon)
        .await
        .map_err(|error| error.to_string())?;
    let client = client.await.map_err(|error| error.to_string())?;
    Ok((side(client)?, side(daemon)?))
}

fn side(upgraded: Upgraded) -> Result<Side, String> {
    let parts = upgraded
        .downcast::<TokioIo<UnixStream>>()
        .map_err(|_| "the connection is no Unix socket".to_owned())?;
    Ok(Side {
        socket: parts.io.into_inner(),
        early: parts.read_buf.into(),
    })
}

/// Copies both directions, each to its own end. A client that goes away leaves what ran.
async fn pass(client: Side, daemon: Side, bytes: &IntCounter) -> End {
    let hang_up = HangUp::of(&client.socket);
    let up = copy::pass(&client.early, &client.socket, &daemon.socket, bytes);
    let down = copy::pass(&daemon.early, &daemon.socket, &client.socket, bytes);
    tokio::pin!(up, down);
    let heard = tokio::select! {
        down = &mut down => {
            if down.is_ok() {
                // Whatever is left of the client's words, nobody hears them any more.
                let _ = timeout(LINGER, up).await;
            }
            down
        }
        _ = &mut up => tokio::select! {
            down = down => down,
            () = hang_up.came() => return End::Client,
        },
        () = hang_up.came() => {
            // Its last words are heard.
            let _ = timeout(LINGER, up).await;
            return End::Client;
        }
    };
    heard.map_or(End::Client, |()| End::Daemon)
}
