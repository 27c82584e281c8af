//! What is known from before: the clock and the inventory that a keeper begins with.

use std::path::Path;

use tracing::warn;

use crate::{Clock, Inventory, Memory, MemoryFile, boot_id};

/// What a keeper begins with.
pub struct Past {
    pub(super) clock: Clock,
    pub(super) inventory: Inventory,
    pub(super) file: Option<MemoryFile>,
    pub(super) boot_id: Option<String>,
}

impl Past {
    /// Nothing is known, and nothing will be kept.
    #[must_use]
    pub fn none() -> Self {
        Self {
            clock: Clock::start(),
            inventory: Inventory::default(),
            file: None,
            boot_id: None,
        }
    }

    /// What was kept in the agent's state directory. What cannot be read counts as nothing, and is said.
    #[must_use]
    pub fn read(state: &Path) -> Self {
        let file = MemoryFile::new(state);
        let boot_id = boot_id();
        let memory = file.read().unwrap_or_else(|error| {
            warn!(%error, "what was known of sandboxes cannot be read; their activity counts from now");
            None
        });
        let (clock, inventory) = match memory {
            Some(memory) => Memory::resume(memory, boot_id.as_deref()),
            None => (Clock::start(), Inventory::default()),
        };
        Self {
            clock,
            inventory,
            file: Some(file),
            boot_id,
        }
    }

    /// The clock, for whoever makes moments beside the keeper.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }
}
