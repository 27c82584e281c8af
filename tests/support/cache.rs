//! Where `tests/setup.sh` put Node, the gateways and the tools.

use std::env;
use std::path::PathBuf;

/// A release of the gateway that we drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The newest: proves by hashes, knows the read-only switch.
    Newest,
    /// An older one: no hashes, and the read-only switch is unknown to it.
    Older,
}

impl Version {
    /// Both, the newest first.
    pub const ALL: [Self; 2] = [Self::Newest, Self::Older];

    /// The number that npm knows.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::Newest => "2026.9.6",
            Self::Older => "2026.7.35",
        }
    }
}

/// The folder that `tests/setup.sh` fills.
pub(crate) fn folder() -> PathBuf {
    if let Some(told) = env::var_os("PILOTFISH_CACHE") {
        return told.into();
    }
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
        .expect("HOME or PILOTFISH_CACHE must be set")
        .join("pilotfish")
}

/// Panics unless the gateway of this version is installed.
pub(crate) fn demand(version: Version) {
    let entry = format!(
        "openclaw-{}/node_modules/openclaw/openclaw.mjs",
        version.number()
    );
    let place = folder().join(entry);
    assert!(
        place.is_file(),
        "{} is missing: run `make test` or tests/setup.sh",
        place.display()
    );
}

/// Prometheus' own checker of metrics pages, rules and scrape configs.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn promtool() -> PathBuf {
    of_prometheus("promtool")
}

/// Node's program.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn node() -> PathBuf {
    let platforms = ["linux-x64", "linux-arm64"];
    let places = platforms.map(|name| format!("node/node_modules/node-{name}/bin/node"));
    found(&places.each_ref().map(String::as_str))
}

/// prom-client, the metrics library of Node.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn prom_client() -> PathBuf {
    found(&["prom-client/node_modules/prom-client"])
}

/// node_exporter, which shows a machine's figures.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn node_exporter() -> PathBuf {
    found(&["node-exporter/usr/bin/prometheus-node-exporter"])
}

/// The first of these in the cache.
fn found(places: &[&str]) -> PathBuf {
    let mut paths = places.iter().map(|place| folder().join(place));
    let found = paths.find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!(
            "{} is missing: run `make test` or tests/setup.sh",
            places[0]
        )
    })
}

/// The Prometheus server.
pub(crate) fn prometheus() -> PathBuf {
    of_prometheus("prometheus")
}

fn of_prometheus(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let unpacked = folder().join("promtool/usr/bin");
    env::split_paths(&path)
        .chain([unpacked])
        .map(|folder| folder.join(name))
        .find(|tool| tool.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run `make test` or tests/setup.sh"))
}
