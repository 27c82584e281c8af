//! `secrets.reload`: read the secret sources again.

use serde::Deserialize;
use serde_json::json;

use crate::{Closed, Connection, Error};

/// The outcome of a reload. It is a success only when [`Status`](crate::Status) names no
/// degraded owner afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretsReload {
    /// The gateway has read them.
    Done {
        /// Whether it went through with it.
        ok: bool,
        /// References that it had to warn about.
        warnings: u64,
    },
    /// The gateway's own token changed, so it closed this connection before it answered.
    /// Newer releases answer first and close then.
    TokenChanged,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    ok: bool,
    #[serde(default)]
    warning_count: u64,
}

impl Connection {
    /// `secrets.reload` (scope admin). When the token itself changed, the gateway closes all
    /// connections with 4001.
    pub async fn secrets_reload(&self) -> Result<SecretsReload, Error> {
        match self.call::<Wire>("secrets.reload", json!({})).await {
            Ok(Wire { ok, warning_count }) => Ok(SecretsReload::Done {
                ok,
                warnings: warning_count,
            }),
            Err(Error::Closed(Closed::Peer { code: 4001, .. })) => Ok(SecretsReload::TokenChanged),
            Err(other) => Err(other),
        }
    }
}
