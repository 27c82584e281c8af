//! The knobs of the policy.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Watermarks;

/// A minute.
const MINUTE: Duration = Duration::from_secs(60);

/// An hour.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long and how many; whatever they say, nothing live is removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// A sandbox without activity for so long is removed; zero switches the rule off (24 h).
    pub idle: Duration,
    /// A sandbox made so long ago is removed; zero switches the rule off (7 d).
    pub max_age: Duration,
    /// So many sandboxes are kept, the newest (20).
    pub max_count: Option<usize>,
    /// So many sandboxes of one scope are kept, the newest (3).
    pub max_per_scope: Option<usize>,
    /// A sandbox that ended so long ago is removed (10 min).
    pub exited_after: Duration,
    /// What belongs to a session or a sandbox that is gone is kept for so long (15 min).
    ///
    /// An answer of the gateway that is older, and older than 5 min, is no answer.
    pub orphan_grace: Duration,
    /// A sandbox is left alone for so long after it was made: the gateway may be at it (2 min).
    pub creating_grace: Duration,
    /// A sandbox is live for so long after its last activity (60 s).
    pub live_after: Duration,
    /// An exec that runs for longer no longer makes a sandbox live (24 h).
    pub exec_limit: Duration,
    /// Which images may go.
    pub images: ImageLimits,
    /// Whether nobody else uses the daemon (no). Only then dangling layers and build cache are touched.
    pub daemon_is_ours: bool,
    /// Build cache that is kept while the disk has room (0).
    pub keep_build_cache_bytes: u64,
    /// The marks of the daemon's disk.
    pub watermarks: Watermarks,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: DAY,
            max_age: 7 * DAY,
            max_count: Some(20),
            max_per_scope: Some(3),
            exited_after: 10 * MINUTE,
            orphan_grace: 15 * MINUTE,
            creating_grace: 2 * MINUTE,
            live_after: MINUTE,
            exec_limit: 24 * HOUR,
            images: ImageLimits::default(),
            daemon_is_ours: false,
            keep_build_cache_bytes: 0,
            watermarks: Watermarks::default(),
        }
    }
}

/// Which images are ours, and which of those stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLimits {
    /// The repositories whose images are ours, without a tag.
    pub repositories: BTreeSet<String>,
    /// Names, digests or ids of images that are never removed.
    pub pinned: BTreeSet<String>,
    /// Names, digests or ids of the images that the document names.
    ///
    /// Nothing while nobody knows the document; then no image is removed.
    pub wanted: Option<BTreeSet<String>>,
    /// An image that no sandbox used for so long is removed (24 h).
    pub unused_after: Duration,
}

impl Default for ImageLimits {
    fn default() -> Self {
        let repositories = [
            "openclaw-sandbox",
            "openclaw-sandbox-common",
            "openclaw-sandbox-browser",
        ];
        Self {
            repositories: repositories.map(str::to_owned).into(),
            pinned: BTreeSet::new(),
            wanted: None,
            unused_after: DAY,
        }
    }
}

/// What an operator asks for beyond the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// Also remove sandboxes that were made from another configuration than the newest of their scope.
    pub stale_hash: bool,
}
