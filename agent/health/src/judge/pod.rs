//! What is around the gateway: plugins, secrets, sandboxes, disks, memory, clock, journal.

use crate::facts::{Disk, Sandbox, Volume};
use crate::judge::NAMED;
use crate::{Facts, Finding, Kind, words};

/// A disk above this is nearly full.
const HIGH: f64 = 0.85;
/// A disk above this is full.
const FULL: f64 = 0.99;
/// A disk with less free bytes than this is full, however large it is.
const ROOM: u64 = 16 << 20;
/// Memory above this part of its limit is near it.
const MEMORY: f64 = 0.9;
/// A smaller jump of the clock is a correction.
const JUMP: u64 = 60;

pub(super) fn judge(facts: &Facts, found: &mut Vec<Finding>) {
    for (plugin, reason) in facts.plugins_failed.iter().flatten().take(NAMED) {
        found.push(Finding::about(
            Kind::PluginFailed,
            plugin,
            format!("it did not load: {}", words(reason)),
        ));
    }
    for owner in facts.secrets_degraded.iter().flatten().take(NAMED) {
        found.push(Finding::about(
            Kind::SecretsDegraded,
            owner,
            "the gateway names it as lacking a secret",
        ));
    }
    if let Some(sandbox) = &facts.sandbox {
        sandboxes(sandbox, found);
    }
    found.extend(facts.disks.iter().filter_map(disk));
    found.extend(memory(facts));
    if let Some(jump) = facts
        .clock
        .jumped
        .filter(|jump| jump.unsigned_abs() >= JUMP)
    {
        found.push(Finding::new(
            Kind::ClockJumped,
            format!("the wall clock jumped by {jump} s"),
        ));
    }
    if facts.agent.journal_writable == Some(false) {
        found.push(Finding::new(
            Kind::JournalUnwritable,
            "writes to the journal fail",
        ));
    }
}

fn sandboxes(sandbox: &Sandbox, found: &mut Vec<Finding>) {
    if sandbox.daemon_up == Some(false) {
        let why = sandbox
            .why
            .as_deref()
            .map_or_else(|| "no answer".to_owned(), words);
        found.push(
            Finding::new(Kind::DaemonAbsent, format!("the daemon is away: {why}"))
                .since(sandbox.since),
        );
        return;
    }
    for image in sandbox.images_missing.iter().take(NAMED) {
        found.push(Finding::about(
            Kind::ImageMissing,
            image,
            "the daemon does not have it",
        ));
    }
    if let Some(step) = sandbox.disk_step.filter(|step| *step > 0) {
        found.push(Finding::new(
            Kind::DiskStep,
            format!("rules of removal at step {step}"),
        ));
    }
    if sandbox.full_of_live == Some(true) {
        found.push(Finding::new(
            Kind::FullOfLive,
            "nothing on it may be removed",
        ));
    }
}

fn disk(disk: &Disk) -> Option<Finding> {
    let percent = |part: f64| format!("{:.0} %", (part * 100.0).floor());
    let mut seen = Vec::new();
    seen.extend(
        disk.used
            .map(|part| format!("{} of its bytes used", percent(part))),
    );
    seen.extend(
        disk.inodes
            .map(|part| format!("{} of its inodes used", percent(part))),
    );
    seen.extend(disk.free.map(|free| format!("{} MiB free", free >> 20)));
    let above = |mark: f64| {
        [disk.used, disk.inodes]
            .into_iter()
            .flatten()
            .any(|part| part > mark)
    };
    let full = above(FULL) || disk.free.is_some_and(|free| free < ROOM);
    let kind = match disk.volume {
        Volume::State if full => Kind::StateFull,
        _ if full || above(HIGH) => Kind::DiskHigh,
        _ => return None,
    };
    Some(Finding::about(kind, disk.volume.word(), seen.join(", ")))
}

fn memory(facts: &Facts) -> Option<Finding> {
    let memory = facts.memory?;
    let part = memory.ratio().filter(|part| *part > MEMORY)?;
    let (used, limit) = (memory.used >> 20, memory.limit.unwrap_or_default() >> 20);
    let evidence = format!(
        "{used} MiB of {limit} MiB used ({:.0} %)",
        (part * 100.0).floor()
    );
    Some(Finding::new(Kind::MemoryHigh, evidence))
}
