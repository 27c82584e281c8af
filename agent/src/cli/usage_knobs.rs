//! From what was given to the settings of use and its limits.

use std::path::Path;

use super::knobs::Switch;
use crate::settings::{Given, bytes, dollars, parsed, word};
use crate::usage::{Plan, Settings};

/// The settings. A mistake is noted.
pub(super) fn usage(given: &Given, state: &Path) -> Settings {
    Settings {
        state: state.to_path_buf(),
        plan: Plan {
            tokens_per_day: given.read("plan-tokens-per-day", count),
            cost_per_day: given.read("plan-cost-per-day", dollars),
            memory: given.read("plan-memory", bytes),
            disk: given.read("plan-disk", bytes),
        },
        memory_limit: given.read("memory-limit", bytes),
    }
}

/// Whether the gateway's own page is passed on.
pub(super) fn passes_on(given: &Given) -> bool {
    given.read("gateway-metrics", word::<Switch>) == Some(Switch::On)
}

fn count(text: &str) -> Result<u64, String> {
    parsed(text)
        .map_err(|_: String| format!("{text:?} is no number of tokens; write such as 2000000"))
}
