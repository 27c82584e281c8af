//! From what was given to the settings of use and its limits, and of the watch over the pod.

use std::path::{Path, PathBuf};

use super::knobs::Switch;
use crate::health;
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

/// The watch over the pod; `daemon` is where the sandbox daemon's data lies.
pub(super) fn health(given: &Given, state: &Path, daemon: Option<PathBuf>) -> health::Settings {
    let gateway: Option<PathBuf> = given.read("gateway-state", parsed);
    health::Settings {
        cures: given.read("cures", word).unwrap_or_default(),
        state: gateway.unwrap_or_else(|| state.to_path_buf()),
        daemon,
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
