//! What this component asks of a gateway.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::Error;

/// What to do with work that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Leave it, and say no.
    Keep,
    /// Begin nothing new, and let it come to its end.
    Finish,
}

/// A promise of the gateway to begin nothing new, for two minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is given back by.
    pub id: String,
    /// Work that it still waits for, as far as it is counted.
    pub active: u64,
    /// Whether nothing runs any more.
    pub rests: bool,
}

/// A restart that the gateway has taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scheduled {
    /// How long it holds it back.
    pub delay: Duration,
    /// What it lets come to its end first.
    pub waits_for: Vec<String>,
}

/// Work under way, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Working {
    /// Runs of agents.
    pub runs: u64,
    /// Runs of scheduled jobs.
    pub jobs: u64,
    /// Operations in queues.
    pub queued: u64,
    /// Answers that are not delivered yet.
    pub replies: u64,
    /// Commands in the background.
    pub commands: u64,
    /// Everything else.
    pub other: u64,
    /// All of it.
    pub total: u64,
}

/// The sessions of a gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// All.
    pub total: u64,
    /// Those in which a run is active.
    pub active: u64,
    /// When one of them last did something.
    pub last: Option<Timestamp>,
}

/// What a gateway told of its activity. What it did not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Work under way.
    pub work: Option<Working>,
    /// Its sessions.
    pub sessions: Option<Sessions>,
    /// When the next job is due that is no heartbeat; none when there is none.
    pub next_job: Option<Option<Timestamp>>,
    /// When a channel last carried a message; none when none has since the gateway started.
    pub traffic: Option<Option<Timestamp>>,
    /// Approvals that a run waits for.
    pub approvals: Option<u64>,
    /// Senders and devices that wait to be paired.
    pub pairings: Option<u64>,
    /// Why something is absent, for people.
    pub unknown: Vec<String>,
}

/// A gateway whose life can be held and begun anew. Every call has an end of its own.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Looks at its activity.
    async fn look(&self) -> Told;
    /// Asks for a lease, or renews it.
    async fn suspend(&self, work: Work) -> Result<Lease, Error>;
    /// Gives a lease back. One that is over already is given back too.
    async fn resume(&self, lease: &str) -> Result<(), Error>;
    /// Says no with [`Error::Busy`] where a restart would cut work off.
    async fn preflight(&self) -> Result<(), Error>;
    /// Asks for a restart.
    async fn restart(&self, work: Deferral) -> Result<Scheduled, Error>;
}

/// What a restart does with work that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferral {
    /// It waits for its end.
    Wait,
    /// It gives it no more time than a stop does.
    Skip,
}
