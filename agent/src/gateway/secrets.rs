//! Whether every owner of a secret has it, after a reload.

use std::time::Duration;

use openclaw::LinkHandle;
use tokio::time::{sleep, timeout};

use crate::config::gateway::Reloaded;

/// The gateway answers the call a moment before it closes connections.
const SETTLE: Duration = Duration::from_millis(100);
/// A gateway whose token was rotated closes every connection first.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// Success only when the gateway names nobody who lacks a secret.
pub async fn taken(link: &LinkHandle) -> Reloaded {
    sleep(SETTLE).await;
    let mut state = link.state();
    let _ = timeout(BACK_WITHIN, state.wait_for(|state| state.hello().is_some())).await;
    let status = match link.connection() {
        Ok(connection) => connection.status().await,
        Err(error) => Err(error),
    };
    match status {
        Err(error) => Reloaded::Unasked {
            why: error.reason().to_owned(),
        },
        Ok(status) => {
            let owners = status.degraded_secret_owners.unwrap_or_default();
            let names: Vec<String> = owners
                .iter()
                .map(|owner| format!("{} {} ({})", owner.kind, owner.id, owner.paths.join(", ")))
                .collect();
            if names.is_empty() {
                Reloaded::All
            } else {
                Reloaded::Degraded(names)
            }
        }
    }
}
