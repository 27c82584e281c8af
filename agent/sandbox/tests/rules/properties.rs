//! What holds for any inventory, any limits, any step, and any order of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use sandbox::{
    Change, ExecId, Found, Id, Inventory, Limits, Listing, Moment, Removal, Request, Sandbox,
    Scope, Sessions, State, Step, Target, decide, live,
};

use crate::stage::*;

/// Around all limits, before and after.
fn span() -> impl Strategy<Value = Duration> {
    let marks = [
        Duration::ZERO,
        MILLI,
        MINUTE,
        2 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        6 * HOUR,
        DAY,
        7 * DAY,
    ];
    let near = (select(marks.to_vec()), 0..3u32)
        .prop_map(|(mark, off)| (mark + off * MILLI).saturating_sub(MILLI));
    prop_oneof![near, (0..9 * 86_400_000u64).prop_map(Duration::from_millis)]
}

/// Mostly the past, sometimes the future.
fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![9 => span().prop_map(ago), 1 => span().prop_map(|span| NOW.plus(span))]
}

fn scope() -> impl Strategy<Value = Scope> {
    let labels = [
        "agent:main:s1",
        "agent:main:s2",
        "agent:other:s1",
        "agent:main",
        "shared",
        "?",
    ];
    select(labels.to_vec()).prop_map(Scope::parse)
}

prop_compose! {
    fn any_sandbox()(
        scope in scope(),
        state in select(State::ALL.to_vec()),
        created in moment(),
        ended in moment(),
        last_active in moment(),
        execs in vec(moment(), 0..3),
        missing in proptest::option::of(moment()),
        hash in select(vec![None, Some("a".to_owned()), Some("b".to_owned())]),
    ) -> Sandbox {
        let mut one = sandbox(0);
        Arc::make_mut(&mut one.facts).scope = scope;
        Arc::make_mut(&mut one.facts).config_hash = hash;
        let execs = execs.into_iter().zip(0..).map(|(began, n)| (exec(n), began)).collect();
        let ended = state.is_over().then_some(ended);
        Sandbox { state, created, ended, last_active, execs, missing_since: missing, ..one }
    }
}

prop_compose! {
    fn any_sessions()(
        known in vec(select(vec!["agent:main:s1", "agent:other:s1"]), 0..2),
        active in vec(select(vec!["agent:main:s2", "agent:other:s1", "agent:main:x"]), 0..2),
        asked in moment(),
    ) -> Sessions {
        sessions(&known, &active, asked).unwrap()
    }
}

prop_compose! {
    fn any_inventory()(
        sandboxes in btree_map(0..40u64, any_sandbox(), 0..12),
        sessions in proptest::option::of(any_sessions()),
        spare in btree_map(0..4u64, moment(), 0..4),
        foreign in vec(0..4u64, 0..3),
    ) -> Inventory {
        let numbered = |(n, one): (u64, Sandbox)| {
            let facts = sandbox::Facts { id: id(n), ..(*one.facts).clone() };
            Sandbox { facts: facts.into(), ..one }
        };
        let mut inventory = holding(sandboxes.into_iter().map(numbered));
        inventory.sessions = sessions;
        inventory.listed = Some(NOW);
        for (n, seen) in spare {
            inventory.volumes.insert(format!("v{n}"));
            inventory.remembered.volumes.insert(format!("v{n}"), seen);
            inventory.volumes.insert(format!("foreign{n}"));
        }
        let names = foreign.into_iter().map(|n| format!("v{n}"));
        inventory.foreign.volumes = names.collect();
        inventory
    }
}

