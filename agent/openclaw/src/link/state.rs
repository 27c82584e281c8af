//! What is known of the lasting connection.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Connection, Hello, Rejection};

/// The state of the lasting connection.
#[derive(Debug, Clone)]
pub enum LinkState {
    /// There is none.
    Absent {
        /// Since when.
        since: Instant,
        /// A label: why the last attempt failed or the last connection ended.
        reason: &'static str,
    },
    /// A gateway is there and does not let us in: token, identity or scopes.
    Refused {
        /// Since when.
        since: Instant,
        /// What it says.
        rejection: Rejection,
    },
    /// It stands.
    Up(Arc<Hello>),
}

impl LinkState {
    /// What the gateway said of itself, while the connection stands.
    pub fn hello(&self) -> Option<&Arc<Hello>> {
        if let Self::Up(hello) = self {
            Some(hello)
        } else {
            None
        }
    }
}

/// Writes the state and the connection that belongs to it.
#[derive(Debug)]
pub(super) struct Publisher {
    state: watch::Sender<LinkState>,
    connection: watch::Sender<Option<Arc<Connection>>>,
}

type Views = (
    Publisher,
    watch::Receiver<LinkState>,
    watch::Receiver<Option<Arc<Connection>>>,
);

impl Publisher {
    pub(super) fn new() -> Views {
        let first = LinkState::Absent {
            since: Instant::now(),
            reason: "not_tried",
        };
        let (state, states) = watch::channel(first);
        let (connection, connections) = watch::channel(None);
        (Self { state, connection }, states, connections)
    }

    /// The connection is there before the state says so.
    pub(super) fn up(&self, connection: Arc<Connection>) {
        let hello = connection.hello().clone();
        self.connection.send_replace(Some(connection));
        self.state.send_replace(LinkState::Up(hello));
    }

    /// Failing again for the same reason is no news and wakes nobody.
    pub(super) fn absent(&self, reason: &'static str) {
        self.connection.send_replace(None);
        self.state.send_if_modified(|state| {
            let since = match state {
                LinkState::Absent { reason: before, .. } if *before == reason => return false,
                LinkState::Absent { since, .. } => *since,
                _ => Instant::now(),
            };
            *state = LinkState::Absent { since, reason };
            true
        });
    }

    pub(super) fn refused(&self, rejection: &Rejection) {
        self.connection.send_replace(None);
        self.state.send_if_modified(|state| {
            let since = match state {
                LinkState::Refused {
                    rejection: before, ..
                } if before == rejection => return false,
                LinkState::Refused { since, .. } => *since,
                _ => Instant::now(),
            };
            *state = LinkState::Refused {
                since,
                rejection: rejection.clone(),
            };
            true
        });
    }
}
