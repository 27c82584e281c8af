//! What happens among the sandboxes, as a stream.

use serde::{Deserialize, Serialize};

use crate::{DaemonState, DiskStep, PassView, RemovalView, SandboxState, SandboxView};

/// One line of `GET /v1/sandboxes/events`.
///
/// The first line is a `snapshot`; what comes after it happened after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SandboxEvent {
    /// All sandboxes as they are: at the beginning, and after something was missed.
    Snapshot {
        /// When, RFC 3339.
        at: String,
        /// Whether the daemon answers.
        daemon: DaemonState,
        /// How strict the disk makes the rules.
        step: DiskStep,
        /// Every sandbox.
        #[serde(default)]
        sandboxes: Vec<SandboxView>,
    },
    /// There is a new sandbox.
    Appeared {
        /// When, RFC 3339.
        at: String,
        /// The container's full id.
        id: String,
        /// Its name.
        #[serde(default)]
        name: String,
        /// Its state.
        state: SandboxState,
    },
    /// A sandbox is in another state now.
    State {
        /// When, RFC 3339.
        at: String,
        /// The container's full id.
        id: String,
        /// Its name.
        #[serde(default)]
        name: String,
        /// Its state.
        state: SandboxState,
    },
    /// An exec began or ended.
    Execs {
        /// When, RFC 3339.
        at: String,
        /// The container's full id.
        id: String,
        /// Its name.
        #[serde(default)]
        name: String,
        /// How many run in it now.
        count: u64,
    },
    /// A sandbox is gone, whoever removed it.
    Gone {
        /// When, RFC 3339.
        at: String,
        /// The container's full id.
        id: String,
        /// Its name.
        #[serde(default)]
        name: String,
    },
    /// The agent removed something, or could not.
    Removal {
        /// When, RFC 3339.
        at: String,
        /// What, why, and what became of it.
        removal: RemovalView,
    },
    /// A round of removals ended.
    Pass {
        /// When, RFC 3339.
        at: String,
        /// What it did.
        pass: PassView,
    },
    /// The daemon is in another state now.
    Daemon {
        /// When, RFC 3339.
        at: String,
        /// Whether it answers.
        state: DaemonState,
        /// Why, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The disk makes the rules stricter, or milder again.
    Step {
        /// When, RFC 3339.
        at: String,
        /// How strict they are now.
        step: DiskStep,
    },
    /// The reader was too slow: so many events are lost to it. A `snapshot` follows.
    Missed {
        /// When, RFC 3339.
        at: String,
        /// How many.
        count: u64,
    },
    /// Nothing happened for a while; the agent and the connection live.
    Heartbeat {
        /// When, RFC 3339.
        at: String,
    },
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
