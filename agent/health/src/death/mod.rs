//! Why the gateway ended: seen by its parent, or inferred from beside it and marked so.

mod exit;
mod inference;

use std::time::Duration;

pub use exit::{Asked, Exit, How, Refusal};
pub use inference::{Inference, Seen};

use crate::Verdict;

/// One end of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at: Duration,
    /// Why.
    pub cause: DeathCause,
    /// Seen by its parent. Else it is inferred.
    pub certain: bool,
    /// Its exit code, where its parent saw one.
    pub code: Option<i32>,
    /// The signal that killed it, where its parent saw it.
    pub signal: Option<i32>,
    /// What that means, for people.
    pub meaning: String,
    /// What was seen, for people: bounded, no user's text, no secret.
    pub evidence: Vec<String>,
    /// The verdict just before.
    pub last_verdict: Option<Verdict>,
    /// How long it had lived, where that is known.
    pub lived: Option<Duration>,
}

/// Why the gateway ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeathCause {
    /// By itself, with an exit code.
    Exit,
    /// It refuses its configuration.
    RefusedConfig,
    /// A signal from outside.
    Signal,
    /// The kernel killed it for its memory.
    Oom,
    /// The same, inferred.
    OomLikely,
    /// It restarted, inside its process or because it was asked to.
    Restart,
    /// It ended in good order.
    Stopped,
    /// Without a word.
    Crashed,
    /// The pod goes.
    PodDeleted,
    /// Nobody saw.
    Unknown,
}

impl DeathCause {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Exit,
        Self::RefusedConfig,
        Self::Signal,
        Self::Oom,
        Self::OomLikely,
        Self::Restart,
        Self::Stopped,
        Self::Crashed,
        Self::PodDeleted,
        Self::Unknown,
    ];

    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::RefusedConfig => "refused_config",
            Self::Signal => "signal",
            Self::Oom => "oom",
            Self::OomLikely => "oom_likely",
            Self::Restart => "restart",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::PodDeleted => "pod_deleted",
            Self::Unknown => "unknown",
        }
    }

    /// Whether somebody wanted it: it is no trouble.
    pub fn is_wanted(self) -> bool {
        matches!(self, Self::Restart | Self::Stopped | Self::PodDeleted)
    }
}
