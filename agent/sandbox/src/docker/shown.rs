//! What the daemon shows of containers, as we know them.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use bollard::models::{
    ContainerInspectResponse, ContainerStatsResponse, ContainerSummary, HostConfig, ImageSummary,
    MountPoint,
};

use crate::labels::{Labels, bounded};
use crate::{
    Clock, ExecId, Facts, ForeignUse, Found, Id, Image, ImageRef, NetworkRef, State, Usage,
    VolumeRef,
};

/// Reads a container; nothing where it is no sandbox.
pub(super) fn found(
    shown: ContainerInspectResponse,
    skills: Option<&Path>,
    clock: &Clock,
) -> Option<Found> {
    let id = Id::parse(shown.id.as_deref()?)?;
    let config = shown.config.unwrap_or_default();
    let labels = Labels::read(config.labels.as_ref()?)?;
    let host = shown.host_config.unwrap_or_default();
    let mounts = shown.mounts.unwrap_or_default();
    let status = shown.state.unwrap_or_default();
    let word = status.status.map(|status| status.to_string());
    let state = word.as_deref().and_then(State::parse);
    let ended = status.finished_at.as_deref();
    let networks = shown.network_settings.and_then(|all| all.networks);
    let now = clock.now();
    Some(Found {
        facts: Facts {
            id,
            name: bounded(shown.name.unwrap_or_default().trim_start_matches('/')),
            scope: labels.scope,
            kind: labels.kind,
            config_hash: labels.config_hash,
            image: ImageRef {
                id: shown.image.unwrap_or_default(),
                name: config.image.unwrap_or_default(),
            },
            memory_limit: host.memory.and_then(positive),
            cpus: cpus(&host),
            volumes: volumes(&mounts, &host),
            networks: networks
                .unwrap_or_default()
                .into_iter()
                .map(|(name, end)| NetworkRef {
                    id: end.network_id.filter(|id| !id.is_empty()),
                    name,
                })
                .collect(),
            skills: skills.and_then(|skills| skills_folder(&mounts, skills)),
        },
        state: state.unwrap_or(State::Running),
        created: shown
            .created
            .and_then(|created| clock.moment_of_text(&created))
            .unwrap_or(now),
        ended: ended.and_then(|ended| clock.moment_of_text(ended)),
        execs: shown
            .exec_ids
            .unwrap_or_default()
            .iter()
            .filter_map(|exec| ExecId::parse(exec))
            .collect(),
    })
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0)
}

fn cpus(host: &HostConfig) -> Option<f64> {
    let nanos = host.nano_cpus.and_then(positive);
    let quota = host.cpu_quota.and_then(positive);
    let period = host.cpu_period.and_then(positive).unwrap_or(100_000);
    // Far below 2^53 for every machine there is.
    let of_quota = quota.map(|quota| quota as f64 / period as f64);
    nanos.map(|nanos| nanos as f64 / 1e9).or(of_quota)
}

/// The volumes of a container. One that was named when the container was made is not anonymous, whatever its name.
fn volumes(mounts: &[MountPoint], host: &HostConfig) -> Vec<VolumeRef> {
    let binds = host.binds.iter().flatten();
    let bound = binds.filter_map(|bind| bind.split(':').next());
    let asked = host.mounts.iter().flatten();
    let named: BTreeSet<&str> = bound
        .chain(asked.filter_map(|mount| mount.source.as_deref()))
        .collect();
    volume_names(mounts)
        .map(|name| VolumeRef {
            anonymous: is_hash(name) && !named.contains(name),
            name: name.to_owned(),
        })
        .collect()
}

fn volume_names(mounts: &[MountPoint]) -> impl Iterator<Item = &str> {
    let volumes = mounts
        .iter()
        .filter(|mount| mount.typ.as_deref() == Some("volume"));
    volumes.filter_map(|mount| mount.name.as_deref())
}

