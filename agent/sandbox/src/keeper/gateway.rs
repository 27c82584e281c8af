//! What the keeper wants to know of the gateway.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::Sessions;

/// The gateway, as far as the owner of its sandboxes asks it.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// All its sessions, and those with an active run; nothing where it cannot be asked.
    async fn sessions(&self) -> Option<Sessions>;

    /// The images that its document names for sandboxes; nothing while nobody knows the document.
    async fn images(&self) -> Option<BTreeSet<String>>;
}
