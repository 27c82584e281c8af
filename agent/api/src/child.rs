//! The gateway's process, where the agent is its parent.

use serde::{Deserialize, Serialize};

/// The gateway's process, where the agent is its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildView {
    /// What it is doing.
    pub state: ChildState,
    /// Its process id while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Since when, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether it was started by a predecessor of this agent.
    #[serde(default)]
    pub adopted: bool,
    /// How often it was started by this agent.
    #[serde(default)]
    pub starts: u64,
    /// How it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<ExitView>,
}

/// What a child process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Being started.
    Starting,
    /// Alive.
    Running,
    /// Ended just now.
    Exited,
    /// Ended; started again after a wait.
    BackingOff,
    /// Not started until there is a valid document.
    Held,
    /// Ended for good.
    Stopped,
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// How a child process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExitView {
    /// By itself.
    Code {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Where it came from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        killer: Option<KillerView>,
    },
    /// Nobody could see how, as with an adopted process, or said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Where a signal came from that killed a child process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KillerView {
    /// The agent: the process was told to end, or did not end in time.
    Supervisor,
    /// The kernel, for want of memory.
    Oom {
        /// The tightest limit that the agent can see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_bytes: Option<u64>,
        /// What was used when last looked at, a few seconds before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used_bytes: Option<u64>,
    },
    /// Its own fault, as with SIGSEGV and SIGABRT.
    Fault,
    /// Somebody else.
    Foreign,
    /// Somebody else or the kernel, since its control group cannot be read; or said by a newer agent.
    #[serde(other)]
    Unknown,
}
