//! What is removed from the daemon, and why.

use serde::{Deserialize, Serialize};

/// Body of `POST /v1/sandboxes/prune`; may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRequest {
    /// Decide and tell, and remove nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Also remove sandboxes that were made from another configuration than the newest of their scope.
    #[serde(default)]
    pub stale_hash: bool,
}

/// Answer of `POST /v1/sandboxes/prune`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruneResponse {
    /// The round of removals.
    pub pass: PassView,
}

/// Query of `DELETE /v1/sandboxes/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveQuery {
    /// The sandbox's name, to remove it although something runs in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}

/// Answer of `DELETE /v1/sandboxes/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveResponse {
    /// What became of it.
    pub removal: RemovalView,
}

/// One round of removals, or of decisions alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassView {
    /// When it began, RFC 3339.
    pub at: String,
    /// Whether it only decided.
    #[serde(default)]
    pub dry_run: bool,
    /// How many sandboxes there were.
    #[serde(default)]
    pub seen: u64,
    /// How many of them stay.
    #[serde(default)]
    pub kept: u64,
    /// What was decided, in the order of its going.
    #[serde(default)]
    pub removals: Vec<RemovalView>,
    /// How many removals failed.
    #[serde(default)]
    pub failed: u64,
    /// Bytes that the daemon says it gave back.
    #[serde(default)]
    pub bytes_freed: u64,
    /// How long it took.
    #[serde(default)]
    pub duration_seconds: f64,
}

/// One thing that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalView {
    /// What it is.
    pub kind: RemovalKind,
    /// Its name as people know it; empty for what has none.
    #[serde(default)]
    pub name: String,
    /// Its id, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it goes.
    pub reason: RemovalReason,
    /// What became of that.
    pub outcome: RemovalOutcome,
    /// Bytes that were given back, where the daemon tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_freed: Option<u64>,
}

/// What goes, in the order of going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalKind {
    /// Build cache.
    BuildCache,
    /// Image layers without a name that nothing uses.
    Layers,
    /// An image.
    Image,
    /// An anonymous volume.
    Volume,
    /// A network.
    Network,
    /// A folder of skills of a session that is gone.
    Folder,
    /// A sandbox.
    Container,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Why something goes; for a sandbox the first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovalReason {
    /// It ended, or was never started.
    Exited,
    /// The gateway no longer has its session.
    Orphan,
    /// It reached the maximum age.
    Age,
    /// There are newer ones, as many as are kept.
    Count,
    /// Nothing happened in it for long.
    Idle,
    /// It was made from another configuration, and that was asked for.
    Stale,
    /// Nothing uses it.
    Unused,
    /// An operator named it.
    Asked,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What became of a removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RemovalOutcome {
    /// It was decided and not carried out.
    Planned,
    /// It is gone.
    Removed,
    /// It stays: it was live after all, somebody uses it, or the disk has room again.
    Kept {
        /// Why, for people.
        #[serde(default)]
        why: String,
    },
    /// It could not be removed; it is tried again later.
    Failed {
        /// Why, for people.
        #[serde(default)]
        why: String,
    },
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
