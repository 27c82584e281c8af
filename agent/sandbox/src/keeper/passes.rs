//! One pass: ask the gateway, decide, remove, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::OptionFuture;
use tokio::time::{Instant, timeout};
use tracing::{debug, error, info, warn};

use super::handle::{KeeperError, Reply};
use super::view::{Daemon, Happening};
use super::{Keeper, Stage};
use crate::{
    Attempt, Change, EngineError, FAILURES_MAX, Failure, Fate, Id, Listing, Meaning, Mode, Moment,
    PassReport, Reclaimable, Removal, Request, Sessions, Step, Target, decide, full_of_live,
};

/// How long the gateway may take to tell its sessions.
const GATEWAY: Duration = Duration::from_secs(15);

/// The most passes that wait.
const QUEUE_MAX: usize = 8;

/// A pass that is to be made.
pub(super) struct Order {
    pub(super) mode: Mode,
    pub(super) request: Request,
    /// Where the report goes, apart from the view.
    pub(super) reply: Option<Reply<PassReport>>,
}

/// What the gateway said at the begin of a pass.
pub(super) struct Gathered {
    order: Order,
    start: Instant,
    sessions: Option<Sessions>,
    images: Option<BTreeSet<String>>,
    /// What the daemon has, where the disk asks for it: what fills a disk came a moment ago, and no event tells of it.
    listing: Option<Result<Listing, EngineError>>,
}

/// A pass that removes, or has removed.
pub(super) struct Carried {
    order: Order,
    start: Instant,
    report: PassReport,
    attempts: Vec<Attempt>,
}

impl Keeper {
    /// Makes a pass, now or after those that wait.
    pub(super) fn order(&mut self, order: Order) {
        if let Some(error) = self.refusal() {
            answer(order.reply, Err(error));
            return;
        }
        if self.pass.is_none() {
            self.gather(order);
        } else if self.queue.len() < QUEUE_MAX {
            self.queue.push_back(order);
        } else {
            answer(order.reply, Err(KeeperError::Busy));
        }
    }

    /// Why nothing can be done now.
    pub(super) fn refusal(&self) -> Option<KeeperError> {
        let why = match &self.daemon {
            Daemon::Up(_) => return None,
            Daemon::Unknown => "it has not answered yet".to_owned(),
            Daemon::Down { why, .. } => why.clone(),
        };
        Some(KeeperError::DaemonDown { why })
    }

    fn gather(&mut self, order: Order) {
        let gateway = self.gateway.clone();
        let start = Instant::now();
        let list = (self.step > Step::Normal).then(|| self.follower.lists());
        let gather = async move {
            let asked = async { tokio::join!(gateway.sessions(), gateway.images()) };
            let (asked, listing) = tokio::join!(timeout(GATEWAY, asked), OptionFuture::from(list));
            let (sessions, images) = asked.unwrap_or_default();
            Stage::Gathered(Box::new(Gathered {
                order,
                start,
                sessions,
                images,
                listing,
            }))
        };
        self.pass = Some(gather.boxed());
    }

    pub(super) fn gathered(&mut self, gathered: Gathered) {
        let Gathered {
            order,
            start,
            sessions,
            images,
            listing,
        } = gathered;
        self.apply(Change::Sessions(sessions));
        self.settings.limits.images.wanted = images;
        self.read_disk();
        if let Some(error) = self.refusal() {
            answer(order.reply, Err(error));
            self.next_in_queue();
            return;
        }
        match listing {
            // The disk filled just now.
            None if self.step > Step::Normal => return self.gather(order),
            None => {}
            // The follower may have listed anew meanwhile.
            Some(Ok(listing)) if Some(listing.began) < self.inventory.listed => {}
            Some(Ok(listing)) => self.listed(listing),
            Some(Err(error)) => {
                warn!(%error, source = %error.source, "the sandbox daemon does not tell what it has: the pass is made on what was last known");
            }
        }
        let report = self.decided(&order);
        if order.mode == Mode::Dry {
            self.finish(order, start, report);
            return;
        }
        let (pruner, step) = (self.pruner.clone(), report.step);
        let is_due = |removal: &&Removal| !report.stayed.contains_key(&removal.target);
        let removals = report.decided.iter().filter(is_due).cloned().collect();
        let carry = async move {
            let attempts = pruner.carry_out(removals, step).await;
            Stage::Carried(Box::new(Carried {
                order,
                start,
                report,
                attempts,
            }))
        };
        self.pass = Some(carry.boxed());
    }

