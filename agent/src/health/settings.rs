//! What an operator sets of the watch over the pod.

use std::path::PathBuf;

/// Whether causes are cured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Cures {
    /// They are.
    #[default]
    Act,
    /// It is only said what would be done.
    Observe,
}

impl From<Cures> for ::health::cure::Mode {
    fn from(cures: Cures) -> Self {
        match cures {
            Cures::Act => Self::Act,
            Cures::Observe => Self::Observe,
        }
    }
}

/// What is watched, and what is done about it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whether causes are cured.
    pub cures: Cures,
    /// Where the gateway's state lies, else the agent's own.
    pub state: PathBuf,
    /// Where the sandbox daemon's data lies, where that is mounted here.
    pub daemon: Option<PathBuf>,
    /// The limit of the gateway's memory in bytes, where it is told.
    pub memory_limit: Option<u64>,
}
