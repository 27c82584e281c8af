//! What the daemon tells of itself, and of what happens.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use crate::{
    ApiVersion, answer,
    filters::Filters,
    handle::{Context, Reply},
    refusal::Refusal,
    upstream::Call,
};

/// Of `info`, what Docker's command line needs and what says nothing of the host's other work.
const INFO: &[&str] = &[
    "Architecture",
    "CgroupDriver",
    "CgroupVersion",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "DefaultRuntime",
    "Driver",
    "KernelVersion",
    "MemoryLimit",
    "MemTotal",
    "NCPU",
    "OperatingSystem",
    "OomKillDisable",
    "OSType",
    "OSVersion",
    "PidsLimit",
    "SecurityOptions",
    "ServerVersion",
    "SwapLimit",
];

/// `_ping`, the one call that may come without a version.
pub(crate) async fn ping(context: &Context, method: Method, version: Option<ApiVersion>) -> Reply {
    context.query.only(&[])?;
    context.pass(Call::new(method, version, "/_ping")).await
}

/// `info`, without registries, plugins, labels and the counts of foreign containers.
pub(crate) async fn info(context: &Context) -> Reply {
    let told = object(context, "/info").await?;
    let mut info: Map<String, Value> = told
        .into_iter()
        .filter(|(key, _)| INFO.contains(&key.as_str()))
        .collect();
    let swarm = serde_json::json!({ "LocalNodeState": "inactive", "ControlAvailable": false });
    info.insert("Swarm".into(), swarm);
    info.insert("Name".into(), "pilotfish".into());
    Ok(answer::json(
        StatusCode::OK,
        Value::Object(info).to_string(),
    ))
}

/// `version`, with no newer one than we speak.
pub(crate) async fn version(context: &Context) -> Reply {
    let newest = context.guard.settings.newest_api;
    let mut told = object(context, "/version").await?;
    clamp(&mut told, newest);
    let components = told.get_mut("Components").and_then(Value::as_array_mut);
    for component in components.into_iter().flatten() {
        if let Some(details) = component.get_mut("Details").and_then(Value::as_object_mut) {
            clamp(details, newest);
        }
    }
    Ok(answer::json(
        StatusCode::OK,
        Value::Object(told).to_string(),
    ))
}

fn clamp(told: &mut Map<String, Value>, newest: ApiVersion) {
    if let Some(version) = told.get_mut("ApiVersion") {
        let known = version
            .as_str()
            .and_then(|version| version.parse::<ApiVersion>().ok());
        if known.is_none_or(|known| known > newest) {
            *version = newest.to_string().into();
        }
    }
}

async fn object(context: &Context, path: &str) -> Result<Map<String, Value>, Refusal> {
    context.query.only(&[])?;
    context.read(path).await
}

/// `events` of our containers, and of nothing else.
pub(crate) async fn events(context: &Context) -> Reply {
    context.query.only(&["since", "until", "filters"])?;
    let keys = ["type", "event", "container", "image", "label"];
    let filters = Filters::read(context.query.get("filters"), &keys)?;
    let filters = filters.ours().only("type", "container")?;
    let mut query = context.query.clone();
    query.set("filters", filters.write());
    context
        .follow(Call::get(context.version, query.behind("/events")))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_newer_version_is_told() {
        for (said, heard) in [("1.41", "1.41"), ("1.99", "1.56"), ("2.0", "1.56")] {
            let mut told = Map::new();
            told.insert("ApiVersion".into(), said.into());
            clamp(&mut told, ApiVersion::NEWEST);
            assert_eq!(told["ApiVersion"], heard);
        }
    }
}