    /// A report of which nothing is carried out yet.
    fn decided(&mut self, order: &Order) -> PassReport {
        let now = self.clock.now();
        if let Some(activity) = &self.activity {
            self.inventory.hear(activity, &self.settings.limits);
        }
        let mut decided = decide(
            &self.inventory,
            &self.settings.limits,
            order.request,
            self.step,
            now,
        );
        self.stuck
            .keep(decided.iter().map(|removal| &removal.target));
        decided.retain(|removal| !self.may_be_recent(removal, now));
        // Who asks does not wait for the next try.
        let waits = |target: &Target| order.reply.is_none() && self.stuck.holds(target, now);
        let targets = decided.iter().map(|removal| &removal.target);
        let stayed: BTreeMap<_, _> = targets
            .filter(|target| waits(target))
            .map(|target| (target.clone(), "it would not go: it is tried again later"))
            .collect();
        let seen = self.inventory.sandboxes.len();
        PassReport {
            mode: order.mode,
            began: now,
            took: Duration::ZERO,
            step: self.step,
            seen,
            kept: seen,
            names: self.names(&decided),
            removed: BTreeMap::new(),
            stayed,
            spared: 0,
            failed: Vec::new(),
            failures: 0,
            bytes_freed: 0,
            full_of_live: full_of_live(
                &self.inventory,
                &self.settings.limits,
                self.step,
                &decided,
                now,
            ),
            decided,
        }
    }

    /// The names of the sandboxes among these.
    fn names(&self, removals: &[Removal]) -> BTreeMap<Id, String> {
        let named = |removal: &Removal| match &removal.target {
            Target::Container(id) => {
                let sandbox = self.inventory.sandboxes.get(id)?;
                Some((*id, sandbox.facts.name.clone()))
            }
            _ => None,
        };
        removals.iter().filter_map(named).collect()
    }

    /// What happened in a sandbox shortly before this process began is not known, so what is up counts as live.
    fn may_be_recent(&self, removal: &Removal, now: Moment) -> bool {
        let Target::Container(id) = &removal.target else {
            return false;
        };
        let sandbox = self.inventory.sandboxes.get(id);
        let is_up = sandbox.is_some_and(|sandbox| sandbox.state.is_up());
        is_up && now.since(self.started) < self.settings.limits.live_after
    }

    pub(super) fn carried(&mut self, carried: Carried) {
        let Carried {
            order,
            start,
            mut report,
            attempts,
        } = carried;
        for mut attempt in attempts {
            self.weigh(&mut attempt);
            count(&attempt, &mut report);
            let name = report.name(&attempt.removal.target).to_owned();
            self.attempted(attempt, name);
        }
        self.finish(order, start, report);
    }

    /// What a sandbox had written, where the daemon did not say so at its removal and it was measured before.
    fn weigh(&self, attempt: &mut Attempt) {
        if let (Fate::Removed(bytes @ 0), Target::Container(id)) =
            (&mut attempt.fate, &attempt.removal.target)
        {
            let sandbox = self.inventory.sandboxes.get(id);
            let usage = sandbox.and_then(|sandbox| sandbox.usage);
            *bytes = usage.and_then(|usage| usage.written_bytes).unwrap_or(0);
        }
    }

    fn finish(&mut self, order: Order, start: Instant, mut report: PassReport) {
        report.took = start.elapsed();
        if order.mode == Mode::Real {
            self.told(&report);
            let report = Arc::new(report.clone());
            self.last_pass = Some(report.clone());
            self.happened(Happening::Pass(report));
            self.remember();
        }
        self.dirty = true;
        answer(order.reply, Ok(report));
        self.ensure_images();
        self.next_in_queue();
    }

    fn told(&mut self, report: &PassReport) {
        self.metrics.passed(report);
        if report.full_of_live && !self.full_of_live {
            error!(
                "the sandbox daemon's disk is full of live sandboxes: make it larger, or end runs"
            );
        }
        self.full_of_live = report.full_of_live;
        if report.removed_count() + report.failures > 0 {
            info!(
                seen = report.seen,
                kept = report.kept,
                removed = report.removed_count(),
                failed = report.failures,
                bytes_freed = report.bytes_freed,
                "a pass over the sandboxes"
            );
        }
    }

    fn next_in_queue(&mut self) {
        if let Some(order) = self.queue.pop_front() {
            self.order(order);
        }
    }

    /// Takes in what became of a removal, and tells it with the name of what went.
    pub(super) fn attempted(&mut self, attempt: Attempt, name: String) {
        self.metrics.tried(&attempt);
        let Attempt { removal, fate } = attempt;
        let (kind, reason) = (removal.target.kind(), removal.reason);
        if let (Target::Container(id), false) = (&removal.target, matches!(fate, Fate::Removed(_)))
        {
            self.follower.left(*id);
        }
        match fate {
            Fate::Removed(bytes) => {
                info!(kind, target = %identity(&removal.target), reason = reason.as_str(), bytes, "removed");
                self.went(&removal.target);
                let target = removal.target;
                self.happened(Happening::Removed {
                    target,
                    name,
                    reason,
                });
            }
            Fate::Gone => self.went_by_others(&removal.target),
            Fate::Live(_) | Fate::InUse | Fate::NotNeeded => {
                debug!(kind, target = %identity(&removal.target), "kept after all");
            }
            Fate::Failed(error) => {
                let meaning = error.meaning;
                // A daemon that is away is no fault of what it was to remove.
                let is_first = meaning != Meaning::Unreachable
                    && self.stuck.failed(&removal.target, self.clock.now());
                let source = &error.source;
                if is_first {
                    warn!(kind, target = %identity(&removal.target), reason = reason.as_str(), %error, %source, "not removed");
                } else {
                    debug!(kind, target = %identity(&removal.target), reason = reason.as_str(), %error, %source, "not removed");
                }
                let target = removal.target;
                self.happened(Happening::Failed {
                    target,
                    name,
                    reason,
                    meaning,
                });
            }
        }
    }

