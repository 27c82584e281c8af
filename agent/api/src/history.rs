//! The generations that are kept.

use serde::{Deserialize, Serialize};

use crate::{Outcome, Proof};

/// Answer of `GET /v1/config/history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryResponse {
    /// Newest first.
    #[serde(default)]
    pub generations: Vec<HistoryEntry>,
}

/// One document that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Its number.
    pub generation: u64,
    /// The earlier generation whose layers it brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
    /// When it was written, RFC 3339.
    pub at: String,
    /// Who asked for it.
    pub actor: String,
    /// SHA-256 of its bytes, in hex.
    pub document_sha256: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The strongest proof that was had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Key paths that it changed; bounded by the agent.
    #[serde(default)]
    pub changed: Vec<String>,
    /// Why the outcome is what it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
