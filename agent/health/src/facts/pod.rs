//! What is known of the pod around the gateway.

use std::time::Duration;

/// The sandbox daemon that the agent owns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether it answers.
    pub daemon_up: Option<bool>,
    /// Since when it is as it is.
    pub since: Duration,
    /// Why it does not answer.
    pub why: Option<String>,
    /// Images that the document asks for and the daemon lacks.
    pub images_missing: Vec<String>,
    /// How strict its disk makes the rules of removal; 0 is as usual.
    pub disk_step: Option<u8>,
    /// Its disk is full, and everything on it is in use.
    pub full_of_live: Option<bool>,
}

/// One disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// What is on it.
    pub volume: Volume,
    /// The used part of its bytes, 0 to 1.
    pub used: Option<f64>,
    /// The used part of its inodes, 0 to 1.
    pub inodes: Option<f64>,
    /// What is free, in bytes.
    pub free: Option<u64>,
}

/// What is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    /// The gateway's and the agent's state.
    State,
    /// The sandbox daemon's images and containers.
    Daemon,
}

impl Volume {
    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Daemon => "daemon",
        }
    }
}

/// Memory of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// In use, in bytes.
    pub used: u64,
    /// The limit, in bytes.
    pub limit: Option<u64>,
}

impl Memory {
    /// The used part of the limit.
    pub fn ratio(self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        Some(self.used as f64 / limit as f64)
    }
}

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// How it stands.
    pub state: Option<ConfigState>,
    /// Since when.
    pub since: Option<Duration>,
    /// The document in force.
    pub generation: Option<u64>,
    /// The newest that the gateway showed to run.
    pub proved: Option<u64>,
    /// How many problems the layers have.
    pub problems: usize,
    /// Candidates that failed and are not tried again.
    pub quarantined: usize,
    /// An operator has paused it.
    pub paused: bool,
    /// Somebody writes the document again and again.
    pub drift_fight: bool,
}

/// How the document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigState {
    /// Nothing is decided yet.
    Starting,
    /// It is what the layers ask for.
    InForce,
    /// A change is on its way, or not shown to run yet.
    Pending,
    /// What the layers ask for is refused; an older document is in force.
    Refused,
    /// A change was undone.
    RolledBack,
    /// It could not be written.
    Failed,
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// By how many seconds it jumped against the monotonic one, where it did lately.
    pub jumped: Option<i64>,
}

/// The agent itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agent {
    /// Whether its journal can be written.
    pub journal_writable: Option<bool>,
    /// It was told to end.
    pub draining: bool,
    /// Whether there is a document for the gateway to start with.
    pub document: Option<bool>,
}
