//! Edits of the document that were not ours.

use serde::{Deserialize, Serialize};

/// Edits of the document that were not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftView {
    /// What is done about them.
    pub mode: DriftMode,
    /// How many were seen since the agent started.
    #[serde(default)]
    pub count: u64,
    /// The newest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<DriftEvent>,
}

/// What is done about foreign edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftMode {
    /// They cannot happen: the gateway sees the document on a read-only mount.
    ReadOnly,
    /// They are put back.
    Enforce,
    /// Allowed paths become the runtime layer, the rest is put back.
    Shared,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// One foreign edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftEvent {
    /// When it was seen, RFC 3339.
    pub at: String,
    /// What was done about it.
    pub action: DriftAction,
    /// The paths that it touched; bounded by the agent.
    #[serde(default)]
    pub paths: Vec<String>,
    /// More for people, such as both sides of a conflict, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What was done about a foreign edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftAction {
    /// Our document was written again.
    PutBack,
    /// It became part of the runtime layer.
    Adopted,
    /// Both sides changed the same key; one had to give way.
    Conflict,
    /// Seen during a pause and left alone.
    LeftAlone,
    /// Put back so often that the agent now waits in between.
    Fight,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
