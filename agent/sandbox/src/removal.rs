//! A decision: what goes, why, and at which step of the disk.

use std::time::Duration;

use crate::{Id, Step};

/// What is removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The build cache beyond so many bytes.
    BuildCache {
        /// What stays.
        keep_bytes: u64,
    },
    /// Image layers without a name that nothing uses.
    Layers,
    /// An image by its id, with all its names.
    Image(String),
    /// An anonymous volume by its name.
    Volume(String),
    /// A network by its id.
    Network(String),
    /// A folder below `sandbox/skills-workspaces`, one path component.
    Folder(String),
    /// A sandbox.
    Container(Id),
}

impl Target {
    /// All kinds, in the order of removal.
    pub const KINDS: [&'static str; 7] = [
        "build_cache",
        "layers",
        "image",
        "volume",
        "network",
        "folder",
        "container",
    ];

    /// The kind as a metric label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BuildCache { .. } => "build_cache",
            Self::Layers => "layers",
            Self::Image(_) => "image",
            Self::Volume(_) => "volume",
            Self::Network(_) => "network",
            Self::Folder(_) => "folder",
            Self::Container(_) => "container",
        }
    }
}

/// Why it goes; for a sandbox the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It ended, or was never started.
    Exited,
    /// The gateway no longer has its session.
    Orphan,
    /// It reached the maximum age.
    Age,
    /// There are newer ones, as many as are kept.
    Count,
    /// Nothing happened in it for long.
    Idle,
    /// It was made from another configuration, and that was asked for.
    Stale,
    /// Nothing uses it.
    Unused,
    /// An operator named it.
    Asked,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Exited,
        Self::Orphan,
        Self::Age,
        Self::Count,
        Self::Idle,
        Self::Stale,
        Self::Unused,
        Self::Asked,
    ];

    /// The reason as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Orphan => "orphan",
            Self::Age => "age",
            Self::Count => "count",
            Self::Idle => "idle",
            Self::Stale => "stale",
            Self::Unused => "unused",
            Self::Asked => "asked",
        }
    }
}

/// One thing that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// What.
    pub target: Target,
    /// Why.
    pub reason: Reason,
    /// The lowest step of the disk at which it goes; once the disk is below that step, it stays.
    pub needs: Step,
}

/// Why a sandbox is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// An exec runs in it.
    Exec,
    /// A run of its session is active.
    Run,
    /// So recently something happened in it.
    Recent {
        /// How long ago.
        ago: Duration,
    },
    /// It was just made.
    Creating,
}
