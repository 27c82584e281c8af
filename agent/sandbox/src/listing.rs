//! Everything that a daemon has, as it was asked at one moment.

use std::collections::BTreeSet;

use crate::{Found, Moment, NetworkRef};

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
