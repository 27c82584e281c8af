//! Whether the instance is idle, and what a stop would cost.

use serde::{Deserialize, Serialize};

/// Answer of `GET /v1/activity`. What is not known is absent, and never counts as nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityResponse {
    /// Whether anything runs, waits or is watched; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<bool>,
    /// Since when it is idle, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<String>,
    /// What a stop would cost now, for people.
    #[serde(default)]
    pub losses: Vec<String>,
    /// Why something is not known, for people.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Runs, replies and background work in the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_runs: Option<u64>,
    /// Sessions that the gateway has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// Those in which a run is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_sessions: Option<u64>,
    /// When the next scheduled job is due, the gateway's own heartbeats left out; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cron: Option<String>,
    /// When a channel last carried a message, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_traffic: Option<String>,
    /// Sandboxes in which something runs; absent where this agent owns no daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_sandboxes: Option<u64>,
    /// Streams that are open through the sandbox guard; absent where this agent has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<u64>,
    /// Approvals that a run waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_approvals: Option<u64>,
    /// Senders and devices that wait to be paired. A stop costs them nothing, and strangers can make them: they keep no
    /// instance from being idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_pairings: Option<u64>,
    /// The suspension that is in force, where this agent holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionView>,
}

/// Body of `POST /v1/gateway/suspend`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendRequest {
    /// Let running work come to its end first; else a busy gateway is not suspended.
    #[serde(default)]
    pub drain: bool,
    /// How long it holds without another call: 10 to 3600, else 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<u64>,
}

/// Answer of `POST /v1/gateway/suspend`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendResponse {
    /// The suspension as it is now.
    pub suspension: SuspensionView,
}

/// A gateway that takes no new work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspensionView {
    /// How far it is.
    pub state: SuspensionState,
    /// Since when, RFC 3339.
    pub since: String,
    /// When it is given back unless somebody asks for it again, RFC 3339.
    pub until: String,
    /// Who asked for it last.
    pub actor: String,
    /// Work that it still waits for.
    #[serde(default)]
    pub active: u64,
}

/// How far a suspension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionState {
    /// Work that runs comes to its end; new work is refused.
    Draining,
    /// Nothing runs.
    Suspended,
    /// The gateway is away or does not answer; it is suspended again as soon as it does.
    Interrupted,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Answer of `POST /v1/gateway/resume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeResponse {
    /// Whether there was a suspension to end.
    pub resumed: bool,
}

/// Body of `POST /v1/gateway/restart`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartRequest {
    /// Restart although work runs; it is lost after the gateway's own drain.
    #[serde(default)]
    pub force: bool,
    /// How long the answer may wait for the new start: 0 to 140, else 120.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

/// Answer of `POST /v1/gateway/restart`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartResponse {
    /// How far it is.
    pub state: RestartState,
    /// How it was done.
    pub way: RestartWay,
    /// What names the new start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// How long it took so far.
    pub took_seconds: u64,
    /// How long the gateway holds it back by itself: it keeps 30 s between two restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u64>,
    /// What it lets come to its end first, for people.
    #[serde(default)]
    pub waits_for: Vec<String>,
}

/// How a restart is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartWay {
    /// The gateway was asked over its protocol.
    Rpc,
    /// Its process was told by a signal to start anew inside.
    Signal,
    /// Its process was ended and another one started.
    Process,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// How far a restart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartState {
    /// Asked for; the gateway has not started anew yet.
    Scheduled,
    /// The gateway has started anew and answers.
    Restarted,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
