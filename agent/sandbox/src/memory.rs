//! What is kept on disk over a restart of the agent: when sandboxes were last active, and what was seen of theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use durable::{Target, read_regular};
use serde::{Deserialize, Serialize};

use crate::{Anchor, Clock, Id, Inventory, Kept, Moment, Remembered};

/// The file's name in the state directory.
const NAME: &str = "sandboxes.json";

/// The most sandboxes that are kept; the ones active least recently are not.
const KEPT_MAX: usize = 8192;

/// The largest file that is read: more than all that is kept at most.
const FILE_MAX: u64 = 16 << 20;

/// Where the kernel tells which boot this is.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The boot that its moments count from, where the kernel tells one.
    pub boot_id: Option<String>,
    /// What wall clock times became moments through.
    pub anchor: Anchor,
    /// When the last listing began.
    pub listed: Option<Moment>,
    /// The sandboxes.
    pub sandboxes: BTreeMap<Id, Kept>,
    /// What was seen attached to them.
    pub remembered: Remembered,
}

impl Memory {
    /// What is to be kept of an inventory.
    #[must_use]
    pub fn of(inventory: &Inventory, clock: &Clock, boot_id: Option<String>) -> Self {
        let mut kept: Vec<(Id, Kept)> = inventory
            .sandboxes
            .iter()
            .map(|(id, sandbox)| {
                let (created, last_active) = (sandbox.created, sandbox.last_active);
                (
                    *id,
                    Kept {
                        created,
                        last_active,
                    },
                )
            })
            .collect();
        kept.sort_unstable_by_key(|(_, kept)| std::cmp::Reverse(kept.last_active));
        kept.truncate(KEPT_MAX);
        Self {
            boot_id,
            anchor: clock.anchor(),
            listed: inventory.listed,
            sandboxes: kept.into_iter().collect(),
            remembered: inventory.remembered.clone(),
        }
    }

    /// The clock and the inventory to begin with.
    ///
    /// Over a boot nothing stays but what was seen: moments of another boot mean nothing here, so activity counts
    /// from now.
    #[must_use]
    pub fn resume(self, boot_id: Option<&str>) -> (Clock, Inventory) {
        let mut inventory = Inventory::default();
        inventory.remembered = self.remembered;
        if boot_id.is_none() || self.boot_id.as_deref() != boot_id {
            let clock = Clock::start();
            inventory.remembered.restart(clock.now());
            return (clock, inventory);
        }
        inventory.kept = self.sandboxes;
        inventory.listed = self.listed;
        (Clock::with_anchor(self.anchor), inventory)
    }
}

/// Why what is kept could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file could not be read or written.
    #[error("cannot keep what is known of sandboxes")]
    File(#[from] durable::Error),
    /// The file is not what we wrote, or could not be made.
    #[error("{name} in the state directory is not what this version writes; remove it, and activity counts from now", name = NAME)]
    Shape(#[source] serde_json::Error),
}

impl MemoryError {
    /// The label of this error in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File(error) => error.reason(),
            Self::Shape(_) => "shape",
        }
    }
}

/// The file that it is kept in.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    target: Target,
}

impl MemoryFile {
    /// The file in the agent's own state directory.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Self {
            target: Target {
                dir: state.to_path_buf(),
                name: NAME.to_owned(),
                mode: 0o600,
                owner: None,
            },
        }
    }

    /// Reads it; nothing where it was never written.
    ///
    /// # Errors
    /// [`MemoryError`] where it is damaged or no regular file.
    pub fn read(&self) -> Result<Option<Memory>, MemoryError> {
        match read_regular(&self.target.dir.join(&self.target.name), FILE_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(MemoryError::Shape),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`MemoryError::File`] where the disk does not take it.
    pub fn write(&self, memory: &Memory) -> Result<(), MemoryError> {
        let bytes = serde_json::to_vec(memory).map_err(MemoryError::Shape)?;
        self.target.write(&bytes)?;
        Ok(())
    }
}

/// Which boot this is, where the kernel tells it.
#[must_use]
pub fn boot_id() -> Option<String> {
    let id = fs::read_to_string(BOOT_ID).ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}
