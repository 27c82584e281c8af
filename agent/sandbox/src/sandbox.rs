//! A sandbox: what the daemon shows of a container that carries the label, and what we know beyond that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{ExecId, Id, Kept, Moment, Scope, Sessions};

/// What runs in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Tools of the model.
    Tool,
    /// A browser.
    Browser,
}

/// The state of a container as the daemon names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
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
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Restarting,
        Self::Removing,
        Self::Exited,
        Self::Dead,
    ];

    /// Reads the daemon's word; nothing for one that we do not know, which is best taken as running.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The daemon's word, also a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }

    /// Whether processes of it may exist.
    #[must_use]
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Exited | Self::Dead)
    }
}

/// The image that a sandbox was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// Its id, `sha256:` included.
    pub id: String,
    /// The name that was asked for.
    pub name: String,
}

/// A volume that is mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRef {
    /// Its name.
    pub name: String,
    /// Whether the daemon made it up for this container. Only such volumes are ever removed.
    pub anonymous: bool,
}

/// A network that a container is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRef {
    /// Its id, which the daemon does not tell before the first start.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
}

/// What a sandbox uses, measured.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Memory in use, without what the kernel would give back at once.
    pub memory_bytes: u64,
    /// CPU time used since its start.
    pub cpu_seconds: f64,
    /// Bytes written into its own layer, where the daemon was asked for them.
    pub written_bytes: Option<u64>,
}

/// What does not change over the life of a sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The container's id.
    pub id: Id,
    /// Its name, without the slash, bounded.
    pub name: String,
    /// Whose it is.
    pub scope: Scope,
    /// What runs in it.
    pub kind: Kind,
    /// The hash of what it was made from.
    pub config_hash: Option<String>,
    /// Its image.
    pub image: ImageRef,
    /// Its memory limit in bytes.
    pub memory_limit: Option<u64>,
    /// Its limit of CPUs.
    pub cpus: Option<f64>,
    /// Its volumes.
    pub volumes: Vec<VolumeRef>,
    /// Its networks.
    pub networks: Vec<NetworkRef>,
    /// The folder below `sandbox/skills-workspaces` that is mounted into it: one path component.
    pub skills: Option<String>,
}

/// A sandbox as the daemon shows it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What does not change.
    pub facts: Facts,
    /// Its state.
    pub state: State,
    /// When the daemon says that it was made.
    pub created: Moment,
    /// When the daemon says that it ended, where its state is an end.
    pub ended: Option<Moment>,
    /// The execs that run in it.
    pub execs: Vec<ExecId>,
}

/// A sandbox of the inventory.
#[derive(Debug, Clone, PartialEq)]
pub struct Sandbox {
    /// What does not change, kept once however often it is shown.
    pub facts: Arc<Facts>,
    /// Its state.
    pub state: State,
    /// When it was made; once known, never moved.
    pub created: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// The last exec, start, or active run of its session that was seen.
    pub last_active: Moment,
    /// The execs that run in it, since when.
    pub execs: BTreeMap<ExecId, Moment>,
    /// What it uses, where that was measured.
    pub usage: Option<Usage>,
    /// When the daemon last showed it.
    pub seen: Moment,
    /// Since when the gateway no longer lists its session.
    pub missing_since: Option<Moment>,
}

impl Sandbox {
    /// A sandbox that was not known. `asked` is when the daemon was asked for it.
    pub(crate) fn first(found: Found, kept: Kept, asked: Moment, now: Moment) -> Self {
        let created = kept.created.min(now);
        Self {
            ended: end(&found, created, now),
            execs: found.execs.into_iter().map(|exec| (exec, asked)).collect(),
            facts: Arc::new(found.facts),
            state: found.state,
            created,
            last_active: kept.last_active.clamp(created, now),
            usage: None,
            seen: asked,
            missing_since: None,
        }
    }

    /// The same sandbox after the daemon showed it anew.
    pub(crate) fn renewed(self, found: Found, asked: Moment, now: Moment) -> Self {
        let shown: BTreeSet<ExecId> = found.execs.iter().copied().collect();
        let began = |exec: &ExecId| self.execs.get(exec).copied().unwrap_or(asked);
        let mut execs: BTreeMap<ExecId, Moment> = shown.iter().map(|e| (*e, began(e))).collect();
        let new = shown.iter().any(|exec| !self.execs.contains_key(exec));
        let mut vanished = false;
        for (exec, began) in &self.execs {
            if *began > asked {
                execs.insert(*exec, *began);
            } else {
                vanished |= !shown.contains(exec);
            }
        }
        let started = found.state.is_up() && !self.state.is_up();
        // It was up when it was last shown, so it ended later, whatever the daemon's wall clock says.
        let lived = match self.ended {
            Some(ended) if self.state.is_over() => ended,
            _ => self.seen,
        };
        let mut sandbox = Self {
            ended: end(&found, lived, now),
            execs,
            facts: match *self.facts == found.facts {
                true => self.facts,
                false => Arc::new(found.facts),
            },
            state: found.state,
            seen: asked,
            ..self
        };
        if new || vanished || started {
            sandbox.touch(now);
        }
        sandbox
    }

    /// Something happened in it.
    pub(crate) fn touch(&mut self, now: Moment) {
        self.last_active = self.last_active.max(now);
    }

    /// Notes since when the gateway does not list its session; nothing while that cannot be asked.
    pub(crate) fn miss(&mut self, sessions: Option<&Sessions>) {
        let missed = match (sessions, self.facts.scope.session()) {
            (Some(sessions), Some(key)) => !sessions.has(key) && self.created <= sessions.asked(),
            _ => false,
        };
        self.missing_since = match (missed, sessions) {
            (true, Some(sessions)) => self.missing_since.or(Some(sessions.asked())),
            _ => None,
        };
    }
}

/// When a sandbox ended that was still alive at `lived`; a time that the daemon does not tell is now.
fn end(found: &Found, lived: Moment, now: Moment) -> Option<Moment> {
    let ended = found.ended.unwrap_or(now).max(lived).min(now);
    found.state.is_over().then_some(ended)
}
