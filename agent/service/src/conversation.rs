//! One HTTP/1 connection, from its first request to its end.

use std::{error::Error, pin::pin, time::Duration};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Drain;

/// The smallest buffer that hyper takes.
const SMALLEST: usize = 8 * 1024;

/// How much a connection takes from its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConversationSettings {
    /// The longest wait for a whole request head, and for the next request.
    pub header_timeout: Duration,
    /// Bytes of a request head; at least 8 KiB.
    pub max_header_bytes: usize,
}

/// Answers the requests of one connection; a drain lets the one under way end.
pub async fn converse<S, A, B>(stream: S, answers: A, settings: ConversationSettings, drain: Drain)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Service<Request<Incoming>, Response = Response<B>>,
    A::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(settings.max_header_bytes.max(SMALLEST))
        .serve_connection(TokioIo::new(stream), answers)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.signalled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
