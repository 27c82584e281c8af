//! The guard, told what the document in force allows.

use std::sync::Arc;

use guard::{Ceilings, Guard};
use service::Drain;
use tokio::sync::watch;

use super::watched::Watched;

/// The guard with what keeps its ceilings new.
pub struct Guarded {
    guard: Guard,
    watched: Arc<Watched>,
    ceilings: watch::Sender<Ceilings>,
}

impl Guarded {
    pub(super) fn new(
        guard: Guard,
        watched: Arc<Watched>,
        ceilings: watch::Sender<Ceilings>,
    ) -> Self {
        Self {
            guard,
            watched,
            ceilings,
        }
    }

    /// Serves the gateway's Docker socket until the drain is over.
    pub async fn run(self, drain: Drain) {
        tokio::select! {
            () = self.guard.run(drain) => {}
            () = tell(&self.watched, &self.ceilings) => {}
        }
    }
}

/// What was known stays where the document cannot be looked at.
async fn tell(watched: &Watched, ceilings: &watch::Sender<Ceilings>) {
    loop {
        // Before the look: what changes during it is not missed.
        let changed = watched.changed();
        if let Some(newest) = watched.ceilings().await {
            let changed = ceilings.send_if_modified(|known| {
                let changed = *known != newest;
                *known = newest;
                changed
            });
            if changed {
                tracing::info!(ceilings = ?*ceilings.borrow(), "the document bounds new sandboxes");
            }
        }
        changed.await;
    }
}
