//! `status`: what is broken and what runs.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clip::{MESSAGE, NAME, clip};
use crate::{Connection, Error};

/// More owners or paths than these are dropped.
const LISTED: usize = 32;

/// A part of the gateway that lacks a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DegradedOwner {
    /// Such as `provider`.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// `cold` when it never had it, otherwise it goes on with the old value.
    pub state: String,
    /// The keys of the configuration.
    pub paths: Vec<String>,
    /// The gateway's words.
    pub reason: String,
}

/// The state of a running gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The release.
    pub version: Option<String>,
    /// Its process, in its own namespace.
    pub pid: Option<u32>,
    /// Resident memory in bytes.
    pub rss_bytes: Option<u64>,
    /// Who lacks a secret. `None`: the release does not tell.
    pub degraded_secret_owners: Option<Vec<DegradedOwner>>,
    /// Tasks in flight and work that a stop would wait for.
    pub active: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Wire {
    runtime_version: Option<String>,
    pid: Option<u32>,
    process_memory: Memory,
    degraded_secret_owners: Option<Vec<Value>>,
    tasks: Tasks,
    shutdown_budget: Budget,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    rss_bytes: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tasks {
    active: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Budget {
    active_work: Value,
}

impl Budget {
    /// The counters differ from release to release; whatever is a number counts.
    fn total(&self) -> u64 {
        let counters = self.active_work.as_object();
        let counters = counters
            .into_iter()
            .flat_map(|map| map.values())
            .filter_map(Value::as_u64);
        counters.fold(0, u64::saturating_add)
    }
}

impl DegradedOwner {
    fn read(value: &Value) -> Self {
        let text = |key: &str, max| {
            clip(
                value.get(key).and_then(Value::as_str).unwrap_or_default(),
                max,
            )
        };
        let paths = value
            .get("paths")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Self {
            kind: text("ownerKind", NAME),
            id: text("ownerId", NAME),
            state: text("degradationState", NAME),
            paths: paths
                .filter_map(Value::as_str)
                .take(LISTED)
                .map(|p| clip(p, NAME))
                .collect(),
            reason: text("reason", MESSAGE),
        }
    }
}

impl From<Wire> for Status {
    fn from(wire: Wire) -> Self {
        let owners = wire.degraded_secret_owners;
        Self {
            version: wire.runtime_version.map(|version| clip(&version, NAME)),
            pid: wire.pid,
            rss_bytes: wire.process_memory.rss_bytes,
            degraded_secret_owners: owners
                .map(|all| all.iter().take(LISTED).map(DegradedOwner::read).collect()),
            active: wire
                .tasks
                .active
                .saturating_add(wire.shutdown_budget.total()),
        }
    }
}

impl Connection {
    /// `status` (scope read). It costs the gateway some 50 ms.
    pub async fn status(&self) -> Result<Status, Error> {
        Ok(self.call::<Wire>("status", json!({})).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_owners_and_work() {
        let wire: Wire = serde_json::from_str(
            r#"{"runtimeVersion":"2026.9.6","pid":7,"processMemory":{"rssBytes":808943616},
            "degradedSecretOwners":[{"ownerKind":"provider","ownerId":"mock","state":"unavailable","degradationState":"cold",
              "paths":["models.providers.mock.apiKey"],"reason":"r"}],
            "tasks":{"active":2},"shutdownBudget":{"activeWork":{"rootRequests":1,"cronRuns":0,"note":"x"}}}"#,
        )
        .unwrap();
        let status = Status::from(wire);
        assert_eq!(status.active, 3);
        assert_eq!(status.rss_bytes, Some(808_943_616));
        let owners = status.degraded_secret_owners.unwrap();
        assert_eq!(owners[0].id, "mock");
        assert_eq!(owners[0].paths, ["models.providers.mock.apiKey"]);
    }

    #[test]
    fn a_release_that_tells_less() {
        let status = Status::from(serde_json::from_str::<Wire>("{}").unwrap());
        assert_eq!(status.degraded_secret_owners, None);
        assert_eq!(status.active, 0);
    }
}
