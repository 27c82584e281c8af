//! What is known of the child, as the supervisor publishes it.

use std::sync::Arc;
use std::time::SystemTime;

use cgroup::Cgroup;

use crate::{Exit, Protection};

/// The child as a whole: what it does now, and how it last ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it does now.
    pub state: State,
    /// How often this supervisor has started it. An adopted child was not started.
    pub starts: u64,
    /// How often it has ended. A reader that sees the number jump has missed an exit.
    pub exits: u64,
    /// How it last ended.
    pub last_exit: Option<Exit>,
    /// The control group that it is in, while it runs. In one container it is ours as well.
    pub group: Option<Arc<Cgroup>>,
    /// Whether the child can write what it must see read-only; known once there is a child.
    pub protection: Option<Protection>,
}

/// What the child does now.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Not running, and not started until the caller says so.
    Held,
    /// It is being started.
    Starting,
    /// It runs.
    Running {
        /// Its process id.
        pid: i32,
        /// When it was started.
        since: SystemTime,
        /// Whether a predecessor of ours has started it.
        adopted: bool,
    },
    /// It runs, and has been told to end.
    Ending {
        /// Its process id.
        pid: i32,
        /// Why it has to end.
        why: String,
    },
    /// It ended by itself and is started again after a pause.
    BackingOff {
        /// When the next start is due.
        until: SystemTime,
    },
    /// It ended and stays so: the supervisor has drained.
    Stopped,
}
