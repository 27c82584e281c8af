//! `gateway.restart.request`: a restart that lets running work end first.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clip::{MESSAGE, NAME, clip};
use crate::{Connection, Error};

/// What the gateway makes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// Its word for what happens, such as `scheduled`.
    pub status: String,
    /// Whether nothing is running that a restart would cut off.
    pub safe: bool,
    /// What it waits for, in its words.
    pub blockers: Vec<String>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    status: String,
    #[serde(default)]
    preflight: Preflight,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Preflight {
    safe: bool,
    blockers: Vec<Value>,
}

impl Connection {
    /// `gateway.restart.request` (scope admin). The connection closes with 1012 next.
    pub async fn restart_request(&self) -> Result<Restart, Error> {
        let wire: Wire = self.call("gateway.restart.request", json!({})).await?;
        Ok(Restart {
            status: clip(&wire.status, NAME),
            safe: wire.preflight.safe,
            blockers: wire.preflight.blockers.iter().take(16).map(words).collect(),
        })
    }
}

fn words(blocker: &Value) -> String {
    let text = blocker
        .as_str()
        .or_else(|| blocker.get("message")?.as_str());
    text.map_or_else(
        || clip(&blocker.to_string(), MESSAGE),
        |text| clip(text, MESSAGE),
    )
}
