//! Whether every owner of a secret has it, after a reload.

use openclaw::LinkHandle;

use crate::config::gateway::Reloaded;

/// Success only when the gateway names nobody who lacks a secret.
pub async fn verified(link: &LinkHandle) -> Reloaded {
    let status = match link.connection() {
        Ok(connection) => connection.status().await,
        Err(error) => Err(error),
    };
    match status {
        Err(error) => Reloaded::Unasked { why: error.reason().to_owned() },
        Ok(status) => {
            let owners = status.degraded_secret_owners.unwrap_or_default();
            let names: Vec<String> = owners.iter().map(|owner| format!("{} {} ({})", owner.kind, owner.id, owner.paths.join(", "))).collect();
            if names.is_empty() { Reloaded::All } else { Reloaded::Degraded(names) }
        }
    }
}
