//! How the gateway ended.

use serde::{Deserialize, Serialize};

use crate::Verdict;

/// One end of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeathView {
    /// When the agent learnt of it, RFC 3339.
    pub at: String,
    /// Why it ended.
    pub cause: DeathCause,
    /// Whether the agent concludes it from what it sees beside the gateway, without being its parent.
    pub inferred: bool,
    /// Its exit code, where it had one that the agent saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that killed it, where the agent saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// What that means, for people.
    pub meaning: String,
    /// What was seen before, for people; nothing of it is a user's text.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The verdict just before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_verdict: Option<Verdict>,
    /// How long it had lived, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lived_seconds: Option<u64>,
}

/// Why the gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// By itself, with an exit code.
    Exit,
    /// It refuses its configuration.
    RefusedConfig,
    /// A signal from outside.
    Signal,
    /// The kernel killed it for its memory.
    Oom,
    /// The same, concluded.
    OomLikely,
    /// It restarted inside its process, or because it was asked to.
    Restart,
    /// It ended in good order.
    Stopped,
    /// Without a word.
    Crashed,
    /// The pod goes.
    PodDeleted,
    /// Nobody saw, or said by a newer agent.
    #[serde(other)]
    Unknown,
}
