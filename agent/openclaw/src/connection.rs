//! One open connection: calls go out, answers and events come in, in any order.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::event::Tap;
use crate::frame::{Answer, Request};
use crate::pump::{Pending, pump};
use crate::stream::Stream;
use crate::{Closed, Error, Events, Hello, Rejection, Settings};

/// Requests that wait for the socket.
const QUEUE: usize = 16;

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
    events: Tap,
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
        let (ended, end) = watch::channel(None);
        let pending = Arc::new(Pending::default());
        let (events, task) = pump(ws, pending.clone(), requests, ended, settings);
        tokio::spawn(task);
        Self {
            hello: Arc::new(hello),
            outgoing,
            pending,
            events,
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
        tracing::trace!(what = method, "the gateway is asked");
        let answered = timeout(patience, self.exchange(id, text)).await;
        let answer = answered.map_err(|_| Error::Timeout {
            what: method,
            after: patience,
        })??;
        let answer = answer.map_err(|no| Error::of_call(method, no))?;
        serde_json::from_str(answer.payload()).map_err(|e| Error::Decode {
            method,
            column: e.column(),
        })
    }

    /// A reader of the events from now on.
    pub fn events(&self) -> Events {
        self.events.events()
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
