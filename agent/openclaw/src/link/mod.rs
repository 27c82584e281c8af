//! The lasting connection: one that reads, kept alive for as long as the process lives.
//!
//! In: where the gateway listens and its token, both of which may change. Out: the state of
//! the connection and the events that matter. It never writes: whoever needs more power opens
//! a short connection through the [`LinkHandle`].

mod handle;
mod pace;
mod state;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

pub use handle::LinkHandle;
pub use state::LinkState;

use crate::event::Feed;
use crate::{
    Closed, Connection, Endpoint, Error, Event, Received, Scope, Settings, Token, connect,
};
use pace::Pace;
use state::Publisher;

/// Keeps a connection to the gateway.
#[derive(Debug)]
pub struct Link {
    endpoint: watch::Receiver<Option<Endpoint>>,
    token: watch::Receiver<Token>,
    settings: Settings,
    events: Feed,
    publisher: Publisher,
    nudge: Arc<Notify>,
    pace: Pace,
    /// Of the last life seen; the inner one is absent where the release does not tell.
    boot_id: Option<Option<String>>,
}

impl Link {
    /// A link and its handle. Nothing happens before [`run`](Self::run).
    pub fn new(
        endpoint: watch::Receiver<Option<Endpoint>>,
        token: watch::Receiver<Token>,
        settings: Settings,
    ) -> (Self, LinkHandle) {
        let events = Feed::new();
        let (publisher, state, connection) = Publisher::new();
        let nudge = Arc::new(Notify::new());
        let handle = LinkHandle {
            endpoint: endpoint.clone(),
            token: token.clone(),
            settings: settings.clone(),
            state,
            connection,
            events: events.clone(),
            nudge: nudge.clone(),
        };
        let pace = Pace::new(&settings);
        let link = Self {
            endpoint,
            token,
            settings,
            events,
            publisher,
            nudge,
            pace,
            boot_id: None,
        };
        (link, handle)
    }

    /// Connects, and again whenever the connection ends, until `drain` is ready.
    pub async fn run(mut self, drain: impl Future<Output = ()>) {
        let mut drain = pin!(drain);
        loop {
            tokio::select! {
                () = &mut drain => return self.publisher.absent("draining"),
                () = self.pass() => {}
            }
        }
    }

    /// One life of the connection: open it, live with it until it ends, wait.
    async fn pass(&mut self) {
        let token = self.token.borrow_and_update().clone();
        let Some(endpoint) = self.endpoint.borrow_and_update().clone() else {
            self.publisher.absent("no_endpoint");
            return self.changed().await;
        };
        match self.open(&endpoint, &token).await {
            Some(Ok(connection)) => self.live(connection, &endpoint).await,
            Some(Err(error)) => self.fail(&error).await,
            None => self.pace.reset(),
        }
    }

    /// Connects; `None` when what it connects to changed meanwhile.
    async fn open(&mut self, to: &Endpoint, token: &Token) -> Option<Result<Connection, Error>> {
        let settings = self.settings.clone();
        tokio::select! {
            result = connect(to, token, &[Scope::Read], &settings) => Some(result),
            () = self.changed() => None,
        }
    }

    async fn live(&mut self, connection: Connection, endpoint: &Endpoint) {
        let mut events = connection.events();
        let connection = Arc::new(connection);
        let began = Instant::now();
        self.greet(&connection);
        self.publisher.up(connection.clone());
        let closed = loop {
            tokio::select! {
                closed = connection.closed() => break Some(closed),
                () = moved(&mut self.endpoint, endpoint) => break None,
                Some(received) = events.next() => self.forward(received),
            }
        };
        // Events that came with the goodbye.
        while let Some(event) = events.waiting() {
            self.forward(Received::Event(event));
        }
        self.part(closed, began).await;
    }

    /// A connection that held for a while starts the waits anew; one that did not must not
    /// become a tight loop.
    async fn part(&mut self, closed: Option<Closed>, began: Instant) {
        let now = Instant::now();
        if closed.is_none() || now.duration_since(began) >= self.settings.backoff_max {
            self.pace.reset();
        }
        let Some(closed) = closed else {
            return self.publisher.absent("moved");
        };
        if closed.expects_return() {
            self.pace.expect(now);
        }
        self.publisher.absent(closed.reason());
        let until = self.pace.next(now);
        self.wait(until).await;
    }

    /// Says so when another life of the gateway answers than before, or may.
    fn greet(&mut self, connection: &Connection) {
        let boot_id = connection.hello().boot_id.clone();
        let before = self.boot_id.replace(boot_id.clone());
        if before.is_some_and(|before| before.is_none() || before != boot_id) {
            self.events.tell(Event::Booted { boot_id });
        }
    }

    fn forward(&mut self, received: Received) {
        match received {
            Received::Event(event) => {
                if let Event::Shutdown { .. } = event {
                    self.pace.expect(Instant::now());
                }
                self.events.tell(event);
            }
            Received::Lagged(lost) => tracing::warn!(lost, "events of the gateway were lost"),
        }
    }

    async fn fail(&mut self, error: &Error) {
        let now = Instant::now();
        let until = match error {
            Error::Refused(rejection) => {
                self.publisher.refused(rejection);
                self.pace.refused(now)
            }
            other => {
                self.publisher.absent(other.reason());
                let there = matches!(other, Error::NotReady(_));
                if there {
                    self.pace.starting(now)
                } else {
                    self.pace.next(now)
                }
            }
        };
        self.wait(until).await;
    }

    /// Waits for the time, a nudge, or another endpoint or token.
    async fn wait(&mut self, until: Instant) {
        let nudge = self.nudge.clone();
        tokio::select! {
            () = sleep_until(until) => {}
            () = nudge.notified() => self.pace.expect(Instant::now()),
            () = self.changed() => self.pace.reset(),
        }
    }

    /// Waits until endpoint or token changes; for ever when both have lost their senders.
    async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.endpoint.changed() => {}
            Ok(()) = self.token.changed() => {}
            else => std::future::pending().await,
        }
    }
}

/// Waits until the endpoint is another than `now`; for ever when its sender is gone.
async fn moved(endpoint: &mut watch::Receiver<Option<Endpoint>>, now: &Endpoint) {
    if endpoint
        .wait_for(|endpoint| endpoint.as_ref() != Some(now))
        .await
        .is_err()
    {
        std::future::pending().await
    }
}