fn is_hash(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first component below the skills directory of what is mounted from there.
fn skills_folder(mounts: &[MountPoint], skills: &Path) -> Option<String> {
    let sources = mounts.iter().filter_map(|mount| mount.source.as_deref());
    let mut below = sources.filter_map(|source| Path::new(source).strip_prefix(skills).ok());
    let first = below.find_map(|below| below.components().next())?;
    Some(first.as_os_str().to_str()?.to_owned())
}

/// Whether a listed container is a sandbox, and its id.
pub(super) fn sandbox(shown: &ContainerSummary) -> Option<Id> {
    Labels::read(shown.labels.as_ref()?)?;
    Id::parse(shown.id.as_deref()?)
}

/// Notes what a container uses that is not ours.
pub(super) fn note_foreign(shown: &ContainerSummary, foreign: &mut ForeignUse) {
    foreign.images.extend(shown.image_id.clone());
    foreign.images.extend(shown.image.clone());
    let mounts = shown.mounts.as_deref().unwrap_or_default();
    let volumes = volume_names(mounts).map(str::to_owned);
    foreign.volumes.extend(volumes);
    let networks = shown.network_settings.as_ref();
    let networks = networks.and_then(|settings| settings.networks.as_ref());
    for (name, end) in networks.into_iter().flatten() {
        foreign.networks.insert(name.clone());
        foreign.networks.extend(end.network_id.clone());
    }
    let host = shown.host_config.as_ref();
    let mode = host.and_then(|host| host.network_mode.clone());
    foreign.networks.extend(mode);
}

/// Reads an image that has a name; nothing for one that has none.
pub(super) fn image(shown: ImageSummary) -> Option<Image> {
    let is_name = |name: &String| !name.starts_with("<none>") && !name.ends_with("<none>");
    let names: Vec<String> = shown.repo_tags.into_iter().filter(is_name).collect();
    let digests: Vec<String> = shown.repo_digests.into_iter().filter(is_name).collect();
    let is_named = !names.is_empty() || !digests.is_empty();
    is_named.then(|| Image {
        id: shown.id,
        names,
        digests,
        bytes: u64::try_from(shown.size).unwrap_or(0),
    })
}

/// What a container uses, of a daemon on cgroup v1 or v2.
pub(super) fn usage(stats: ContainerStatsResponse, written: Option<i64>) -> Usage {
    let memory = stats.memory_stats.unwrap_or_default();
    let details: HashMap<String, u64> = memory.stats.unwrap_or_default();
    // The file cache that the kernel gives back at once: so named on cgroup v1, and on v2.
    let cache = details.get("total_inactive_file");
    let cache = cache.or_else(|| details.get("inactive_file")).copied();
    let cpu = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage);
    let nanos = cpu.and_then(|cpu| cpu.total_usage).unwrap_or(0);
    Usage {
        memory_bytes: memory.usage.unwrap_or(0).saturating_sub(cache.unwrap_or(0)),
        cpu_seconds: nanos as f64 / 1e9,
        written_bytes: written.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
    const VOLUME: &str = "00000000000000000000000000000000000000000000000000000000000000cc";
    const NAMED: &str = "00000000000000000000000000000000000000000000000000000000000000dd";

    #[test]
    fn a_container_is_read() {
        let shown = json!({
            "Id": ID, "Name": "/openclaw-sbx-x", "Created": "2026-01-01T00:00:00.5Z",
            "Image": "sha256:abc", "ExecIDs": [VOLUME, "short"],
            "State": {"Status": "exited", "FinishedAt": "2026-01-01T00:01:00Z"},
            "Config": {"Image": "openclaw-sandbox:bookworm-slim", "Labels": {
                "openclaw.sandbox": "1", "openclaw.sessionKey": "agent:main:t1"}},
            "HostConfig": {"Memory": 536_870_912, "NanoCpus": 500_000_000, "Binds": [format!("{NAMED}:/b")]},
            "Mounts": [
                {"Type": "volume", "Name": VOLUME}, {"Type": "volume", "Name": NAMED},
                {"Type": "volume", "Name": "plain"},
                {"Type": "bind", "Source": "/s/sandbox/skills-workspaces/w1/.openclaw/skills"}],
            "NetworkSettings": {"Networks": {"none": {"NetworkID": ""}}},
        });
        let shown = serde_json::from_value(shown).unwrap();
        let skills = Path::new("/s/sandbox/skills-workspaces");
        let found = found(shown, Some(skills), &Clock::start()).unwrap();
        assert_eq!(found.facts.name, "openclaw-sbx-x");
        assert_eq!(found.facts.scope.session(), Some("agent:main:t1"));
        assert_eq!(found.state, State::Exited);
        assert_eq!(
            found.ended.unwrap().millis() - found.created.millis(),
            59_500
        );
        assert_eq!(found.execs, [ExecId::parse(VOLUME).unwrap()]);
        assert_eq!(found.facts.cpus, Some(0.5));
        let anonymous: Vec<bool> = found.facts.volumes.iter().map(|v| v.anonymous).collect();
        assert_eq!(anonymous, [true, false, false]);
        assert_eq!(found.facts.networks[0].id, None);
        assert_eq!(found.facts.skills.as_deref(), Some("w1"));
    }

    #[test]
    fn what_does_not_carry_the_label_is_no_sandbox() {
        for labels in [json!({}), json!({"openclaw.sandbox": "0"}), json!(null)] {
            let shown = json!({"Id": ID, "Config": {"Labels": labels}});
            let shown = serde_json::from_value(shown).unwrap();
            assert_eq!(found(shown, None, &Clock::start()), None);
        }
    }

    #[test]
    fn memory_is_read_on_both_cgroup_versions() {
        let v1 = json!({"memory_stats": {"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 1}},
            "cpu_stats": {"cpu_usage": {"total_usage": 1_500_000_000}}});
        let v2 = json!({"memory_stats": {"usage": 100, "stats": {"inactive_file": 40}},
            "cpu_stats": {"cpu_usage": {"total_usage": 0}}});
        for (shown, memory, cpu) in [(v1, 70, 1.5), (v2, 60, 0.0), (json!({}), 0, 0.0)] {
            let usage = usage(serde_json::from_value(shown).unwrap(), Some(7));
            assert_eq!(usage.memory_bytes, memory);
            assert!((usage.cpu_seconds - cpu).abs() < 1e-9);
            assert_eq!(usage.written_bytes, Some(7));
        }
    }
}
