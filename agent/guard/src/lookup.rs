//! Whose is it? Asked of the daemon, for each request anew, but for what cannot change: whose a full id is.

use bytes::Bytes;
use hyper::StatusCode;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    ApiVersion, SANDBOX_LABEL,
    refusal::Refusal,
    route::{is_id, is_name},
    upstream::{Call, Upstream},
};

/// So many full ids of ours are known without asking; then all are forgotten.
const MOST_KNOWN: usize = 1024;

/// Full ids of containers that are ours: no other container ever gets one of them, and labels do not change.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashSet<String>>);

impl Known {
    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids().contains(id)
    }

    fn learn(&self, id: &str) {
        let mut ids = self.ids();
        if ids.len() >= MOST_KNOWN {
            ids.clear();
        }
        ids.insert(id.to_owned());
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A container of ours, as the daemon tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    /// The full id.
    pub(crate) id: String,
    pub(crate) config: Config,
    #[serde(default)]
    pub(crate) host_config: HostConfig,
    /// The daemon's own words.
    #[serde(skip)]
    pub(crate) answer: Bytes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    labels: Option<HashMap<String, String>>,
    /// Seconds that it has to end when it is stopped, where its maker said so.
    pub(crate) stop_timeout: Option<i64>,
}

/// What of the host the container sees.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct HostConfig {
    pub(crate) binds: Option<Vec<String>>,
    pub(crate) mounts: Option<Vec<Mount>>,
    pub(crate) tmpfs: Option<HashMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mount {
    #[serde(rename = "Type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) read_only: bool,
}

#[derive(Deserialize)]
struct Exec {
    #[serde(rename = "ContainerID")]
    container: String,
}

/// The container of this name or id; one that is not ours does not exist.
pub(crate) async fn container(
    upstream: &Upstream,
    version: ApiVersion,
    name: &str,
    query: &str,
) -> Result<Container, Refusal> {
    if !is_name(name) {
        return Err(Refusal::no_container(name));
    }
    let path = format!("/containers/{name}/json{query}");
    let (status, body) = upstream.ask(Call::get(version, path)).await?;
    if status != StatusCode::OK {
        return Err(unfound(upstream, version, status, body, Refusal::no_container(name)).await);
    }
    let mut container: Container = read(&body)?;
    let labels = container.config.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(SANDBOX_LABEL.0));
    if label.map(String::as_str) != Some(SANDBOX_LABEL.1) || !is_id(&container.id) {
        return Err(Refusal::no_container(name));
    }
    upstream.known().learn(&container.id);
    container.answer = body;
    Ok(container)
}

/// The container's id of this exec, and what the daemon tells of the exec; one in a foreign container does not exist.
pub(crate) async fn exec(
    upstream: &Upstream,
    version: ApiVersion,
    id: &str,
) -> Result<(String, Bytes), Refusal> {
    let path = format!("/exec/{id}/json");
    let (status, body) = upstream.ask(Call::get(version, path)).await?;
    if status != StatusCode::OK {
        return Err(unfound(upstream, version, status, body, Refusal::no_exec(id)).await);
    }
    let exec: Exec = read(&body)?;
    if upstream.known().has(&exec.container) {
        return Ok((exec.container, body));
    }
    match container(upstream, version, &exec.container, "").await {
        Ok(container) => Ok((container.id, body)),
        Err(Refusal::Absent(_)) => Err(Refusal::no_exec(id)),
        Err(refusal) => Err(refusal),
    }
}

/// A 400 may be about the version, which the client must hear, or about a prefix of two ids, of which one may
/// be foreign.
async fn unfound(
    upstream: &Upstream,
    version: ApiVersion,
    status: StatusCode,
    body: Bytes,
    absent: Refusal,
) -> Refusal {
    if status.is_server_error() {
        return Refusal::Said(status, body);
    }
    if status != StatusCode::BAD_REQUEST {
        return absent;
    }
    match upstream.ask(Call::get(version, "/_ping")).await {
        Ok((StatusCode::OK, _)) => absent,
        Ok((status, body)) => Refusal::Said(status, body),
        Err(refusal) => refusal,
    }
}

/// Reads what the daemon said.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        tracing::warn!(%error, "cannot read the sandbox daemon's answer");
        Refusal::Daemon("the sandbox daemon's answer cannot be read".into())
    })
}
