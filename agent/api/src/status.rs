//! The agent, its gateway, and what it watches.

use serde::{Deserialize, Serialize};

use crate::{ChildView, ConfigState, DriftView};

/// Answer of `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusResponse {
    /// The agent's version.
    pub version: String,
    /// The wire that it speaks, [`crate::WIRE_VERSION`].
    pub wire: u32,
    /// When the agent started, RFC 3339.
    pub started_at: String,
    /// The gateway as the agent sees it.
    pub gateway: GatewayView,
    /// The document in one line.
    pub config: ConfigSummary,
    /// The secrets file; never a name with a value, never a hash of a value.
    pub secrets: SecretsView,
    /// How each layer is watched.
    #[serde(default)]
    pub watches: Vec<WatchView>,
    /// The gateway's process, where the agent is its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<ChildView>,
    /// Foreign edits of the document.
    pub drift: DriftView,
}

/// The gateway as the agent sees it. What it says of itself is a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayView {
    /// Whether it answers.
    pub state: GatewayState,
    /// Its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Changes with every start of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Since when it is in this state, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is in this state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What keeps it from writing its own document.
    pub protection: Protection,
}

/// Whether the gateway answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// Nobody answers.
    Absent,
    /// It answers and does not take our token.
    Refused,
    /// Connected.
    Up,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What keeps the gateway from writing its own document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Protection {
    /// It sees the document on a read-only mount.
    Mount,
    /// Its own read-only switch is on.
    Switch,
    /// Nothing does.
    None {
        /// Why not, for people.
        #[serde(default)]
        why: String,
    },
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// The document in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSummary {
    /// Generation in force.
    pub generation: u64,
    /// SHA-256 of the bytes on disk, in hex; empty before the first one is written.
    #[serde(default)]
    pub document_sha256: String,
    /// What the agent is doing with it.
    pub state: ConfigState,
    /// The newest generation that was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_generation: Option<u64>,
    /// How many problems the layers have.
    #[serde(default)]
    pub problems: u64,
    /// How many candidates are in quarantine.
    #[serde(default)]
    pub quarantined: u64,
    /// Until when the document is left alone, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<String>,
}

/// The secrets file that the gateway reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsView {
    /// Counts files written; 0 where no secrets are mounted.
    #[serde(default)]
    pub generation: u64,
    /// Owners that the gateway names as degraded after its last reload.
    #[serde(default)]
    pub degraded: Vec<String>,
    /// When the gateway last took the secrets over, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reload: Option<String>,
}

/// How one layer is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchView {
    /// The layer, or `secrets`.
    pub name: String,
    /// How its changes are noticed.
    pub mode: WatchMode,
    /// Why not better, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How changes of a directory are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchMode {
    /// The kernel tells.
    Inotify,
    /// It is looked at now and then.
    Polling,
    /// It is not there; its return is waited for.
    Missing,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
