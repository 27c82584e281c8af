//! The gateway's life as callers want it: whether it is idle, suspended, begun anew.
//!
//! In: the gateway over its link, the document's state, the sandboxes, and (as supervisor) the child. Out: a `Handle` for
//! `http`, the suspension for whoever judges the instance, and what callers did for whoever keeps a journal. It decides
//! nothing by itself but to give back what nobody holds any longer, and never counts what is unknown as nothing.

mod activity;
mod error;
mod gateway;
mod handle;
mod linked;
mod observer;
mod restart;
mod suspension;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};

use crate::config;
use crate::config::gateway::Presence;
use crate::gateway::{Child, Tokens};
use crate::sandbox::Owner;
use gateway::Gateway;
use observer::Observer;
use restart::Restarts;
use suspension::Suspension;

pub use error::Error;
pub use gateway::Work;
pub use handle::Handle;
pub use linked::Linked;
pub use restart::Force;

/// Callers that wait for their turn.
const WAITING: usize = 16;

/// What a caller did, or what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What.
    pub what: What,
    /// Who.
    pub actor: String,
}

/// What can be done to a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was restarted.
    Restart,
    /// It takes no new work.
    Suspend,
    /// It takes work again, since somebody said so.
    Resume,
    /// It takes work again, since nobody held the suspension any longer.
    SuspensionExpired,
}

impl What {
    /// Its word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::SuspensionExpired => "suspension_expired",
        }
    }
}

/// What it stands on.
pub struct Parts {
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// Whether it answers, and in which life.
    pub presence: watch::Receiver<Presence>,
    /// The document, which is not to be disturbed while it changes.
    pub document: config::Handle,
    /// The sandboxes, where this agent owns them.
    pub sandboxes: Option<Owner>,
    /// The gateway's process, where it is ours.
    pub child: Option<Child>,
    /// They know what the release does with a signal.
    pub tokens: Arc<Tokens>,
}

/// The parts that run.
pub struct Running {
    /// Owns the suspension.
    pub suspension: Suspension,
    /// Looks at the activity.
    pub observer: Observer,
}

/// Makes the parts and the way to them. Nothing runs yet.
pub fn new(parts: Parts) -> (Running, Handle) {
    let (commands, orders) = mpsc::channel(WAITING);
    let (asked, questions) = mpsc::channel(WAITING);
    let (view, suspension) = watch::channel(None);
    let (happened, _) = broadcast::channel(WAITING);
    let observer = Observer::new(
        Arc::clone(&parts.gateway),
        parts.document.clone(),
        parts.sandboxes,
        suspension.clone(),
        questions,
    );
    let owner = Suspension::new(
        Arc::clone(&parts.gateway),
        parts.presence.clone(),
        orders,
        view,
        happened.clone(),
        suspension::at_end(parts.child.is_some()),
    );
    let restarts = Restarts::new(
        parts.gateway,
        parts.presence,
        parts.child,
        parts.tokens,
        happened.clone(),
    );
    let handle = Handle {
        commands,
        asked,
        suspension,
        document: parts.document,
        restarts: Arc::new(restarts),
        happened,
    };
    let running = Running {
        suspension: owner,
        observer,
    };
    (running, handle)
}
