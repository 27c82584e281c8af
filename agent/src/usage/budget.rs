//! How many series the page may have, and who takes how many. The same table is in docs/metrics.md.

/// The most that one pod shows.
const ALL: usize = 300;

/// The document, the secrets, the journal, the agent's own process.
const DOCUMENT: usize = 52;

/// The sandboxes and their daemon, where there is one.
const SANDBOXES: usize = 70;

/// The guard, where there is one.
const GUARD: usize = 32;

/// Verdict, causes, deaths, cures, disks.
const HEALTH: usize = 86;

/// This room's families without labels of strangers.
const POD: usize = 14;

/// How many series the names of strangers may take: of providers, models, platforms, channels.
pub fn room(has_sandboxes: bool, has_guard: bool) -> usize {
    let sandboxes = if has_sandboxes { SANDBOXES } else { 0 };
    let guard = if has_guard { GUARD } else { 0 };
    ALL - DOCUMENT - HEALTH - POD - sandboxes - guard
}