prop_compose! {
    fn any_limits()(
        times in vec(span(), 6),
        orphan_grace in span(),
        counts in (proptest::option::of(0..5usize), proptest::option::of(0..3usize)),
    ) -> Limits {
        Limits {
            idle: times[0],
            max_age: times[1],
            exited_after: times[2],
            creating_grace: times[3],
            live_after: times[4],
            exec_limit: times[5],
            orphan_grace,
            max_count: counts.0,
            max_per_scope: counts.1,
            ..Limits::default()
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    select(Step::ALL.to_vec())
}

/// What live means, said in another way than the policy says it.
fn is_live(one: &Sandbox, inventory: &Inventory, limits: &Limits) -> bool {
    let within = |since: Moment, limit: Duration| {
        i128::from(NOW.millis()) - i128::from(since.millis()) < limit.as_millis() as i128
            && limit > Duration::ZERO
    };
    let exec = one
        .execs
        .values()
        .any(|began| within(*began, limits.exec_limit));
    let run = inventory.sessions.as_ref().is_some_and(|sessions| {
        within(sessions.asked(), limits.exec_limit) && sessions.is_active(&one.facts.scope)
    });
    exec || run || within(one.last_active, limits.live_after)
}

fn containers(removals: &[Removal]) -> Vec<Id> {
    let container = |removal: &Removal| match removal.target {
        Target::Container(id) => Some(id),
        _ => None,
    };
    removals.iter().filter_map(container).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_live_is_ever_decided(
        inventory in any_inventory(), limits in any_limits(), step in any_step(), stale_hash: bool,
    ) {
        let request = Request { stale_hash };
        let going = decide(&inventory, &limits, request, step, NOW);
        for id in containers(&going) {
            let one = &inventory.sandboxes[&id];
            prop_assert!(!is_live(one, &inventory, &limits), "{:?}", one);
            prop_assert_eq!(live(one, inventory.sessions.as_ref(), &limits, NOW), None);
            prop_assert!(one.state != State::Removing);
        }
    }

    #[test]
    fn each_goes_once_and_a_milder_disk_takes_exactly_what_needs_no_more(
        inventory in any_inventory(), limits in any_limits(), step in any_step(), milder in any_step(),
    ) {
        let at = |step| decide(&inventory, &limits, Request::default(), step, NOW);
        let going = at(step);
        let once: BTreeSet<&Target> = going.iter().map(|removal| &removal.target).collect();
        prop_assert_eq!(once.len(), going.len());
        prop_assert!(going.iter().all(|removal| removal.needs <= step));
        if milder <= step {
            let needs_no_more = |removal: &Removal| removal.needs <= milder;
            let rest: Vec<Removal> = going.into_iter().filter(needs_no_more).collect();
            prop_assert_eq!(rest, at(milder));
        }
    }

    #[test]
    fn a_critical_disk_takes_all_that_is_not_live(inventory in any_inventory(), limits in any_limits()) {
        let going = decide(&inventory, &limits, Request::default(), Step::Critical, NOW);
        let going: BTreeSet<Id> = containers(&going).into_iter().collect();
        for (id, one) in &inventory.sandboxes {
            let free = live(one, inventory.sessions.as_ref(), &limits, NOW).is_none();
            prop_assert_eq!(going.contains(id), free && one.state != State::Removing);
        }
    }

    #[test]
    fn nothing_foreign_is_ever_decided(inventory in any_inventory(), limits in any_limits(), step in any_step()) {
        for removal in decide(&inventory, &limits, Request::default(), step, NOW) {
            match removal.target {
                Target::Container(id) => prop_assert!(inventory.sandboxes.contains_key(&id)),
                Target::Volume(name) => {
                    prop_assert!(inventory.remembered.volumes.contains_key(&name));
                    prop_assert!(!inventory.foreign.volumes.contains(&name));
                }
                other => prop_assert!(false, "{:?} was never seen", other),
            }
        }
    }
}

/// One thing that happens to one of four sandboxes of the daemon.
#[derive(Debug, Clone, Copy)]
enum Act {
    Make,
    Start,
    End,
    Remove,
    Begin(u64),
    Finish(u64),
}

fn any_act() -> impl Strategy<Value = (u64, Act)> {
    let act = prop_oneof![
        2 => Just(Act::Make),
        2 => Just(Act::Start),
        1 => Just(Act::End),
        1 => Just(Act::Remove),
        3 => (0..3u64).prop_map(Act::Begin),
        3 => (0..3u64).prop_map(Act::Finish),
    ];
    (0..4u64, act)
}

/// A daemon: what is true, and the events and answers that tell it.
#[derive(Default)]
struct Daemon {
    truth: BTreeMap<u64, Found>,
    used: BTreeSet<(u64, u64)>,
    gone: BTreeSet<u64>,
    told: Vec<Change>,
    now: i64,
}

impl Daemon {
    fn act(&mut self, n: u64, act: Act) {
        self.now += 1;
        let exec_of = |m: u64| exec(n * 100 + m);
        match act {
            Act::Make if !self.gone.contains(&n) && !self.truth.contains_key(&n) => {
                let made = Found {
                    state: State::Created,
                    ..found(n, self.moment())
                };
                self.truth.insert(n, made);
            }
            Act::Start => self.change(n, |one| one.state = State::Running),
            Act::End => {
                let execs = self.truth.get(&n).map_or(vec![], |one| one.execs.clone());
                self.told
                    .extend(execs.iter().map(|e| Change::ExecEnded(id(n), *e)));
                let now = self.moment();
                self.change(n, |one| {
                    (one.state, one.ended, one.execs) = (State::Exited, Some(now), vec![])
                });
            }
            Act::Remove if self.truth.remove(&n).is_some() => {
                self.gone.insert(n);
                self.told.push(Change::Gone(id(n)));
            }
            Act::Begin(m) if self.runs(n) && self.used.insert((n, m)) => {
                self.change(n, |one| one.execs.push(exec_of(m)));
                self.told.push(Change::ExecBegan(id(n), exec_of(m)));
            }
            Act::Finish(m) if self.has(n, exec_of(m)) => {
                self.change(n, |one| one.execs.retain(|e| *e != exec_of(m)));
                self.told.push(Change::ExecEnded(id(n), exec_of(m)));
            }
            _ => return,
        }
        if let Some(found) = self.truth.get(&n).cloned() {
            let asked = self.moment();
            self.told.push(Change::Seen {
                asked,
                found: Box::new(found),
            });
        }
    }

    fn change(&mut self, n: u64, change: impl FnOnce(&mut Found)) {
        self.truth.get_mut(&n).map(change);
    }

    fn runs(&self, n: u64) -> bool {
        self.truth
            .get(&n)
            .is_some_and(|one| one.state == State::Running)
    }

    fn has(&self, n: u64, exec: ExecId) -> bool {
        self.truth
            .get(&n)
            .is_some_and(|one| one.execs.contains(&exec))
    }

    fn moment(&self) -> Moment {
        NOW.plus(Duration::from_millis(self.now.unsigned_abs()))
    }

    fn listing(&self, began: Moment) -> Listing {
        let sandboxes = self.truth.values().cloned().collect();
        Listing {
            began,
            sandboxes,
            ..Listing::default()
        }
    }
}

/// What the daemon shows of the sandboxes that an inventory has.
fn shown(inventory: &Inventory) -> BTreeMap<Id, (State, BTreeSet<ExecId>)> {
    let one = |one: &Sandbox| (one.state, one.execs.keys().copied().collect());
    inventory
        .sandboxes
        .iter()
        .map(|(id, sandbox)| (*id, one(sandbox)))
        .collect()
}

fn true_of(daemon: &Daemon) -> BTreeMap<Id, (State, BTreeSet<ExecId>)> {
    let one = |one: &Found| (one.state, one.execs.iter().copied().collect());
    daemon
        .truth
        .values()
        .map(|found| (found.facts.id, one(found)))
        .collect()
}

/// A history, and its events in any order, some of them doubled.
fn any_telling() -> impl Strategy<Value = (Vec<(u64, Act)>, Vec<Change>)> {
    vec(any_act(), 0..40).prop_flat_map(|acts| {
        let mut daemon = Daemon::default();
        acts.iter().for_each(|(n, act)| daemon.act(*n, *act));
        let told = daemon.told;
        let doubles = vec(0..told.len().max(1), 0..8);
        let telling = doubles.prop_flat_map(move |doubles| {
            let mut all = told.clone();
            all.extend(doubles.into_iter().filter_map(|n| told.get(n).cloned()));
            Just(all).prop_shuffle()
        });
        (Just(acts), telling)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn events_in_any_order_and_number_give_the_truth_and_a_swap_keeps_it(
        (acts, telling) in any_telling(), swap_at in 0..60usize, lost in 0..60usize,
    ) {
        let mut daemon = Daemon::default();
        acts.iter().for_each(|(n, act)| daemon.act(*n, *act));
        let later = daemon.moment().plus(MINUTE);
        let truth = true_of(&daemon);

        let mut inventory = Inventory::default();
        for change in &telling {
            inventory.apply(change.clone(), later);
        }
        prop_assert_eq!(shown(&inventory), truth.clone(), "all were told");
        inventory.swap(daemon.listing(later.plus(MINUTE)), later.plus(MINUTE));
        prop_assert_eq!(shown(&inventory), truth.clone(), "and listed");

        let mut inventory = Inventory::default();
        for (n, change) in telling.iter().enumerate() {
            if n == swap_at {
                inventory.swap(daemon.listing(later), later);
            }
            if n % 3 != lost % 3 {
                inventory.apply(change.clone(), later);
            }
        }
        inventory.swap(daemon.listing(later.plus(MINUTE)), later.plus(MINUTE));
        prop_assert_eq!(shown(&inventory), truth, "some were lost, and then listed");
    }

    #[test]
    fn activity_only_moves_forward((_, telling) in any_telling()) {
        let mut inventory = Inventory::default();
        let mut last: BTreeMap<Id, Moment> = BTreeMap::new();
        for (change, n) in telling.into_iter().zip(0..) {
            inventory.apply(change, NOW.plus(Duration::from_millis(n)));
            for (id, sandbox) in &inventory.sandboxes {
                let before = last.insert(*id, sandbox.last_active);
                prop_assert!(before <= Some(sandbox.last_active));
            }
        }
    }
}
