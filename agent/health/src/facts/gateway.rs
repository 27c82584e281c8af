//! What is known of the gateway.

use std::time::Duration;

/// Process, port and connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gateway {
    /// The lasting connection.
    pub link: Option<Link>,
    /// What `/healthz` last said.
    pub healthz: Option<Healthz>,
    /// What `/startupz` last said.
    pub startup: Option<Startup>,
    /// What `/readyz` names as failing.
    pub ready_failing: Vec<String>,
    /// It takes no new work, by lease.
    pub suspended: Option<Suspension>,
    /// When it last answered anything, a pushed event included.
    pub last_answer: Option<Duration>,
    /// When a start of it was *seen*, and has not ended yet: the first start of its process, or a restart that it
    /// announced or whose end and begin were seen. A restart that was only asked for is none.
    pub starting_since: Option<Duration>,
    /// Since when it says that it ends or restarts: its `shutdown` event, or `/startupz` while nobody suspended it. Gone
    /// with a new life, or with its process.
    pub leaving_since: Option<Duration>,
    /// How often it ended within the last 15 min without that anybody had asked.
    pub unasked_ends: Option<u32>,
    /// Its process, where the agent is its parent.
    pub child: Option<Child>,
}

/// The lasting connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It stands.
    Up {
        /// What names this life of the gateway.
        boot_id: Option<String>,
    },
    /// There is none.
    Absent {
        /// Why the last attempt failed.
        reason: String,
        /// Since when.
        since: Duration,
    },
    /// The gateway does not let us in.
    Refused {
        /// What it says.
        reason: String,
        /// Since when.
        since: Duration,
    },
}

/// What `/healthz` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healthz {
    /// The gateway lives.
    Live,
    /// Nobody listens.
    Closed,
    /// Somebody answers, and it is not a gateway: HTML, or anything else that is not its body.
    Foreign,
    /// No answer in time.
    Late,
}

/// What `/startupz` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Startup {
    /// It has started.
    Started,
    /// It starts.
    Starting {
        /// What it waits for, in its words.
        reason: String,
    },
    /// It ends, or is suspended.
    Draining,
    /// Not its body. Releases before 2026.9 do not know the path and answer HTML.
    Foreign,
}

/// By whom it is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// By us.
    Ours,
    /// By somebody else.
    Other,
}

/// The process, seen by its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// What it does.
    pub state: ChildState,
    /// How it last ended, such as `exit code 78`.
    pub last_exit: Option<String>,
}

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildState {
    /// Not started until there is a document.
    Held,
    /// Being started.
    Starting,
    /// It runs.
    Running,
    /// It ended by itself and is started again after a pause.
    BackingOff {
        /// Exits in a row without a life worth the name.
        exits_in_a_row: u32,
    },
    /// It ended and stays so.
    Stopped,
}

/// How busy the event loop is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventLoop {
    /// 99th percentile of its delay.
    pub delay_p99: Option<Duration>,
    /// Its longest delay in the gateway's interval.
    pub delay_max: Option<Duration>,
    /// The part of the time that it is busy, 0 to 1.
    pub utilization: Option<f64>,
    /// Whether the gateway calls it degraded.
    pub degraded: Option<bool>,
}
