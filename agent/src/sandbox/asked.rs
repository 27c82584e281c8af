//! What the gateway is asked for: its sessions, and those in which a run is active.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use openclaw::LinkHandle;
use sandbox::{Clock, Gateway, Sessions};

use super::watched::Watched;

/// The gateway beside us, as the owner of its sandboxes asks it.
pub(super) struct Asked {
    link: LinkHandle,
    watched: Arc<Watched>,
    clock: Clock,
}

impl Asked {
    pub(super) fn new(link: LinkHandle, watched: Arc<Watched>, clock: Clock) -> Self {
        Self {
            link,
            watched,
            clock,
        }
    }

    async fn list(&self) -> Result<Sessions, openclaw::Error> {
        // What begins while it answers may not be in the answer.
        let asked = self.clock.now();
        let list = self.link.connection()?.sessions().await?;
        Ok(Sessions::new(list.keys, list.active, asked))
    }
}

#[async_trait]
impl Gateway for Asked {
    async fn sessions(&self) -> Option<Sessions> {
        match self.list().await {
            Ok(sessions) => Some(sessions),
            Err(error) => {
                tracing::debug!(%error, reason = error.reason(), "the gateway does not tell its sessions: no sandbox counts as an orphan");
                None
            }
        }
    }

    async fn images(&self) -> Option<BTreeSet<String>> {
        self.watched.images().await
    }
}
