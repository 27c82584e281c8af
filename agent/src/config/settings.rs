//! What an operator sets about the document: where it comes from, where it goes, how patient we are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use config_merge::LayerName;
use serde::Deserialize;

/// What is done with an edit that somebody else makes to the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It is put back at once, before the gateway applies it. Where the document's directory is
    /// mounted read-only into the gateway there is nothing to put back.
    #[default]
    Enforce,
    /// Edits of the allowed paths become the runtime layer; others are put back.
    Shared,
}

/// Settings of the config component.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A file or a directory of files for each layer.
    pub layers: BTreeMap<LayerName, PathBuf>,
    /// The file with locks and bounds.
    pub locks: Option<PathBuf>,
    /// The gateway's document.
    pub document: PathBuf,
    /// Mode of the document's file.
    pub mode: u32,
    /// Owner of the document's file, when another than the agent's own.
    pub owner: Option<(u32, u32)>,
    /// The agent's own directory.
    pub state: PathBuf,
    /// What is done about foreign edits.
    pub drift: Drift,
    /// Whether the document's directory is mounted read-only into the gateway.
    pub read_only: bool,
    /// Paths whose foreign edits are adopted in shared mode.
    pub shared_paths: Vec<String>,
    /// How long a proved change must not make things worse.
    pub probation: Duration,
    /// How long an absent gateway is waited for before it is reported.
    pub absent: Duration,
    /// How long a layer must be quiet before it is refused.
    pub quiet: Duration,
    /// How often layers are looked at where inotify does not work.
    pub poll: Duration,
    /// The gateway's version, where the chart passes it.
    pub gateway_version: Option<String>,
}

#[cfg(test)]
impl Settings {
    /// For tests: everything below a directory, no layer, no patience.
    pub fn beneath(dir: &std::path::Path) -> Self {
        Self {
            layers: BTreeMap::new(),
            locks: None,
            document: dir.join("openclaw.json"),
            mode: 0o600,
            owner: None,
            state: dir.join("state"),
            drift: Drift::Enforce,
            read_only: false,
            shared_paths: Vec::new(),
            probation: Duration::ZERO,
            absent: Duration::ZERO,
            quiet: Duration::ZERO,
            poll: Duration::ZERO,
            gateway_version: None,
        }
    }
}
