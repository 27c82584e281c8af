//! What the keeper publishes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    Disk, EngineVersion, Id, Meaning, Moment, PassReport, Presence, Reason, Sandbox, State, Step,
    Target, Why,
};

/// Whether there is a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Daemon {
    /// Nobody knows yet.
    #[default]
    Unknown,
    /// It answers, and what it has is known.
    Up(EngineVersion),
    /// It is lost; what is shown of it is what was last known.
    Down {
        /// Since when.
        since: Moment,
        /// What was seen of it.
        why: String,
    },
}

/// A sandbox as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Why it is live, where it is.
    pub live: Option<Why>,
}

/// What the keeper knows, as of one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// When it was taken.
    pub taken: Moment,
    /// The daemon.
    pub daemon: Daemon,
    /// The sandboxes, by id.
    pub sandboxes: Arc<Vec<Shown>>,
    /// Whether the gateway told its sessions when it was last asked.
    pub sessions_known: bool,
    /// The daemon's disk.
    pub disk: Option<Disk>,
    /// How strict it makes the rules.
    pub step: Step,
    /// Whether the disk is critically full and nothing but live sandboxes is left.
    pub full_of_live: bool,
    /// The images that are needed, by name.
    pub images: Arc<BTreeMap<String, Presence>>,
    /// The last pass that removed.
    pub last_pass: Option<Arc<PassReport>>,
}

/// What changed about a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxChange {
    /// It was not there before.
    Appeared(State),
    /// Its state is another.
    State(State),
    /// So many execs run in it now.
    Execs(usize),
    /// It is gone.
    Gone,
}

/// Something that happened, for who follows.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// There is a daemon, and what it has is known.
    DaemonUp(EngineVersion),
    /// The daemon is lost.
    DaemonDown(String),
    /// A sandbox changed.
    Sandbox {
        /// Its id.
        id: Id,
        /// Its name.
        name: String,
        /// What changed.
        change: SandboxChange,
    },
    /// Something was removed.
    Removed {
        /// What.
        target: Target,
        /// The name of a sandbox; empty of other things.
        name: String,
        /// Why.
        reason: Reason,
    },
    /// Something did not go.
    Failed {
        /// What.
        target: Target,
        /// The name of a sandbox; empty of other things.
        name: String,
        /// Why it was to go.
        reason: Reason,
        /// What the refusal means.
        meaning: Meaning,
    },
    /// The disk makes the rules stricter or milder.
    Step(Step),
    /// A pass ended.
    Pass(Arc<PassReport>),
}