    fn went(&mut self, target: &Target) {
        match target {
            Target::Container(id) => {
                self.follower.gone(*id);
                self.apply(Change::Gone(*id));
            }
            other => self.went_by_others(other),
        }
    }

    /// What is gone, and of what no event tells.
    fn went_by_others(&mut self, target: &Target) {
        let inventory = &mut self.inventory;
        match target {
            // Somebody may still be at it: its event tells.
            Target::Container(_) => {}
            Target::Image(id) => drop(inventory.images.remove(id)),
            Target::Volume(name) => drop(inventory.volumes.remove(name)),
            Target::Network(id) => drop(inventory.networks.remove(id)),
            Target::Folder(name) => drop(inventory.folders.remove(name)),
            Target::Layers => inventory.layers = Reclaimable::default(),
            Target::BuildCache { keep_bytes } => {
                let bytes = inventory.build_cache.bytes.min(*keep_bytes);
                inventory.build_cache.bytes = bytes;
            }
        }
    }

    /// Looks at the disk, and makes the rules as strict as it needs.
    pub(super) fn read_disk(&mut self) {
        let Some(root) = &self.settings.data_root else {
            return;
        };
        let disk = match crate::Disk::read(root) {
            Ok(disk) => Some(disk),
            Err(error) => {
                warn!(%error, source = %error.source, "the sandbox daemon's disk cannot be read");
                None
            }
        };
        let before = self.step;
        if let Some(disk) = &disk {
            self.step = crate::next(before, disk, &self.settings.limits.watermarks);
        }
        self.metrics.disk_read(disk.as_ref(), self.step);
        if self.inventory.disk != disk {
            self.dirty = true;
            self.apply(Change::Disk(disk));
        }
        if self.step != before {
            self.new_step(before);
        }
    }

    fn new_step(&mut self, before: Step) {
        let step = self.step;
        if step > before {
            warn!(
                step = step.as_str(),
                "the sandbox daemon's disk fills: stricter rules"
            );
            self.next_pass = Instant::now();
        } else {
            info!(
                step = step.as_str(),
                "the sandbox daemon's disk has room again: milder rules"
            );
        }
        self.happened(Happening::Step(step));
    }
}

/// Counts what became of a removal.
fn count(attempt: &Attempt, report: &mut PassReport) {
    let Attempt { removal, fate } = attempt;
    let kind = removal.target.kind();
    match fate {
        Fate::Removed(bytes) => {
            *report.removed.entry((kind, removal.reason)).or_default() += 1;
            report.bytes_freed += bytes;
        }
        Fate::Failed(error) => {
            report.failures += 1;
            if report.failed.len() < FAILURES_MAX {
                report.failed.push(Failure {
                    target: removal.target.clone(),
                    reason: removal.reason,
                    meaning: error.meaning,
                    message: error.source.to_string(),
                });
            }
        }
        Fate::Live(_) | Fate::InUse => report.spared += 1,
        Fate::Gone | Fate::NotNeeded => {}
    }
    if let Some(why) = stayed(fate) {
        report.stayed.insert(removal.target.clone(), why);
    }
    let went = matches!(fate, Fate::Removed(_) | Fate::Gone);
    if went && matches!(removal.target, Target::Container(_)) {
        report.kept = report.kept.saturating_sub(1);
    }
}

fn stayed(fate: &Fate) -> Option<&'static str> {
    match fate {
        Fate::Live(_) => Some("it is live"),
        Fate::InUse => Some("something uses it"),
        Fate::NotNeeded => Some("the disk has room again"),
        Fate::Removed(_) | Fate::Gone | Fate::Failed(_) => None,
    }
}

fn identity(target: &Target) -> String {
    match target {
        Target::Container(id) => id.to_string(),
        Target::Image(name)
        | Target::Volume(name)
        | Target::Network(name)
        | Target::Folder(name) => name.clone(),
        Target::Layers | Target::BuildCache { .. } => String::new(),
    }
}

fn answer(reply: Option<Reply<PassReport>>, result: Result<PassReport, KeeperError>) {
    if let Some(reply) = reply {
        // Who no longer waits does not need it.
        let _ = reply.send(result);
    }
}
