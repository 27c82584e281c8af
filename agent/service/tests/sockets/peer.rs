//! A peer that writes what it likes, and a listener for it to talk to.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use axum::Router;
use service::{Certificates, Drain, Listener, ListenerSettings};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener at work.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) drain: Drain,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(
        router: Router,
        settings: ListenerSettings,
        certificates: Option<Certificates>,
    ) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener = Listener::bind(any, settings).await.unwrap();
        if let Some(certificates) = certificates {
            listener = listener.with_tls(certificates);
        }
        let address = listener.local_addr();
        let drain = Drain::new(Duration::from_secs(60));
        let task = tokio::spawn(listener.serve(router, drain.clone()));
        Self {
            address,
            drain,
            task,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// How long the listener takes from now to its end.
    pub(crate) async fn ended(self) -> Duration {
        let begun = Instant::now();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
        begun.elapsed()
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        let mut stream = self.connect().await;
        write(&mut stream, &request(line, headers)).await;
        read_all(stream).await
    }
}

/// What came back until the other side closed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) after: Duration,
}

impl Answer {
    /// 0 when there was no answer.
    pub(crate) fn status(&self) -> u16 {
        let status = self.text.split(' ').nth(1);
        status.map_or(0, |status| status.parse().unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        headers.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }
}

pub(crate) fn request(line: &str, headers: &[&str]) -> String {
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    format!("{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n")
}

pub(crate) async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Reads until the other side closes, however it does it.
pub(crate) async fn read_all(mut stream: impl AsyncRead + Unpin) -> Answer {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .unwrap();
    Answer {
        text: String::from_utf8(bytes).unwrap(),
        after: begun.elapsed(),
    }
}
