//! Requests to the daemon's socket for what bollard cannot read: one connection each, nothing is spawned.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// The longest refusal that is read.
const REFUSAL_MAX: usize = 64 << 10;

type Line = Pin<Box<Connection<TokioIo<UnixStream>, Empty<Bytes>>>>;

/// Why there is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The socket could not be reached.
    #[error("cannot reach the daemon's socket")]
    Connect(#[source] io::Error),
    /// What was said was no HTTP, or ended in the middle.
    #[error("the daemon broke off")]
    Broken(#[from] hyper::Error),
    /// The request could not be written.
    #[error("the request is none")]
    Request(#[from] hyper::http::Error),
    /// The daemon refused.
    #[error("the daemon answered {status}: {message}")]
    Refused {
        /// Its status.
        status: StatusCode,
        /// Its words.
        message: String,
    },
    /// The answer is larger than what is read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer has another shape than we know.
    #[error("the answer has an unknown shape")]
    Shape(#[from] serde_json::Error),
    /// The answer ended.
    #[error("the daemon closed the stream")]
    Ended,
}

/// The body of an answer, as it comes.
pub(super) struct Answer {
    body: Incoming,
    line: Option<Line>,
}

/// Sends a request without a body, and waits for the head of the answer.
pub(super) async fn ask(socket: &Path, method: Method, target: &str) -> Result<Answer, WireError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(WireError::Connect)?;
    let (mut sender, line) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(hyper::header::HOST, "docker")
        .body(Empty::new())?;
    let mut line = Some(Box::pin(line));
    let response = drive(&mut line, sender.send_request(request)).await?;
    let status = response.status();
    let answer = Answer {
        body: response.into_body(),
        line,
    };
    if status.is_success() {
        return Ok(answer);
    }
    let message = answer.all(REFUSAL_MAX).await.unwrap_or_default();
    let message = String::from_utf8_lossy(&message).trim().to_owned();
    Err(WireError::Refused { status, message })
}

impl Answer {
    /// The next piece; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, WireError> {
        while let Some(frame) = drive(&mut self.line, self.body.frame()).await {
            if let Ok(bytes) = frame?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// All of it, up to a size.
    pub(super) async fn all(mut self, max: usize) -> Result<Vec<u8>, WireError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            if all.len() + bytes.len() > max {
                return Err(WireError::TooLong(max));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }
}

/// Waits for something that comes over a connection, and moves the connection meanwhile.
async fn drive<T>(line: &mut Option<Line>, waited: impl Future<Output = T>) -> T {
    let mut waited = std::pin::pin!(waited);
    loop {
        let Some(moving) = line else {
            return waited.await;
        };
        tokio::select! {
            biased;
            done = &mut waited => return done,
            // Its error is told to who waits.
            _ = moving => *line = None,
        }
    }
}
