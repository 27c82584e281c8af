//! The document in force, and all that made it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ApplyReport, DriftView, ProblemView};

/// Answer of `GET /v1/config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigView {
    /// Counts documents written; a rollback is a new one.
    pub generation: u64,
    /// The document, redacted by the agent; null before the first one is written.
    #[serde(default)]
    pub document: Value,
    /// SHA-256 of the bytes on disk, in hex; empty before the first one is written.
    #[serde(default)]
    pub document_sha256: String,
    /// Who set each key, sorted by path.
    #[serde(default)]
    pub provenance: Vec<ProvenanceEntry>,
    /// What the agent is doing with it.
    pub state: ConfigState,
    /// The layers, lowest first.
    #[serde(default)]
    pub layers: Vec<LayerView>,
    /// Keys of a layer that a lock or bound keeps out of the document.
    #[serde(default)]
    pub left_out: Vec<ProblemView>,
    /// The newest apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_report: Option<ApplyReport>,
    /// Candidates that failed and are not tried again.
    #[serde(default)]
    pub quarantine: Vec<QuarantineEntry>,
    /// Foreign edits of the document.
    pub drift: DriftView,
    /// Until when the document is left alone, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<String>,
}

/// What the agent is doing with the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigState {
    /// Nothing is written yet.
    Starting,
    /// The document in force is the one that the layers ask for.
    Settled,
    /// A candidate is being checked.
    Checking,
    /// A candidate is being written.
    Writing,
    /// Written; the gateway has not shown yet that it runs it.
    Proving,
    /// Proved; watched for a while before it counts as good.
    Probation,
    /// The last good layers are being put back.
    RollingBack,
    /// Waiting for the gateway, or for whoever restarts it.
    Pending,
    /// The layers ask for something that was refused; the last good document stands.
    Refused,
    /// Left alone until `paused_until`.
    Paused,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Who set one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenanceEntry {
    /// Key path with dots.
    pub path: String,
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
    /// The generation that brought this value in.
    #[serde(default)]
    pub since_generation: u64,
}

/// One layer as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerView {
    /// Its name, such as `base`.
    pub name: String,
    /// Its files in the order in which they are read.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether what is there is what is in force.
    pub status: LayerStatus,
    /// What is wrong with it.
    #[serde(default)]
    pub problems: Vec<ProblemView>,
    /// What may be meant otherwise, such as a file that is passed over. It holds nothing back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ProblemView>,
    /// Counts edits; the user layer has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// What `If-Match` must say to replace it; the user layer has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// Whether a layer is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerStatus {
    /// What is there is in force.
    Ok,
    /// What is there is broken; its last good content is in force.
    FellBack,
    /// A file states a lower revision than what came over the API, which stays in force.
    Shadowed,
    /// Nothing of it is in force.
    Absent,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// A candidate that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// SHA-256 of the candidate, in hex.
    pub document_sha256: String,
    /// The gateway's version that it failed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_version: Option<String>,
    /// The generation that it was, when it was written at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// What happened.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
}
