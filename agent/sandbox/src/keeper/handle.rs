//! The way in for callers: commands to the keeper, and the view that it publishes.

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::view::{Happening, View};
use crate::{EngineError, Force, Id, Mode, PassReport, Request, Why};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// There is no daemon, or what it has is not known yet.
    #[error("the sandbox daemon is not there ({why}); try again once it answers")]
    DaemonDown {
        /// What was seen of it.
        why: String,
    },
    /// There is no such sandbox.
    #[error("there is no sandbox {0}")]
    Unknown(Id),
    /// Something runs in it.
    #[error("the sandbox is live; it goes only when it is named to be forced")]
    Live(Why),
    /// It was started again, or is used by something else.
    #[error("the sandbox is in use; try again")]
    InUse,
    /// The daemon did not remove it.
    #[error("the sandbox could not be removed")]
    Failed(#[source] EngineError),
    /// Too many passes wait already.
    #[error("too many passes wait already; try again later")]
    Busy,
    /// The keeper has ended.
    #[error("the owner of the sandboxes has ended")]
    Ended,
}

impl KeeperError {
    /// The label of this error in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DaemonDown { .. } => "daemon_down",
            Self::Unknown(_) => "unknown",
            Self::Live(_) => "live",
            Self::InUse => "in_use",
            Self::Failed(_) => "failed",
            Self::Busy => "busy",
            Self::Ended => "ended",
        }
    }
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, KeeperError>>;

/// What the keeper is asked to do. Each carries its way back.
pub(super) enum Command {
    Pass {
        mode: Mode,
        request: Request,
        reply: Reply<PassReport>,
    },
    Remove {
        id: Id,
        force: Force,
        reply: Reply<()>,
    },
    Measure {
        reply: Reply<()>,
    },
}

/// A cheap way to the keeper.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) view: watch::Receiver<View>,
    pub(super) happenings: broadcast::Sender<Happening>,
}

impl Handle {
    /// What the keeper last published, and every later view.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// What happens from now on. Who is slow misses the oldest, and is told how much.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Happening> {
        self.happenings.subscribe()
    }

    /// Makes a pass now.
    ///
    /// # Errors
    /// [`KeeperError::DaemonDown`] while the inventory is not true, [`KeeperError::Busy`] when too many wait.
    pub async fn pass(&self, mode: Mode, request: Request) -> Result<PassReport, KeeperError> {
        self.ask(|reply| Command::Pass {
            mode,
            request,
            reply,
        })
        .await
    }

    /// Removes one sandbox.
    ///
    /// # Errors
    /// [`KeeperError::Live`] while something runs in it, unless it is forced by name.
    pub async fn remove(&self, id: Id, force: Force) -> Result<(), KeeperError> {
        self.ask(|reply| Command::Remove { id, force, reply }).await
    }

    /// Measures what each running sandbox uses; the next view shows it.
    ///
    /// # Errors
    /// [`KeeperError::DaemonDown`] while the inventory is not true.
    pub async fn measure(&self) -> Result<(), KeeperError> {
        self.ask(|reply| Command::Measure { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, KeeperError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| KeeperError::Ended)?;
        answer.await.map_err(|_| KeeperError::Ended)?
    }
}
