//! What goes, and why. Pure: an inventory, limits, the disk's step and the time come in, removals go out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::leftovers::{images, leftovers, unnamed};
use crate::{
    Id, Inventory, Kind, Limits, Moment, Reason, Removal, Request, Sandbox, Scope, Sessions, State,
    Step, Target, Why,
};

/// What goes, in the order of its going: what is cheapest to lose first, sandboxes last, the longest idle first.
///
/// Nothing live is in it, whatever limits and step are.
#[must_use]
pub fn decide(
    inventory: &Inventory,
    limits: &Limits,
    request: Request,
    step: Step,
    now: Moment,
) -> Vec<Removal> {
    let mut removals = unnamed(inventory, limits, step, now);
    removals.extend(images(inventory, limits, step, now));
    removals.extend(leftovers(inventory, limits, now));
    removals.extend(sandboxes(inventory, limits, request, step, now));
    removals
}

/// Why a sandbox is live, where it is. A live sandbox is not removed by any rule.
///
/// Right before a removal the sessions must have been asked for less than [`Limits::live_after`] ago: then a run that
/// began since did nothing here, or is seen by what it did.
#[must_use]
pub fn live(
    sandbox: &Sandbox,
    sessions: Option<&Sessions>,
    limits: &Limits,
    now: Moment,
) -> Option<Why> {
    let counts = |began: &Moment| now.since(*began) < limits.exec_limit;
    if sandbox.execs.values().any(counts) {
        return Some(Why::Exec);
    }
    // A run is heard of like an exec: what is known of it holds until the gateway says otherwise, but not for ever.
    let sessions = sessions.filter(|sessions| counts(&sessions.asked()));
    if sessions.is_some_and(|sessions| sessions.is_active(&sandbox.facts.scope)) {
        return Some(Why::Run);
    }
    let ago = now.since(sandbox.last_active);
    if ago < limits.live_after {
        return Some(Why::Recent { ago });
    }
    let just_made = now.since(sandbox.created) < limits.creating_grace;
    just_made.then_some(Why::Creating)
}

/// Whether the disk stays critically full because nothing but live sandboxes is left: somebody must act.
#[must_use]
pub fn full_of_live(
    inventory: &Inventory,
    limits: &Limits,
    step: Step,
    removals: &[Removal],
    now: Moment,
) -> bool {
    let sessions = inventory.sessions.as_ref();
    let is_live = |sandbox: &Sandbox| live(sandbox, sessions, limits, now).is_some();
    step == Step::Critical && removals.is_empty() && inventory.sandboxes.values().any(is_live)
}

/// How long an answer of the gateway says what is missing, however short the grace of what it does not name.
const ANSWER: Duration = Duration::from_secs(5 * 60);

/// Whether what an answer of the gateway does not name is missing.
pub(crate) fn is_fresh(sessions: &Sessions, limits: &Limits, now: Moment) -> bool {
    sessions.is_answer() && now.since(sessions.asked()) < limits.orphan_grace.max(ANSWER)
}

/// The limits of sandboxes at one step.
struct Rules<'a> {
    limits: &'a Limits,
    request: Request,
    may_miss: bool,
    exited_after: Duration,
    idle: Option<Duration>,
    per_scope: Option<usize>,
    now: Moment,
}

impl<'a> Rules<'a> {
    fn new(inventory: &Inventory, limits: &'a Limits, request: Request, now: Moment) -> Self {
        let sessions = inventory.sessions.as_ref();
        Self {
            limits,
            request,
            may_miss: sessions.is_some_and(|sessions| is_fresh(sessions, limits, now)),
            exited_after: limits.exited_after,
            idle: on(limits.idle),
            per_scope: limits.max_per_scope,
            now,
        }
    }

    fn at(self, step: Step) -> Self {
        match step {
            Step::Normal | Step::Tight => self,
            Step::Strict => Self {
                exited_after: Duration::ZERO,
                idle: self.idle.map(|idle| idle / 4),
                ..self
            },
            // A disk that is about to be full overrules an idle rule that is switched off.
            Step::Critical => Self {
                exited_after: Duration::ZERO,
                idle: Some(self.limits.live_after),
                per_scope: Some(self.per_scope.map_or(1, |count| count.min(1))),
                ..self
            },
        }
    }

    /// The reasons that come before the count.
    fn first(&self, sandbox: &Sandbox) -> Option<Reason> {
        let ended = match sandbox.state {
            State::Created => Some(sandbox.created),
            state if state.is_over() => Some(sandbox.ended.unwrap_or(sandbox.last_active)),
            _ => None,
        };
        let has_ended = ended.is_some_and(|ended| self.now.since(ended) >= self.exited_after);
        let missing = sandbox.missing_since.filter(|_| self.may_miss);
        let is_orphan =
            missing.is_some_and(|since| self.now.since(since) >= self.limits.orphan_grace);
        let age = self.now.since(sandbox.created);
        let is_old = on(self.limits.max_age).is_some_and(|max| age >= max);
        match (has_ended, is_orphan, is_old) {
            (true, ..) => Some(Reason::Exited),
            (_, true, _) => Some(Reason::Orphan),
            (.., true) => Some(Reason::Age),
            _ => None,
        }
    }

