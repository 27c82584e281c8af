//! `secrets.reload`: read the secret sources again.

use serde::Deserialize;
use serde_json::json;

use crate::{Connection, Error};

/// The outcome of a reload. It is a success only when [`Status`](crate::Status) names no
/// degraded owner afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsReload {
    /// Whether the gateway went through with it.
    pub ok: bool,
    /// References that it had to warn about.
    #[serde(default)]
    pub warning_count: u64,
}

impl Connection {
    /// `secrets.reload` (scope admin). When the token itself changed, the gateway closes all
    /// connections with 4001, this one too, maybe before it answers.
    pub async fn secrets_reload(&self) -> Result<SecretsReload, Error> {
        self.call("secrets.reload", json!({})).await
    }
}
