//! The way through a running agent: one request, one connection, one answer in the API's types.

use std::path::PathBuf;
use std::time::Duration;

use agent_api::{ACTOR_HEADER, ProblemDocument};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::uri::{Scheme, Uri};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::pinned;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long any answer may take; a change is waited for until the gateway has proved it.
const ANSWER: Duration = Duration::from_secs(150);
/// The largest answer: a whole document with its provenance.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// The largest file of tokens.
const MAX_TOKENS_BYTES: u64 = 64 << 10;

/// What keeps an agent from answering as it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says with which token to ask.
    #[error("the agent at {url} has to be asked, and no token file is known: give --token-file FILE, or --{knob} FILE as the agent has it")]
    NoToken {
        /// The agent.
        url: Uri,
        /// The knob that would name the file.
        knob: &'static str,
    },
    /// The token cannot be read.
    #[error("cannot read a token from {}", path.display())]
    ReadToken {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: durable::Error,
    },
    /// There is none in the file.
    #[error("there is no token in {}", path.display())]
    EmptyToken {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is not usable.
    #[error("cannot speak TLS with the agent at {url}")]
    Certificate {
        /// The agent.
        url: Uri,
        /// The cause.
        source: pinned::Unusable,
    },
    /// TLS is spoken and no certificate is known.
    #[error("{url} speaks TLS: say with --tls-dir DIR where its certificate (tls.crt) lies")]
    NoCertificate {
        /// The agent.
        url: Uri,
    },
    /// Nobody answers.
    #[error("cannot reach the agent at {url}: is it running, and is this its --listen?")]
    Connect {
        /// The agent.
        url: Uri,
        /// The cause.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the agent at {url} did not answer")]
    Broken {
        /// The agent.
        url: Uri,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("the agent at {url} did not answer within {} s", after.as_secs())]
    Late {
        /// The agent.
        url: Uri,
        /// How long was waited.
        after: Duration,
    },
    /// It said no.
    #[error("{}", problem.detail.as_deref().unwrap_or(&problem.title))]
    Said {
        /// In its own words.
        problem: Box<ProblemDocument>,
    },
    /// It does not take the token.
    #[error("the agent at {url} does not take the token in {} for this ({status})", path.display())]
    Forbidden {
        /// The agent.
        url: Uri,
        /// The token's file.
        path: PathBuf,
        /// Its status.
        status: StatusCode,
    },
    /// It said something else than an agent would.
    #[error("{url} answers {status}, and not as an agent of this version would")]
    Foreign {
        /// The agent.
        url: Uri,
        /// Its status.
        status: StatusCode,
        /// The cause.
        source: serde_json::Error,
    },
}

impl Error {
    /// Whether the agent answered and refused, in its own words.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Said { problem, .. } if problem.status < 500)
    }
}

/// An agent to ask.
#[derive(Debug)]
pub struct Agent {
    /// Where it listens.
    pub url: Uri,
    /// The file with the token that may look.
    pub read: Option<PathBuf>,
    /// The file with the token that may change things.
    pub operate: Option<PathBuf>,
    /// Where its certificate lies.
    pub tls: Option<PathBuf>,
    /// Who asks.
    pub actor: String,
}

impl Agent {
    /// Asks to see something.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let token = self.read.as_ref().or(self.operate.as_ref());
        self.ask(Method::GET, path, Bytes::new(), token, "read-token-file")
    }

    /// Asks what would be, which changes nothing.
    pub fn try_out<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Error> {
        let token = self.read.as_ref().or(self.operate.as_ref());
        self.ask(Method::POST, path, bytes(body), token, "read-token-file")
    }

    /// Asks for a change.
    pub fn change<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Error> {
        self.ask(Method::POST, path, bytes(body), self.operate.as_ref(), "operate-token-file")
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes, token: Option<&PathBuf>, knob: &'static str) -> Result<T, Error> {
        let file = token.ok_or_else(|| Error::NoToken { url: self.url.clone(), knob })?;
        let token = read_token(file)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.url.authority().map_or("", |authority| authority.as_str()))
            .header("authorization", format!("Bearer {}", *token))
            .header("content-type", "application/json")
            .header(ACTOR_HEADER, self.actor.as_str())
            .body(Full::new(body))
            .map_err(|error| self.broken(error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| self.broken(error))?;
        let asked = runtime.block_on(async { timeout(ANSWER, self.exchange(request)).await });
        let (status, body) = asked.map_err(|_| Error::Late { url: self.url.clone(), after: ANSWER })??;
        self.read_answer(status, &body, file)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let (host, port) = (self.url.host().unwrap_or_default(), self.url.port_u16().unwrap_or(18780));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let unreachable = |source| Error::Connect { url: self.url.clone(), source };
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
        let stream = connected.map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?.map_err(unreachable)?;
        if self.url.scheme() != Some(&Scheme::HTTPS) {
            return self.send(stream, request).await;
        }
        let dir = self.tls.as_ref().ok_or_else(|| Error::NoCertificate { url: self.url.clone() })?;
        let config = pinned::config(dir).map_err(|source| Error::Certificate { url: self.url.clone(), source })?;
        let name = host.to_owned().try_into().map_err(|error| self.broken(error))?;
        let stream = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await;
        self.send(stream.map_err(unreachable)?, request).await
    }

    async fn send(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.broken(error))?;
        tokio::spawn(connection);
        let answer: Response<Incoming> = sender.send_request(request).await.map_err(|error| self.broken(error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await.map_err(|source| Error::Broken { url: self.url.clone(), source })?;
        Ok((status, body.to_bytes()))
    }

    fn read_answer<T: DeserializeOwned>(&self, status: StatusCode, body: &[u8], token: &std::path::Path) -> Result<T, Error> {
        let foreign = |source| Error::Foreign { url: self.url.clone(), status, source };
        if status.is_success() {
            return serde_json::from_slice(body).map_err(foreign);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Error::Forbidden { url: self.url.clone(), path: token.to_path_buf(), status });
        }
        let problem = serde_json::from_slice(body).map_err(foreign)?;
        Err(Error::Said { problem: Box::new(problem) })
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Broken { url: self.url.clone(), source: source.into() }
    }
}

fn bytes(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// The first token of the file; more are there while an old one is being replaced.
fn read_token(path: &std::path::Path) -> Result<Zeroizing<String>, Error> {
    let read = durable::read_mounted_file(path, MAX_TOKENS_BYTES);
    let bytes = Zeroizing::new(read.map_err(|source| Error::ReadToken { path: path.to_path_buf(), source })?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let token = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    token.map(|token| Zeroizing::new(token.to_owned())).ok_or_else(|| Error::EmptyToken { path: path.to_path_buf() })
}
