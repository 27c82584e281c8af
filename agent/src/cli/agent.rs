//! The way through a running agent: one request, one connection, one answer in the API's types.

mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_api::ACTOR_HEADER;
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

pub(super) use error::Error;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long any answer may take; a change is waited for until the gateway has proved it.
const ANSWER: Duration = Duration::from_secs(150);
/// The largest answer: a whole document with its provenance.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// The largest file of tokens.
const MAX_TOKENS_BYTES: u64 = 64 << 10;

/// An agent to ask.
#[derive(Debug)]
pub(super) struct Agent {
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
    /// Whether some token file is known.
    pub(super) fn has_token(&self) -> bool {
        self.read.is_some() || self.operate.is_some()
    }

    /// Asks to see something.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let token = self.read.as_ref().or(self.operate.as_ref());
        self.ask(Method::GET, path, Bytes::new(), token, "read-token-file")
    }

    /// Asks to see something that an older agent does not have.
    pub(super) fn get_if_known<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        match self.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.is_too_old() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks what would be, which changes nothing.
    pub(super) fn try_out<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        let token = self.read.as_ref().or(self.operate.as_ref());
        self.ask(Method::POST, path, bytes(body), token, "read-token-file")
    }

    /// Asks for a change.
    pub(super) fn change<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Error> {
        self.ask(
            Method::POST,
            path,
            bytes(body),
            self.operate.as_ref(),
            "operate-token-file",
        )
    }

    /// A page of text that takes no token, such as that of the probes at `HOST:PORT`.
    pub(super) fn page(address: &str, path: &str) -> Result<String, Error> {
        let agent = Self {
            url: format!("http://{address}").parse().unwrap_or_default(),
            read: None,
            operate: None,
            tls: None,
            actor: String::new(),
        };
        let request = Request::builder().uri(path).header("host", address);
        let request = request
            .body(Full::new(Bytes::new()))
            .map_err(|error| agent.broken(error))?;
        match agent.exchanged(request)? {
            (StatusCode::OK, body) => Ok(String::from_utf8_lossy(&body).into_owned()),
            (status, _) => Err(Error::NoPage {
                url: agent.name(),
                status,
            }),
        }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        token: Option<&PathBuf>,
        knob: &'static str,
    ) -> Result<T, Error> {
        let file = token.ok_or_else(|| Error::NoToken {
            url: self.name(),
            knob,
        })?;
        let token = read_token(file)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(
                "host",
                self.url
                    .authority()
                    .map_or("", |authority| authority.as_str()),
            )
            .header("authorization", format!("Bearer {}", *token))
            .header("content-type", "application/json")
            .header(ACTOR_HEADER, self.actor.as_str())
            .body(Full::new(body))
            .map_err(|error| self.broken(error))?;
        let (status, body) = self.exchanged(request)?;
        self.read_answer(status, &body, file)
    }

    fn exchanged(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.broken(error))?;
        let asked = runtime.block_on(async { timeout(ANSWER, self.exchange(request)).await });
        asked.map_err(|_| Error::Late {
            url: self.name(),
            after: ANSWER,
        })?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let tls = self.tls()?;
        let (host, port) = (
            self.url.host().unwrap_or_default(),
            self.url.port_u16().unwrap_or(18780),
        );
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let unreachable = |source| Error::Connect {
            url: self.name(),
            source,
        };
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
        let stream = connected
            .map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?
            .map_err(unreachable)?;
        let Some(tls) = tls else {
            return self.send(stream, request).await;
        };
        let name = host
            .to_owned()
            .try_into()
            .map_err(|error| self.broken(error))?;
        self.send(
            tls.connect(name, stream).await.map_err(unreachable)?,
            request,
        )
        .await
    }

    fn tls(&self) -> Result<Option<TlsConnector>, Error> {
        if self.url.scheme() != Some(&Scheme::HTTPS) {
            return Ok(None);
        }
        let dir = self
            .tls
            .as_ref()
            .ok_or_else(|| Error::NoCertificate { url: self.name() })?;
        let config = pinned::config(dir).map_err(|source| Error::Certificate {
            url: self.name(),
            source: Box::new(source),
        })?;
        Ok(Some(Arc::new(config).into()))
    }

    async fn send(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Error> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        tokio::spawn(connection);
        let answer: Response<Incoming> = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|source| Error::Broken {
                url: self.name(),
                source,
            })?;
        Ok((status, body.to_bytes()))
    }

    fn read_answer<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        body: &[u8],
        token: &Path,
    ) -> Result<T, Error> {
        let foreign = |source| Error::Foreign {
            url: self.name(),
            status,
            source,
        };
        if status.is_success() {
            return serde_json::from_slice(body).map_err(foreign);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Error::Forbidden {
                url: self.name(),
                path: token.to_path_buf(),
                status,
            });
        }
        let problem = serde_json::from_slice(body).map_err(foreign)?;
        Err(Error::Said {
            problem: Box::new(problem),
        })
    }

    fn name(&self) -> String {
        self.url.to_string().trim_end_matches('/').to_owned()
    }

    fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Broken {
            url: self.name(),
            source: source.into(),
        }
    }
}

