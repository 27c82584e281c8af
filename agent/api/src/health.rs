//! How the pod is: one verdict, and why.

use serde::{Deserialize, Serialize};

use crate::DeathView;

/// Answer of `GET /v1/health`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthResponse {
    /// The one value.
    pub verdict: Verdict,
    /// Since when it is this, RFC 3339.
    pub since: String,
    /// Everything that is not as it should be, the gravest first.
    #[serde(default)]
    pub causes: Vec<CauseView>,
    /// The accounts of channels, as the gateway tells.
    #[serde(default)]
    pub channels: Vec<ChannelView>,
    /// What is used of what there is.
    #[serde(default)]
    pub resources: ResourcesView,
    /// What the agent does about causes by itself.
    pub cures: CuresView,
    /// The gateway's last end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_death: Option<DeathView>,
}

/// The pod in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All that is known is as it should be.
    Healthy,
    /// It serves, and something is broken.
    Degraded,
    /// It does not serve.
    Failing,
    /// It does not serve yet.
    Starting,
    /// It is told to end.
    Draining,
    /// It takes no new work until it is resumed.
    Suspended,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseView {
    /// What it is about.
    pub component: Component,
    /// Which one, such as `telegram/default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How grave it is.
    pub severity: Severity,
    /// Since when, RFC 3339.
    pub since: String,
    /// What was seen, for people.
    pub evidence: String,
    /// What the agent does about it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What a cause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// The gateway's process, port and connection.
    Gateway,
    /// Its start.
    Startup,
    /// Its event loop.
    EventLoop,
    /// An account of a channel.
    Channel,
    /// A plugin.
    Plugin,
    /// Secrets that somebody lacks.
    Secrets,
    /// The sandbox daemon and its images.
    Sandbox,
    /// A disk.
    Disk,
    /// Memory against its limit.
    Memory,
    /// The document.
    Config,
    /// The machine's clock.
    Clock,
    /// The agent's journal.
    Journal,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// How grave a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To know, such as a channel that is not linked.
    Notice,
    /// Something is broken.
    Degraded,
    /// Nothing works.
    Failing,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// One account of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// Such as `telegram`.
    pub channel: String,
    /// Such as `default`.
    pub account: String,
    /// How it is.
    pub state: ChannelState,
    /// When something last came in, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_inbound: Option<String>,
    /// When something last went out, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_outbound: Option<String>,
    /// How often it has tried to connect again.
    #[serde(default)]
    pub reconnects: u64,
    /// Why it is so, in the gateway's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an account of a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Connected.
    Up,
    /// It should be connected and is not.
    Down,
    /// On its way.
    Starting,
    /// Nobody has linked it yet.
    Unlinked,
    /// Switched off, or not set up.
    Disabled,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What is used of what there is. What is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResourcesView {
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Cores in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cores: Option<f64>,
    /// 99th percentile of the delay of the gateway's event loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_loop_delay_seconds: Option<f64>,
    /// The part of the time that the event loop is busy, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_loop_utilization: Option<f64>,
    /// The disks.
    #[serde(default)]
    pub disks: Vec<DiskUsageView>,
}

/// One disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiskUsageView {
    /// `state` or `daemon`.
    pub volume: String,
    /// The used part of its bytes, 0 to 1.
    pub used_ratio: f64,
    /// The used part of its inodes, 0 to 1.
    pub inodes_ratio: f64,
    /// What is free.
    pub free_bytes: u64,
}

/// What the agent does about causes by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuresView {
    /// Whether it acts.
    pub mode: CureMode,
    /// What it may still do.
    #[serde(default)]
    pub budgets: Vec<CureBudgetView>,
    /// What it did last, newest first.
    #[serde(default)]
    pub recent: Vec<CureView>,
}

/// Whether the agent acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CureMode {
    /// It does.
    Act,
    /// It only says what it would do.
    Observe,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// How often a cure may still be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CureBudgetView {
    /// Which.
    pub cure: CureKind,
    /// How often in any hour.
    pub per_hour: u32,
    /// How often still in this one.
    pub left: u32,
}

/// A cure that was given, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CureView {
    /// Which.
    pub cure: CureKind,
    /// For which one, such as `telegram/default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When, RFC 3339.
    pub at: String,
    /// For which cause.
    pub component: Component,
    /// Why, for people.
    pub reason: String,
    /// What came of it.
    pub outcome: CureOutcome,
}

/// What the agent can do about a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CureKind {
    /// One account of a channel is stopped and started.
    ChannelRestart,
    /// The gateway reads its secrets again.
    SecretsReload,
    /// The gateway is asked to restart.
    GatewayRestart,
    /// It is told to by a signal.
    GatewaySignal,
    /// Its process is ended and another one is started.
    GatewayEnd,
    /// Nothing: the kubelet has to act.
    LeftToKubelet,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What came of a cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CureOutcome {
    /// It is not known yet.
    Pending,
    /// Its cause is gone.
    Helped,
    /// Its cause is still there.
    NoHelp,
    /// It is worse than before.
    Worse,
    /// It could not be given.
    Failed,
    /// It was not given: the agent only observes.
    Observed,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}
