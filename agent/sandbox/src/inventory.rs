//! What is known of the daemon, kept true by events and swapped whole by listings.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Disk, ExecId, Found, Id, Moment, NetworkRef, Remembered, Sandbox, Sessions, Usage};

/// An image in the daemon's store, ours or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id, `sha256:` included.
    pub id: String,
    /// Its names with tags.
    pub names: Vec<String>,
    /// Its digests, with their repositories.
    pub digests: Vec<String>,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// Things without a name that the daemon could give back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reclaimable {
    /// How many there are, none of them in use.
    pub count: usize,
    /// What they take on the disk.
    pub bytes: u64,
}

/// What containers that are not ours use: nothing of that is ever removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeignUse {
    /// Ids of images.
    pub images: BTreeSet<String>,
    /// Names of volumes.
    pub volumes: BTreeSet<String>,
    /// Ids and names of networks.
    pub networks: BTreeSet<String>,
}

/// Everything that the daemon has, asked at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// When the asking began: what happened later may not be in it.
    pub began: Moment,
    /// Containers that carry the sandbox label.
    pub sandboxes: Vec<Found>,
    /// All images that have a name.
    pub images: Vec<Image>,
    /// Names of all volumes.
    pub volumes: BTreeSet<String>,
    /// All networks.
    pub networks: Vec<NetworkRef>,
    /// Names of the folders below `sandbox/skills-workspaces`.
    pub folders: BTreeSet<String>,
    /// Image layers without a name that nothing uses.
    pub layers: Reclaimable,
    /// Build cache that nothing uses.
    pub build_cache: Reclaimable,
    /// What others use.
    pub foreign: ForeignUse,
}

/// Something that happened.
///
/// Changes may be doubled, late or in any order: an activity only ever moves forward, and a state is always
/// what an inspection showed, never what an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The daemon showed this sandbox when it was asked for it.
    Seen(Box<Found>),
    /// The container is gone.
    Gone(Id),
    /// Something was done in or to a sandbox: a start, a restart, a signal.
    Active(Id),
    /// An exec began.
    ExecBegan(Id, ExecId),
    /// An exec ended.
    ExecEnded(Id, ExecId),
    /// What a sandbox uses was measured.
    Measured(Id, Usage),
    /// The gateway was asked for its sessions; nothing where it could not be asked.
    Sessions(Option<Sessions>),
    /// The disk was read; nothing where it could not be.
    Disk(Option<Disk>),
}

/// An image that may be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptImage {
    /// The image.
    pub image: Image,
    /// When a sandbox last used it, at the earliest when it was first seen.
    pub last_used: Moment,
}

/// What is known of the daemon. It knows no clock: every call that needs the time is told it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    /// The sandboxes.
    pub sandboxes: BTreeMap<Id, Sandbox>,
    /// The images by their ids.
    pub images: BTreeMap<String, KeptImage>,
    /// Names of all volumes.
    pub volumes: BTreeSet<String>,
    /// All networks, by their ids.
    pub networks: BTreeMap<String, NetworkRef>,
    /// Names of the skills folders.
    pub folders: BTreeSet<String>,
    /// Dangling layers.
    pub layers: Reclaimable,
    /// Since when there are dangling layers.
    pub layers_since: Option<Moment>,
    /// Build cache.
    pub build_cache: Reclaimable,
    /// What others use.
    pub foreign: ForeignUse,
    /// What the gateway said of its sessions.
    pub sessions: Option<Sessions>,
    /// How full the disk is.
    pub disk: Option<Disk>,
    /// What was seen attached to sandboxes.
    pub remembered: Remembered,
    /// When the last listing began.
    pub listed: Option<Moment>,
}
