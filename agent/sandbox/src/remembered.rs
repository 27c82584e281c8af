//! What was seen attached to sandboxes: after their removal nothing else tells that it was ours.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Moment;

/// The most things of one kind that are remembered; the ones seen least recently are forgotten first.
pub const REMEMBERED_MAX: usize = 4096;

/// What was seen attached to sandboxes, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Remembered {
    /// Anonymous volumes by name.
    pub volumes: BTreeMap<String, Moment>,
    /// Networks by id.
    pub networks: BTreeMap<String, Moment>,
    /// Skills folders by name.
    pub folders: BTreeMap<String, SeenFolder>,
}

/// A skills folder that was seen in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenFolder {
    /// The session that it was made for.
    pub session: String,
    /// When it was last seen in use.
    pub seen: Moment,
}