    /// The reasons that come after the count.
    fn last(&self, sandbox: &Sandbox, newest: &Newest<'_>) -> Option<Reason> {
        let idle = self.now.since(sandbox.last_active);
        if self.idle.is_some_and(|max| idle >= max) {
            return Some(Reason::Idle);
        }
        let is_stale = self.request.stale_hash && newest.is_stale(sandbox);
        is_stale.then_some(Reason::Stale)
    }
}

/// A duration for which zero means never.
fn on(limit: Duration) -> Option<Duration> {
    (limit > Duration::ZERO).then_some(limit)
}

/// The sandboxes that go: the ended first, oldest first, then the others, least recently used first.
fn sandboxes(
    inventory: &Inventory,
    limits: &Limits,
    request: Request,
    step: Step,
    now: Moment,
) -> Vec<Removal> {
    let newest = Newest::of(inventory);
    let sessions = inventory.sessions.as_ref();
    let is_live = |sandbox: &Sandbox| live(sandbox, sessions, limits, now).is_some();
    let free: HashMap<Id, &Sandbox> = newest
        .order
        .iter()
        .filter(|sandbox| !is_live(sandbox))
        .map(|sandbox| (sandbox.facts.id, *sandbox))
        .collect();
    let mut chosen: HashMap<Id, (Reason, Step)> = HashMap::new();
    for step in Step::ALL.into_iter().filter(|each| *each <= step) {
        let rules = Rules::new(inventory, limits, request, now).at(step);
        choose(&free, &mut chosen, step, |sandbox| rules.first(sandbox));
        let beyond = newest.beyond(&chosen, rules.per_scope, limits.max_count);
        for id in beyond.into_iter().filter(|id| free.contains_key(id)) {
            chosen.insert(id, (Reason::Count, step));
        }
        choose(&free, &mut chosen, step, |sandbox| {
            rules.last(sandbox, &newest)
        });
    }
    in_order(&free, &chosen)
}

fn choose(
    free: &HashMap<Id, &Sandbox>,
    chosen: &mut HashMap<Id, (Reason, Step)>,
    step: Step,
    reason: impl Fn(&Sandbox) -> Option<Reason>,
) {
    for (id, sandbox) in free {
        if !chosen.contains_key(id)
            && let Some(reason) = reason(sandbox)
        {
            chosen.insert(*id, (reason, step));
        }
    }
}

fn in_order(free: &HashMap<Id, &Sandbox>, chosen: &HashMap<Id, (Reason, Step)>) -> Vec<Removal> {
    let mut going: Vec<(&Sandbox, Reason, Step)> = free
        .iter()
        .filter_map(|(id, sandbox)| chosen.get(id).map(|(why, needs)| (*sandbox, *why, *needs)))
        .collect();
    going.sort_unstable_by_key(|(sandbox, ..)| {
        let (late, since) = match sandbox.ended {
            Some(ended) => (false, ended),
            None => (sandbox.state != State::Created, sandbox.last_active),
        };
        (late, since, sandbox.facts.id)
    });
    let removal = |(sandbox, reason, needs): (&Sandbox, Reason, Step)| Removal {
        target: Target::Container(sandbox.facts.id),
        reason,
        needs,
    };
    going.into_iter().map(removal).collect()
}

/// The sandboxes, the newest first.
struct Newest<'a> {
    order: Vec<&'a Sandbox>,
    /// The hash of the newest of each scope and kind.
    hashes: HashMap<(&'a Scope, Kind), Option<&'a str>>,
}

impl<'a> Newest<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let stays = |sandbox: &&Sandbox| sandbox.state != State::Removing;
        let mut order: Vec<&Sandbox> = inventory.sandboxes.values().filter(stays).collect();
        order.sort_unstable_by_key(|sandbox| Reverse((sandbox.created, sandbox.facts.id)));
        let mut hashes = HashMap::new();
        for sandbox in &order {
            let facts = &sandbox.facts;
            let place = hashes.entry((&facts.scope, facts.kind));
            place.or_insert(facts.config_hash.as_deref());
        }
        Self { order, hashes }
    }

    /// Those of the not yet chosen that are beyond the newest of their scope, or of all.
    fn beyond(
        &self,
        chosen: &HashMap<Id, (Reason, Step)>,
        per_scope: Option<usize>,
        max_count: Option<usize>,
    ) -> Vec<Id> {
        let mut of_scope: HashMap<&Scope, usize> = HashMap::new();
        let mut of_all = 0;
        let mut beyond = Vec::new();
        for sandbox in &self.order {
            let facts = &sandbox.facts;
            if chosen.contains_key(&facts.id) {
                continue;
            }
            let place = of_scope.entry(&facts.scope).or_default();
            // Nobody knows what those of an unknown scope have in common.
            let by_scope = facts.scope != Scope::Unknown && reached(per_scope, *place);
            if by_scope || reached(max_count, of_all) {
                beyond.push(facts.id);
            } else {
                *place += 1;
                of_all += 1;
            }
        }
        beyond
    }

    /// Whether the newest of its scope and kind was made from something else.
    fn is_stale(&self, sandbox: &Sandbox) -> bool {
        let facts = &sandbox.facts;
        let newest = self.hashes.get(&(&facts.scope, facts.kind));
        facts.scope != Scope::Unknown
            && newest.is_some_and(|hash| *hash != facts.config_hash.as_deref())
    }
}

fn reached(limit: Option<usize>, count: usize) -> bool {
    limit.is_some_and(|limit| count >= limit)
}
