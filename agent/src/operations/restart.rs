//! A restart of the gateway: over its protocol where it has the call, else by a signal, where it is our child.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{RestartResponse, RestartState, RestartWay};
use tokio::sync::{Semaphore, TryAcquireError, broadcast, watch};
use tokio::time::{Instant, timeout};

use super::gateway::{Deferral, Gateway, Scheduled};
use super::{Error, Happened, What};
use crate::config::gateway::Presence;
use crate::gateway::{Child, Tokens};

/// Restarts the gateway, one at a time.
pub struct Restarts {
    gateway: Arc<dyn Gateway>,
    presence: watch::Receiver<Presence>,
    child: Option<Child>,
    tokens: Arc<Tokens>,
    happened: broadcast::Sender<Happened>,
    turn: Semaphore,
}

/// Whether a restart may cut work off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Not where anything is under way.
    No,
    /// Also then.
    Yes,
}

/// What names the life that is to end.
struct Before {
    boot_id: Option<String>,
    exits: u64,
}

/// How it was asked for.
struct Asked {
    way: RestartWay,
    scheduled: Scheduled,
}

impl Asked {
    fn by(way: RestartWay) -> Self {
        Self {
            way,
            scheduled: Scheduled::default(),
        }
    }
}

impl Restarts {
    /// Nothing is restarted yet.
    pub fn new(
        gateway: Arc<dyn Gateway>,
        presence: watch::Receiver<Presence>,
        child: Option<Child>,
        tokens: Arc<Tokens>,
        happened: broadcast::Sender<Happened>,
    ) -> Self {
        Self {
            gateway,
            presence,
            child,
            tokens,
            happened,
            turn: Semaphore::new(1),
        }
    }

    /// Restarts it, and waits for its next life as long as told. What is not seen by then goes on.
    pub async fn restart(
        &self,
        force: Force,
        patience: Duration,
        actor: String,
    ) -> Result<RestartResponse, Error> {
        let _turn = self.turn.try_acquire().map_err(|why| match why {
            TryAcquireError::NoPermits => Error::Restarting,
            TryAcquireError::Closed => Error::Ended,
        })?;
        let began = Instant::now();
        let before = self.before();
        let asked = self.ask(force).await?;
        tracing::info!(actor, way = ?asked.way, "the gateway restarts");
        let what = What::Restart;
        // Nobody listening is fine.
        let _ = self.happened.send(Happened { what, actor });
        let boot_id = timeout(patience, self.next_life(&before, asked.way)).await;
        Ok(response(asked, boot_id.ok(), began.elapsed()))
    }

    fn before(&self) -> Before {
        Before {
            boot_id: boot_id(&self.presence.borrow()),
            exits: self.exits(),
        }
    }

    fn exits(&self) -> u64 {
        self.child.as_ref().map_or(0, Child::exits)
    }

    async fn ask(&self, force: Force) -> Result<Asked, Error> {
        match self.ask_over_rpc(force).await {
            Ok(scheduled) => Ok(Asked {
                way: RestartWay::Rpc,
                scheduled,
            }),
            Err(Error::Unsupported { what }) => self.unaided(force, what),
            // One that hangs or is gone is not asked twice.
            Err(error @ (Error::Absent { .. } | Error::Silent)) => match force {
                Force::Yes => self.replace().ok_or(error),
                Force::No => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn ask_over_rpc(&self, force: Force) -> Result<Scheduled, Error> {
        let work = match force {
            Force::Yes => Deferral::Skip,
            Force::No => {
                self.gateway.preflight().await?;
                Deferral::Wait
            }
        };
        self.gateway.restart(work).await
    }

    /// A release without the calls cannot say whether anything runs, so it takes force.
    fn unaided(&self, force: Force, what: &'static str) -> Result<Asked, Error> {
        let Some(child) = &self.child else {
            return Err(Error::NoWay);
        };
        match force {
            Force::No => Err(Error::Unsupported { what }),
            Force::Yes if self.tokens.restarts_inside() => {
                child.restart_inside();
                Ok(Asked::by(RestartWay::Signal))
            }
            Force::Yes => self.replace().ok_or(Error::NoWay),
        }
    }

    /// Ends the process and starts another.
    fn replace(&self) -> Option<Asked> {
        self.child.as_ref()?.end("an operator asked for it");
        Some(Asked::by(RestartWay::Process))
    }

    /// Lasts until the gateway answers in another life, and names it where the release does.
    async fn next_life(&self, before: &Before, way: RestartWay) -> Option<String> {
        let mut presence = self.presence.clone();
        let mut gone = false;
        loop {
            let now = presence.borrow_and_update().clone();
            match &now {
                Presence::Up { boot_id, .. } if self.is_next(before, way, boot_id, gone) => {
                    return boot_id.clone();
                }
                Presence::Up { .. } => {}
                Presence::Absent { .. } | Presence::Refused { .. } => gone = true,
            }
            if presence.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Only a new process of ours is told from a connection that came back by the process itself.
    fn is_next(
        &self,
        before: &Before,
        way: RestartWay,
        boot_id: &Option<String>,
        gone: bool,
    ) -> bool {
        match (way, boot_id) {
            (RestartWay::Process, _) => self.exits() > before.exits,
            (_, Some(_)) => *boot_id != before.boot_id,
            (_, None) => gone,
        }
    }
}

fn boot_id(presence: &Presence) -> Option<String> {
    match presence {
        Presence::Up { boot_id, .. } => boot_id.clone(),
        Presence::Absent { .. } | Presence::Refused { .. } => None,
    }
}

fn response(asked: Asked, life: Option<Option<String>>, took: Duration) -> RestartResponse {
    let (state, boot_id) = match life {
        Some(boot_id) => (RestartState::Restarted, boot_id),
        None => (RestartState::Scheduled, None),
    };
    let delay = asked.scheduled.delay.as_millis().div_ceil(1000);
    RestartResponse {
        state,
        way: asked.way,
        boot_id,
        took_seconds: took.as_secs(),
        delay_seconds: u64::try_from(delay).ok().filter(|&delay| delay > 0),
        waits_for: asked.scheduled.waits_for,
    }
}
