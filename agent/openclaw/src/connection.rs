//! One open connection: calls go out, answers and events come in, in any order.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::clip::{NAME, clip};
use crate::event::WAITING;
use crate::frame::{Answer, Incoming, Request};
use crate::stream::Stream;
use crate::{Error, Event, Events, Hello, Rejection, Settings};

/// Requests that wait for the socket.
const QUEUE: usize = 16;
/// How long an end may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The gateway said goodbye.
    #[error("by the gateway with {code}: {text}")]
    Peer {
        /// 1012 is a restart, 4001 a changed token, 1008 a refusal.
        code: u16,
        /// Its words.
        text: String,
    },
    /// It was gone without a word.
    #[error("without a goodbye")]
    Lost,
    /// It sent a message above our bound.
    #[error("over a message that is too large")]
    TooLarge,
    /// It sent something that is not this protocol.
    #[error("over a message that is not of this protocol")]
    Garbage,
    /// It sent nothing for too long.
    #[error("after a long silence")]
    Silent,
    /// It took nothing for too long.
    #[error("since the gateway reads nothing")]
    Stalled,
    /// We dropped it.
    #[error("by us")]
    Ours,
}

impl Closed {
    /// A short label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Peer { code: 1012, .. } => "closed_restart",
            Self::Peer { code: 4001, .. } => "closed_auth_changed",
            Self::Peer { code: 1008, .. } => "closed_policy",
            Self::Peer { .. } => "closed",
            Self::Lost => "lost",
            Self::TooLarge => "message_too_large",
            Self::Garbage => "garbage",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Ours => "closed_by_us",
        }
    }

    /// Whether the gateway said that it will be back.
    pub fn expects_return(&self) -> bool {
        matches!(
            self,
            Self::Peer {
                code: 1012 | 4001,
                ..
            }
        )
    }
}

/// The calls that wait for their answers.
#[derive(Default)]
struct Pending(Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Rejection>>>>);

impl Pending {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<Answer, Rejection>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes its call out of the list when it is dropped, however the wait ended.
struct Waiting<'a> {
    pending: &'a Pending,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pending.lock().remove(&self.id);
    }
}

/// An open connection to a gateway. It closes when it is dropped.
pub struct Connection {
    hello: Arc<Hello>,
    outgoing: mpsc::Sender<Message>,
    pending: Arc<Pending>,
    events: broadcast::WeakSender<Event>,
    end: watch::Receiver<Option<Closed>>,
    next_id: AtomicU64,
    call_timeout: Duration,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("hello", &self.hello)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Takes over a socket on which the greeting is done. One task of its own reads and
    /// writes it, until the connection is dropped or the socket ends.
    pub(crate) fn start(ws: WebSocketStream<Stream>, hello: Hello, settings: &Settings) -> Self {
        let (outgoing, requests) = mpsc::channel(QUEUE);
        let (events, _) = broadcast::channel(WAITING);
        let (ended, end) = watch::channel(None);
        let pending = Arc::new(Pending::default());
        let weak = events.downgrade();
        let (sink, source) = ws.split();
        let reader = Reader {
            source,
            pending: pending.clone(),
            events,
            silence: settings.silence,
        };
        let writer = Writer {
            sink,
            requests,
            patience: settings.call_timeout,
        };
        tokio::spawn(drive(reader, writer, ended));
        Self {
            hello: Arc::new(hello),
            outgoing,
            pending,
            events: weak,
            end,
            next_id: AtomicU64::new(1),
            call_timeout: settings.call_timeout,
        }
    }

    /// What the gateway said of itself.
    pub fn hello(&self) -> &Arc<Hello> {
        &self.hello
    }