fn bytes(body: &impl Serialize) -> Bytes {
    serde_json::to_vec(body).unwrap_or_default().into()
}

/// The first token of the file; more are there while an old one is being replaced.
fn read_token(path: &Path) -> Result<Zeroizing<String>, Error> {
    let read = durable::read_mounted_file(path, MAX_TOKENS_BYTES);
    let bytes = Zeroizing::new(read.map_err(|source| Error::ReadToken {
        path: path.to_path_buf(),
        source,
    })?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let token = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    token
        .map(|token| Zeroizing::new(token.to_owned()))
        .ok_or_else(|| Error::EmptyToken {
            path: path.to_path_buf(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// A server that answers one request, over TLS; its address, and its certificate as PEM.
    fn server() -> (u16, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["somebody".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let config = config
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let (told, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap().port()).unwrap();
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await
                else {
                    return;
                };
                let mut request = [0; 2048];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                assert!(
                    request.contains("authorization: Bearer tell-me\r\n"),
                    "{request}"
                );
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"generations\":[]}")
                    .await
                    .unwrap();
                stream.shutdown().await.unwrap();
            });
        });
        (address.recv().unwrap(), cert.pem())
    }

    fn agent(port: u16, dir: &Path) -> Agent {
        std::fs::write(dir.join("token"), "# the newest\n tell-me \nold\n").unwrap();
        let url = format!("https://127.0.0.1:{port}").parse().unwrap();
        Agent {
            url,
            read: Some(dir.join("token")),
            operate: None,
            tls: Some(dir.to_path_buf()),
            actor: "cli".to_owned(),
        }
    }

    #[test]
    fn the_holder_of_the_pinned_certificate_is_the_agent_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let (port, pem) = server();
        std::fs::write(dir.path().join("tls.crt"), pem).unwrap();
        let answer: agent_api::HistoryResponse =
            agent(port, dir.path()).get("/v1/config/history").unwrap();
        assert!(answer.generations.is_empty());

        let (other, _) = server();
        let refused = agent(other, dir.path())
            .get::<agent_api::HistoryResponse>("/v1/config/history")
            .unwrap_err();
        assert!(
            matches!(&refused, Error::Connect { source, .. } if source.to_string().contains("UnknownIssuer")),
            "{refused:?}"
        );
    }

    #[test]
    fn without_a_certificate_or_a_token_nobody_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let history = |agent: &Agent| {
            agent
                .get::<agent_api::HistoryResponse>("/v1/config/history")
                .unwrap_err()
        };
        assert!(matches!(
            history(&agent(1, dir.path())),
            Error::Certificate { .. }
        ));
        let blind = Agent {
            tls: None,
            ..agent(1, dir.path())
        };
        assert!(matches!(history(&blind), Error::NoCertificate { .. }));
        let mute = Agent {
            read: None,
            ..agent(1, dir.path())
        };
        assert!(matches!(
            history(&mute),
            Error::NoToken {
                knob: "read-token-file",
                ..
            }
        ));
        std::fs::write(dir.path().join("token"), "# none\n\n").unwrap();
        assert!(matches!(history(&blind), Error::EmptyToken { .. }));
    }
}
