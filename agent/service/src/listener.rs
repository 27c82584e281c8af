//! An HTTP/1 listener that a slow or silent peer cannot hold up.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::Router;
use hyper_util::service::TowerToHyperService;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Certificates, ConversationSettings, Drain, Error, converse,
    peers::{Peers, Seat},
};

/// The wait after the kernel gave no connection, for instance because files are used up.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How much a listener takes from its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Connections of one peer address at a time; more are closed at once.
    pub max_connections_per_peer: usize,
    /// The longest wait for a TLS handshake, for a whole request head, and for the next request.
    pub header_timeout: Duration,
    /// Bytes of a request head; at least 8 KiB.
    pub max_header_bytes: usize,
    /// The longest goodbye, within what the drain has left.
    pub drain_timeout: Duration,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_connections_per_peer: 64,
            header_timeout: Duration::from_secs(10),
            max_header_bytes: 32 * 1024,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// A bound socket that serves one router.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    certificates: Option<Certificates>,
    settings: ListenerSettings,
}

impl Listener {
    /// Opens the socket; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, settings: ListenerSettings) -> Result<Self, Error> {
        let failed = |source| Error::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Self {
            address: socket.local_addr().map_err(failed)?,
            socket,
            certificates: None,
            settings,
        })
    }

    /// Speaks TLS with these certificates.
    pub fn with_tls(mut self, certificates: Certificates) -> Self {
        self.certificates = Some(certificates);
        self
    }

    /// The address that it really has.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the drain starts, then lets running requests end, within bounds.
    ///
    /// A connection that was upgraded, such as a websocket, belongs to its handler and is not waited for.
    pub async fn serve(mut self, router: Router, drain: Drain) {
        let mut connections = JoinSet::new();
        let mut peers = Peers::new(self.settings.max_connections_per_peer);
        loop {
            tokio::select! {
                () = drain.signalled() => break,
                (stream, peer) = accept(&self.socket), if connections.len() < self.settings.max_connections => {
                    if let Some(seat) = peers.seat(peer.ip()) {
                        let router = router.clone();
                        connections.spawn(self.conversation(stream, seat, router, drain.clone()));
                    }
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
        drop(self.socket);
        say_goodbye(connections, self.settings.drain_timeout, &drain).await;
    }

    /// One connection, from its handshake to its end.
    fn conversation(
        &mut self,
        stream: TcpStream,
        seat: Seat,
        router: Router,
        drain: Drain,
    ) -> impl Future<Output = ()> + Send + 'static {
        let certificates = self.certificates.as_mut();
        let tls = certificates.map(|certificates| certificates.current(Instant::now()));
        let settings = self.settings.clone();
        async move {
            let _seat = seat;
            let answers = TowerToHyperService::new(router);
            let heads = ConversationSettings {
                header_timeout: settings.header_timeout,
                max_header_bytes: settings.max_header_bytes,
            };
            let Some(tls) = tls else {
                return converse(stream, answers, heads, drain).await;
            };
            let handshake = TlsAcceptor::from(tls).accept(stream);
            match timeout(settings.header_timeout, handshake).await {
                Ok(Ok(stream)) => converse(stream, answers, heads, drain).await,
                Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
                Err(_) => tracing::debug!("TLS handshake took too long"),
            }
        }
    }
}

async fn accept(socket: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                // Without it small answers would only be slower.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn say_goodbye(mut connections: JoinSet<()>, at_most: Duration, drain: &Drain) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let in_time = tokio::select! {
        () = all_ended => true,
        () = sleep(at_most) => false,
        () = drain.expired() => false,
    };
    if !in_time {
        tracing::warn!(count = connections.len(), "cutting connections off");
        connections.shutdown().await;
    }
}
