//! The one task behind a connection: it reads and writes the socket until it ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::clip::{NAME, clip};
use crate::event::{Feed, Tap};
use crate::frame::{Answer, Incoming};
use crate::stream::Stream;
use crate::{Closed, Rejection, Settings};

/// How long an end may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The calls that wait for their answers.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Calls>);

type Calls = HashMap<u64, oneshot::Sender<Result<Answer, Rejection>>>;

impl Pending {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares the task that serves `ws`. It ends when the senders of `requests` are gone or the
/// socket ends, and says how in `ended`. With it comes where to subscribe to events, for as
/// long as the task lives.
pub(crate) fn pump(
    ws: WebSocketStream<Stream>,
    pending: Arc<Pending>,
    requests: mpsc::Receiver<Message>,
    ended: watch::Sender<Option<Closed>>,
    settings: &Settings,
) -> (Tap, impl Future<Output = ()> + use<>) {
    let events = Feed::new();
    let tap = events.tap();
    let (sink, source) = ws.split();
    let reader = Reader {
        source,
        pending,
        events,
        silence: settings.silence,
    };
    let writer = Writer {
        sink,
        requests,
        patience: settings.call_timeout,
    };
    (tap, drive(reader, writer, ended))
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
    events: Feed,
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
                Some(Incoming::Event(event)) => self.events.tell(event),
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
