//! What became of one change.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ProblemView;

/// One attempt to bring a document into force, from the first check to the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyReport {
    /// Generation of the document in force when this report was made.
    pub generation: u64,
    /// The earlier generation whose layers this one brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
    /// Who asked for it, such as `operate:alice` or `file:user`.
    pub actor: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long it took up to this report.
    pub duration_seconds: f64,
    /// The verdict.
    pub outcome: Outcome,
    /// The strongest proof that was had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Keys that differ from the document before, sorted by path.
    #[serde(default)]
    pub changes: Vec<ChangeView>,
    /// Whether the gateway has to restart for it.
    #[serde(default)]
    pub requires_restart: bool,
    /// Why the outcome is what it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Every problem at once.
    #[serde(default)]
    pub problems: Vec<ProblemView>,
    /// What an unfinished apply waits for, such as the kubelet's liveness probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
}

/// How an apply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The gateway runs the document and showed it.
    Proved,
    /// Applied; this release has no way to show it.
    NotProvable,
    /// Not written: our checks or the gateway's said no.
    Refused,
    /// Written, then undone: the last good layers are back.
    RolledBack,
    /// Not tried: the same candidate failed before.
    Quarantined,
    /// No verdict yet, usually because the gateway is absent.
    Pending,
    /// A newer change took its place.
    Superseded,
    /// The same bytes as before: nothing was written.
    Unchanged,
    /// We ourselves could not do it, for instance because the disk is full.
    Failed,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What shows that the gateway runs a document; strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The gateway's own applied hash equals the document's, and its listener answers.
    Hash,
    /// Its log says that it took the change over.
    Log,
    /// Its listener answers where the document says.
    Listener,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// One key that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeView {
    /// Key path with dots.
    pub path: String,
    /// The value before, redacted; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The value after, redacted; absent when it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// What the gateway does about it.
    pub reload: Reload,
    /// Where the new value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginView>,
}

/// How the gateway takes a changed key over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reload {
    /// While it runs.
    Hot,
    /// By a restart.
    Restart,
    /// It reads the key when it needs it.
    None,
    /// Nobody was there to ask.
    Unchecked,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// The place that set a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginView {
    /// The layer, such as `user`.
    pub layer: String,
    /// The file as its owner knows it.
    #[serde(default)]
    pub file: String,
    /// Line, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub line: u32,
    /// Column, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub column: u32,
}
