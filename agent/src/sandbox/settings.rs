//! What an operator sets about the sandboxes and their daemon.

use std::path::PathBuf;

use sandbox::{DockerSettings, KeeperSettings};

/// Whether limits remove by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pruning {
    /// They do.
    #[default]
    On,
    /// They only decide.
    Off,
}

/// Settings of the sandbox component; without a daemon's socket there are none.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The owner's.
    pub keeper: KeeperSettings,
    /// Where the daemon is.
    pub docker: DockerSettings,
    /// The guard's; nothing where it is switched off.
    pub guard: Option<guard::Settings>,
    /// The agent's own directory.
    pub state: PathBuf,
}