    /// Calls `method` and reads its answer as `T`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<T, Error> {
        self.call_within(self.call_timeout, method, params).await
    }

    /// Calls `method` with a patience of its own, for calls that may take long.
    pub async fn call_within<T: DeserializeOwned>(
        &self,
        patience: Duration,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<T, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let text = self.encode(id, method, params)?;
        let answered = timeout(patience, self.exchange(id, text)).await;
        let answer = answered.map_err(|_| Error::Timeout {
            what: method,
            after: patience,
        })??;
        let answer = answer.map_err(|no| Error::Rejected {
            method,
            rejection: Box::new(no),
        })?;
        serde_json::from_str(answer.payload()).map_err(|e| Error::Decode {
            method,
            column: e.column(),
        })
    }

    /// A reader of the events from now on.
    pub fn events(&self) -> Events {
        let ended = || broadcast::channel(1).1;
        Events(
            self.events
                .upgrade()
                .map_or_else(ended, |events| events.subscribe()),
        )
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) -> Closed {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await;
        ended
            .ok()
            .and_then(|closed| closed.clone())
            .unwrap_or(Closed::Lost)
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<Closed> {
        self.end.borrow().clone()
    }

    /// The number of calls without an answer yet.
    pub fn in_flight(&self) -> usize {
        self.pending.lock().len()
    }

    fn encode(
        &self,
        id: u64,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<String, Error> {
        let id = id.to_string();
        let text = serde_json::to_string(&Request::new(&id, method, params))
            .map_err(|_| Error::Encode { method })?;
        let limit = self.hello.max_payload;
        if text.len() > limit {
            return Err(Error::TooLarge {
                method,
                size: text.len(),
                limit,
            });
        }
        Ok(text)
    }

    async fn exchange(&self, id: u64, text: String) -> Result<Result<Answer, Rejection>, Error> {
        let (answer, answered) = oneshot::channel();
        self.pending.lock().insert(id, answer);
        let _waiting = Waiting {
            pending: &self.pending,
            id,
        };
        if self.outgoing.send(Message::text(text)).await.is_ok()
            && let Ok(answer) = answered.await
        {
            return Ok(answer);
        }
        Err(Error::Closed(self.closed().await))
    }
}

/// Reads and writes until one of both ends, then says why and lets every waiting call go.
async fn drive(reader: Reader, mut writer: Writer, ended: watch::Sender<Option<Closed>>) {
    let pending = reader.pending.clone();
    let closed = tokio::select! {
        closed = reader.run() => closed,
        closed = writer.run() => closed,
    };
    tracing::debug!(reason = closed.reason(), "gateway connection ended");
    ended.send_replace(Some(closed));
    pending.lock().clear();
    // A goodbye is a courtesy to a gateway that still reads.
    drop(timeout(GOODBYE, writer.sink.close()).await);
}

struct Reader {
    source: SplitStream<WebSocketStream<Stream>>,
    pending: Arc<Pending>,
    events: broadcast::Sender<Event>,
    silence: Duration,
}

impl Reader {
    async fn run(mut self) -> Closed {
        loop {
            let Ok(next) = timeout(self.silence, self.source.next()).await else {
                return Closed::Silent;
            };
            let text = match message(next) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(closed) => return closed,
            };
            match Incoming::read(text) {
                Some(Incoming::Answer(id, answer)) => self.deliver(id, answer),
                // Nobody listening is fine.
                Some(Incoming::Event(event)) => drop(self.events.send(event)),
                Some(Incoming::Challenge | Incoming::Other) => {}
                None => return Closed::Garbage,
            }
        }
    }

    /// An answer to an unknown call is one that nobody waits for any more.
    fn deliver(&self, id: u64, answer: Result<Answer, Rejection>) {
        if let Some(waiting) = self.pending.lock().remove(&id) {
            drop(waiting.send(answer));
        }
    }
}

/// The text of a message; nothing for pings; the reason when it is the end.
pub(crate) fn message(
    next: Option<Result<Message, tungstenite::Error>>,
) -> Result<Option<tungstenite::Utf8Bytes>, Closed> {
    match next {
        Some(Ok(Message::Text(text))) => Ok(Some(text)),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Close(Some(frame)))) => Err(Closed::Peer {
            code: frame.code.into(),
            text: clip(&frame.reason, NAME),
        }),
        Some(Ok(Message::Binary(_) | Message::Frame(_))) => Err(Closed::Garbage),
        Some(Err(tungstenite::Error::Capacity(_))) => Err(Closed::TooLarge),
        Some(Err(
            tungstenite::Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )
            | tungstenite::Error::Io(_)
            | tungstenite::Error::ConnectionClosed
            | tungstenite::Error::AlreadyClosed,
        ))
        | Some(Ok(Message::Close(None)))
        | None => Err(Closed::Lost),
        Some(Err(_)) => Err(Closed::Garbage),
    }
}

struct Writer {
    sink: SplitSink<WebSocketStream<Stream>, Message>,
    requests: mpsc::Receiver<Message>,
    patience: Duration,
}

impl Writer {
    async fn run(&mut self) -> Closed {
        while let Some(request) = self.requests.recv().await {
            match timeout(self.patience, self.sink.send(request)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    // The reader is about to see why, and knows the gateway's last words.
                    sleep(GOODBYE).await;
                    return Closed::Lost;
                }
                Err(_) => return Closed::Stalled,
            }
        }
        Closed::Ours
    }
}
