//! The sandboxes and the daemon that runs them.

use serde::{Deserialize, Serialize};

use crate::{PassView, RemovalReason};

/// Query of `GET /v1/sandboxes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxesQuery {
    /// Measure first what each running sandbox uses.
    #[serde(default)]
    pub measure: bool,
    /// Decide first, and say of each sandbox whether it would go.
    #[serde(default)]
    pub plan: bool,
}

/// Answer of `GET /v1/sandboxes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxesResponse {
    /// The daemon that runs the sandboxes.
    pub daemon: DaemonView,
    /// How full its disk is, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskView>,
    /// The images that sandboxes are made from.
    #[serde(default)]
    pub images: Vec<ImageView>,
    /// Every sandbox, the newest first.
    #[serde(default)]
    pub sandboxes: Vec<SandboxView>,
    /// The last round of removals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pass: Option<PassView>,
}

/// The daemon that runs the sandboxes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonView {
    /// Whether it answers.
    pub state: DaemonState,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The API version that is spoken with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Since when it is in this state, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is in this state, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether the daemon answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaemonState {
    /// No setting names its socket: this agent owns no daemon.
    Off,
    /// It was not reached yet.
    Starting,
    /// It answers, and its sandboxes are known.
    Up,
    /// It does not answer; what is told of its sandboxes is what was last seen.
    Down,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// How full the daemon's disk is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskView {
    /// Bytes in use on the file system of its data root.
    pub used_bytes: u64,
    /// Bytes in use and free for it.
    pub total_bytes: u64,
    /// Inodes in use.
    #[serde(default)]
    pub used_inodes: u64,
    /// Inodes in use and free; 0 where the file system has no bound.
    #[serde(default)]
    pub total_inodes: u64,
    /// How strict that makes the rules.
    pub step: DiskStep,
    /// The daemon's share of the disk, where a setting gives it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<u64>,
    /// Whether nothing is left to remove but what is live: somebody must act.
    #[serde(default)]
    pub full_of_live: bool,
}

/// How strict the disk makes the rules, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskStep {
    /// The limits as they are set.
    Normal,
    /// Build cache, layers and unused images go at once.
    Tight,
    /// Also ended sandboxes at once, and idle ones four times as early.
    Strict,
    /// Also every sandbox that is not live.
    Critical,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// The image that sandboxes are made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageView {
    /// The name that the document has.
    pub name: String,
    /// Its id in the daemon, where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether a sandbox can be made from it.
    pub state: ImageState,
    /// What is wrong with it, for people.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// Whether a sandbox can be made from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageState {
    /// It is there and has what the gateway needs.
    Present,
    /// It is there and lacks something that the gateway needs.
    Unfit,
    /// Another image than the pinned one has its name.
    Mismatch,
    /// It is not there: the next sandboxed run fails.
    Missing,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// One sandbox. Names and keys are what the gateway made up: bounded, and to be escaped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SandboxView {
    /// The container's full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// For whom it was made.
    pub scope: ScopeKind,
    /// The session's key, where it was made for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What runs in it.
    pub kind: SandboxKind,
    /// Its state.
    pub state: SandboxState,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When something last happened in it, RFC 3339.
    pub last_active_at: String,
    /// How long nothing has happened in it.
    #[serde(default)]
    pub idle_seconds: u64,
    /// Why it is live; absent where it is not. A live one is not removed by any rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveView>,
    /// How many execs run in it.
    #[serde(default)]
    pub execs: u64,
    /// The hash of the configuration that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,
    /// The name of its image.
    #[serde(default)]
    pub image: String,
    /// Its memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Its limit of CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// What it uses, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageView>,
    /// Why a pass would remove it, where that was asked for and it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<RemovalReason>,
}

/// For whom a sandbox was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// One session.
    Session,
    /// All sessions of one agent.
    Agent,
    /// All sessions of the gateway.
    Shared,
    /// No shape that the agent knows, or said by a newer agent. Never taken for an orphan.
    #[serde(other)]
    Unknown,
}

/// What runs in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxKind {
    /// Tools of the model.
    Tool,
    /// A browser.
    Browser,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// The state of a sandbox, as the daemon names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between two lives.
    Restarting,
    /// Being removed by somebody.
    Removing,
    /// Ended.
    Exited,
    /// Half removed: a removal failed.
    Dead,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Why a sandbox is live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LiveView {
    /// An exec runs in it.
    Exec,
    /// A run of its session is active.
    Run,
    /// Something happened in it just now.
    Recent {
        /// How long ago.
        #[serde(default)]
        ago_seconds: u64,
    },
    /// It was just made.
    Creating,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What a sandbox uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageView {
    /// Memory in use, without what the kernel would give back at once.
    pub memory_bytes: u64,
    /// CPU time used since its start.
    pub cpu_seconds: f64,
    /// Bytes written into its own layer, where the daemon was asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
}
