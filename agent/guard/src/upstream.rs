//! The daemon: one connection for one request, never a second one on it.

use std::{
    future::poll_fn,
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderMap, HeaderValue},
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time::timeout};

use crate::{
    ApiVersion,
    answer::{self, Body},
    lookup::Known,
    refusal::Refusal,
};

/// How many times longer than for what it knows the daemon is waited for when it has to work.
const WORK: u32 = 4;
/// The longest answer that is read whole.
const LONGEST: usize = 16 * 1024 * 1024;

/// How the daemon is reached.
#[derive(Debug)]
pub(crate) struct Upstream {
    socket: PathBuf,
    patience: Duration,
    known: Known,
}

/// One request to the daemon.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) version: Option<ApiVersion>,
    /// Path and query behind the version.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    body: Body,
    /// How long the daemon is asked to wait before it does the work.
    grace: Duration,
}

impl Call {
    pub(crate) fn new(
        method: Method,
        version: Option<ApiVersion>,
        path: impl Into<String>,
    ) -> Self {
        Self {
            method,
            version,
            path: path.into(),
            headers: HeaderMap::new(),
            body: answer::full(Bytes::new()),
            grace: Duration::ZERO,
        }
    }

    pub(crate) fn get(version: ApiVersion, path: impl Into<String>) -> Self {
        Self::new(Method::GET, Some(version), path)
    }

    pub(crate) fn json(mut self, body: Vec<u8>) -> Self {
        let json = HeaderValue::from_static("application/json");
        self.headers.insert(header::CONTENT_TYPE, json);
        self.body = answer::full(body);
        self
    }

    /// Lets the daemon take so much longer to begin its answer.
    pub(crate) fn after(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Asks for the connection itself after the answer.
    pub(crate) fn upgraded(mut self) -> Self {
        let upgrade = HeaderValue::from_static("Upgrade");
        self.headers.insert(header::CONNECTION, upgrade);
        self.headers
            .insert(header::UPGRADE, HeaderValue::from_static("tcp"));
        self
    }

    fn into_request(self) -> Result<Request<Body>, Refusal> {
        let target = match self.version {
            Some(version) => format!("/v{version}{}", self.path),
            None => self.path,
        };
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = target
            .parse()
            .map_err(|_| Refusal::invalid("the path and query cannot be written for the daemon"))?;
        *request.headers_mut() = self.headers;
        let host = HeaderValue::from_static("docker");
        request.headers_mut().insert(header::HOST, host);
        Ok(request)
    }
}

impl Upstream {
    pub(crate) fn new(socket: PathBuf, patience: Duration) -> Self {
        Self {
            socket,
            patience,
            known: Known::default(),
        }
    }

    /// What it was asked before and need not be asked again.
    pub(crate) fn known(&self) -> &Known {
        &self.known
    }

    /// Sends a call, and hands out its answer as soon as it has a head.
    pub(crate) async fn send(&self, call: Call) -> Result<(Response<Incoming>, Line), Refusal> {
        in_time(self.patience * WORK + call.grace, self.begin(call)).await
    }

    /// Sends a call whose answer is short: it is there whole, or not at all.
    pub(crate) async fn whole(&self, call: Call) -> Result<Response<Bytes>, Refusal> {
        in_time(self.patience * WORK + call.grace, self.finish(call)).await
    }

    /// Asks for what the daemon knows.
    pub(crate) async fn ask(&self, call: Call) -> Result<(StatusCode, Bytes), Refusal> {
        let answer = in_time(self.patience, self.finish(call)).await?;
        Ok((answer.status(), answer.into_body()))
    }

    async fn begin(&self, call: Call) -> Result<(Response<Incoming>, Line), Refusal> {
        let asked = call.headers.contains_key(header::UPGRADE);
        let request = call.into_request()?;
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| silent(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| silent(&error))?;
        let mut line = Line(Some(Box::pin(connection.with_upgrades())));
        let mut answer = Box::pin(sender.send_request(request));
        let answer = poll_fn(|context| {
            line.drive(context);
            answer.as_mut().poll(context)
        });
        let answer = answer.await.map_err(|error| silent(&error))?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS && !asked {
            return Err(Refusal::Daemon(
                "the sandbox daemon switched protocols unasked".into(),
            ));
        }
        Ok((answer, line))
    }

    async fn finish(&self, call: Call) -> Result<Response<Bytes>, Refusal> {
        let (answer, line) = self.begin(call).await?;
        let (parts, body) = answer::pass(answer, line).into_parts();
        let body = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Refusal::Daemon(
                    "the sandbox daemon's answer is too long to be read".into(),
                ));
            }
            Err(error) => return Err(silent(&error)),
        };
        Ok(Response::from_parts(parts, body))
    }
}

async fn in_time<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    match timeout(patience, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(silent(&format_args!("none came in {patience:?}"))),
    }
}

fn silent(error: &dyn std::fmt::Display) -> Refusal {
    tracing::warn!(%error, "the sandbox daemon gave no answer");
    Refusal::Daemon("the sandbox daemon gave no answer; is it running?".into())
}

/// A connection to the daemon; it ends when this is dropped.
pub(crate) struct Line(Option<Connection>);

type Connection = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

impl Line {
    /// Lets the connection work; whoever waits for its answer calls this first.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(context).is_ready()
        {
            self.0 = None;
        }
    }

    /// The connection itself, once the daemon has agreed to hand it over.
    pub(crate) async fn hand_over(mut self, upgrade: OnUpgrade) -> Result<Upgraded, hyper::Error> {
        let mut upgrade = Box::pin(upgrade);
        poll_fn(move |context: &mut Context<'_>| -> Poll<_> {
            self.drive(context);
            upgrade.as_mut().poll(context)
        })
        .await
    }
}
