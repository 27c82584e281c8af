//! What an operator sets about use and its limits.

use std::path::PathBuf;

/// Settings of this room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// The agent's own directory.
    pub state: PathBuf,
    /// What the plan allows.
    pub plan: Plan,
    /// The memory that the gateway's container may use, where no control group tells.
    pub memory_limit: Option<u64>,
}

/// What an instance's plan allows; what is not set is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Plan {
    /// Tokens in a day, both ways together.
    pub tokens_per_day: Option<u64>,
    /// US dollars in a day.
    pub cost_per_day: Option<f64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes on the disk of the state.
    pub disk: Option<u64>,
}

impl Plan {
    /// The limits that are set, by their words on the page.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let number = |limit: Option<u64>| limit.map(|limit| limit as f64);
        [
            ("tokens_per_day", number(self.tokens_per_day)),
            ("cost_usd_per_day", self.cost_per_day),
            ("memory_bytes", number(self.memory)),
            ("disk_bytes", number(self.disk)),
        ]
        .into_iter()
        .filter_map(|(resource, limit)| Some((resource, limit?)))
    }
}
