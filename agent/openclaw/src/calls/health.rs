//! `health`: whether the gateway still notices changes of its file.

use serde::Deserialize;
use serde_json::json;

use crate::clip::{NAME, clip};
use crate::{Connection, Error};

/// What matters of the snapshot of health, which the gateway renews every 60 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `active`, or `disabled` when the watcher of the configuration has given up.
    pub hot_reload: Option<String>,
    /// Whether its event loop is too busy.
    pub event_loop_degraded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Wire {
    config_reload: Reload,
    event_loop: Loop,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reload {
    hot_reload_status: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Loop {
    degraded: bool,
}

impl Connection {
    /// `health` (any scope, even none).
    pub async fn health(&self) -> Result<Health, Error> {
        let wire: Wire = self.call("health", json!({})).await?;
        Ok(Health {
            hot_reload: wire
                .config_reload
                .hot_reload_status
                .map(|state| clip(&state, NAME)),
            event_loop_degraded: wire.event_loop.degraded,
        })
    }
}
