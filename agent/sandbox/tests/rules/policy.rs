//! Each rule for sandboxes, as a table.

use std::sync::Arc;
use std::time::Duration;

use sandbox::{
    Change, Inventory, Limits, Reason, Removal, Request, Sandbox, Scope, State, Step, Target, Why,
    decide, full_of_live, live,
};

use crate::stage::*;

fn containers(inventory: &Inventory, limits: &Limits, step: Step) -> Vec<Removal> {
    let removals = decide(inventory, limits, Request::default(), step, NOW);
    let is_container = |r: &Removal| matches!(r.target, Target::Container(_));
    removals.into_iter().filter(is_container).collect()
}

fn ids(removals: &[Removal]) -> Vec<Target> {
    removals.iter().map(|r| r.target.clone()).collect()
}

fn targets(ns: &[u64]) -> Vec<Target> {
    ns.iter().map(|n| Target::Container(id(*n))).collect()
}

#[test]
fn one_sandbox_by_every_rule() {
    use Reason::{Age, Exited, Idle, Orphan};
    use Step::{Critical, Normal, Strict, Tight};
    type Made = fn() -> Sandbox;
    type Case = (&'static str, Made, Step, Option<(Reason, Step)>);
    let cases: &[Case] = &[
        ("in use", || sandbox(1), Normal, None),
        ("in use, tight", || sandbox(1), Tight, None),
        ("in use, strict", || sandbox(1), Strict, None),
        (
            "in use, critical",
            || sandbox(1),
            Critical,
            Some((Idle, Critical)),
        ),
        ("idle", || idle(DAY), Normal, Some((Idle, Normal))),
        ("not yet idle", || idle(DAY - MILLI), Tight, None),
        (
            "idle, strict",
            || idle(6 * HOUR),
            Strict,
            Some((Idle, Strict)),
        ),
        ("not yet, strict", || idle(6 * HOUR - MILLI), Strict, None),
        (
            "a minute, critical",
            || idle(MINUTE),
            Critical,
            Some((Idle, Critical)),
        ),
        ("live, critical", || idle(MINUTE - MILLI), Critical, None),
        ("old", || aged(7 * DAY), Normal, Some((Age, Normal))),
        ("not yet old", || aged(7 * DAY - MILLI), Strict, None),
        (
            "exited",
            || ended(1, 10 * MINUTE),
            Normal,
            Some((Exited, Normal)),
        ),
        ("just exited", || ended(1, 10 * MINUTE - MILLI), Tight, None),
        (
            "just exited, strict",
            || ended(1, MINUTE),
            Strict,
            Some((Exited, Strict)),
        ),
        (
            "dead",
            || in_state(State::Dead, 10 * MINUTE),
            Normal,
            Some((Exited, Normal)),
        ),
        (
            "never started",
            || in_state(State::Created, Duration::ZERO),
            Normal,
            Some((Exited, Normal)),
        ),
        (
            "paused",
            || in_state(State::Paused, Duration::ZERO),
            Strict,
            None,
        ),
        (
            "restarting",
            || in_state(State::Restarting, Duration::ZERO),
            Strict,
            None,
        ),
        (
            "removed by others",
            || in_state(State::Removing, DAY),
            Critical,
            None,
        ),
        (
            "orphan",
            || missing(15 * MINUTE),
            Normal,
            Some((Orphan, Normal)),
        ),
        ("in its grace", || missing(15 * MINUTE - MILLI), Tight, None),
        (
            "exited before orphan",
            || Sandbox {
                missing_since: Some(ago(DAY)),
                ..ended(1, DAY)
            },
            Normal,
            Some((Exited, Normal)),
        ),
        (
            "orphan before age",
            || Sandbox {
                created: ago(9 * DAY),
                ..missing(DAY)
            },
            Normal,
            Some((Orphan, Normal)),
        ),
        (
            "age before idle",
            || Sandbox {
                last_active: ago(8 * DAY),
                ..aged(8 * DAY)
            },
            Normal,
            Some((Age, Normal)),
        ),
        (
            "milder step first",
            || Sandbox {
                last_active: ago(DAY),
                ..ended(1, MINUTE)
            },
            Critical,
            Some((Idle, Normal)),
        ),
        (
            "just made",
            || Sandbox {
                created: ago(2 * MINUTE - MILLI),
                ..idle(MINUTE)
            },
            Critical,
            None,
        ),
        (
            "made by now",
            || Sandbox {
                created: ago(2 * MINUTE),
                ..idle(MINUTE)
            },
            Critical,
            Some((Idle, Critical)),
        ),
        (
            "made in the future",
            || Sandbox {
                created: NOW.plus(DAY),
                ..idle(DAY)
            },
            Critical,
            None,
        ),
        (
            "active in the future",
            || Sandbox {
                last_active: NOW.plus(DAY),
                ..aged(DAY)
            },
            Critical,
            None,
        ),
    ];
    for (name, made, step, wanted) in cases {
        let mut inventory = holding([made()]);
        inventory.sessions = sessions(&[], &[], ago(MINUTE));
        let seen = containers(&inventory, &Limits::default(), *step);
        let seen: Vec<_> = seen.iter().map(|r| (r.reason, r.needs)).collect();
        assert_eq!(seen, wanted.iter().copied().collect::<Vec<_>>(), "{name}");
    }
}

fn idle(since: Duration) -> Sandbox {
    Sandbox {
        created: ago(2 * DAY),
        last_active: ago(since),
        ..sandbox(1)
    }
}

fn aged(since: Duration) -> Sandbox {
    Sandbox {
        created: ago(since),
        ..sandbox(1)
    }
}

fn missing(since: Duration) -> Sandbox {
    Sandbox {
        missing_since: Some(ago(since)),
        ..sandbox(1)
    }
}

fn in_state(state: State, since: Duration) -> Sandbox {
    let ended = state.is_over().then(|| ago(since));
    Sandbox {
        state,
        ended,
        ..sandbox(1)
    }
}

#[test]
fn what_is_live_is_kept_by_every_rule_at_every_step() {
    let none = Limits {
        idle: MILLI,
        max_age: MILLI,
        max_count: Some(0),
        max_per_scope: Some(0),
        exited_after: Duration::ZERO,
        orphan_grace: Duration::ZERO,
        creating_grace: Duration::ZERO,
        ..Limits::default()
    };
    let old = || Sandbox {
        missing_since: Some(ago(DAY)),
        created: ago(30 * DAY),
        last_active: ago(30 * DAY),
        ..sandbox(1)
    };
    let scoped = |label: &str| {
        let mut sandbox = old();
        Arc::make_mut(&mut sandbox.facts).scope = Scope::parse(label);
        sandbox
    };
    let executing = |since| Sandbox {
        execs: [(exec(1), ago(since))].into(),
        ..old()
    };
    let recent = |since| Sandbox {
        last_active: ago(since),
        ..old()
    };
    let other = "agent:main:other";
    let cases = [
        ("an exec", executing(HOUR), "", Some(Why::Exec)),
        (
            "an exec up to its limit",
            executing(DAY - MILLI),
            "",
            Some(Why::Exec),
        ),
        ("an exec beyond", executing(DAY), "", None),
        ("its session", old(), "agent:main:s1", Some(Why::Run)),
        ("another session", old(), other, None),
        ("in another case", old(), "AGENT:main:S1", Some(Why::Run)),
        (
            "its session, with workspace",
            scoped(&format!("{other}:workspace:{}", "a".repeat(32))),
            other,
            Some(Why::Run),
        ),
        ("its agent", scoped("agent:main"), other, Some(Why::Run)),
        ("another agent", scoped("agent:second"), other, None),
        ("shared", scoped("shared"), other, Some(Why::Run)),
        ("unknown", scoped("whatever"), other, Some(Why::Run)),
        ("unknown, no run", scoped("whatever"), "", None),
        (
            "recent",
            recent(MINUTE - MILLI),
            "",
            Some(Why::Recent {
                ago: MINUTE - MILLI,
            }),
        ),
        ("no longer recent", recent(MINUTE), "", None),
    ];
    for (name, sandbox, active, wanted) in cases {
        let mut inventory = holding([sandbox.clone()]);
        let active: &[&str] = if active.is_empty() { &[] } else { &[active] };
        inventory.sessions = sessions(&[], active, ago(MINUTE));
        let seen = live(&sandbox, inventory.sessions.as_ref(), &none, NOW);
        assert_eq!(seen, wanted, "{name}");
        for step in Step::ALL {
            let going = containers(&inventory, &none, step).len();
            assert_eq!(going, usize::from(wanted.is_none()), "{name} {step:?}");
        }
    }
}

#[test]
fn a_gateway_that_cannot_be_asked_makes_no_orphans_and_an_old_answer_is_none() {
    let mut inventory = holding([missing(DAY)]);
    let limits = Limits::default();
    for (answer, wanted) in [
        (None, 0),
        (sessions(&[], &[], ago(15 * MINUTE)), 0),
        (sessions(&[], &[], ago(15 * MINUTE - MILLI)), 1),
    ] {
        inventory.sessions = answer;
        assert_eq!(containers(&inventory, &limits, Step::Normal).len(), wanted);
    }
}

#[test]
fn a_run_that_the_gateway_told_of_goes_on_until_it_says_otherwise_but_not_for_ever() {
    let mut inventory = holding([missing(DAY)]);
    let limits = Limits::default();
    for (asked, wanted) in [(DAY - MILLI, Some(Why::Run)), (DAY, None)] {
        inventory.sessions = sessions(&[], &["agent:main:s1"], ago(asked));
        inventory.apply(Change::Sessions(None), NOW);
        let sandbox = &inventory.sandboxes[&id(1)];
        let seen = live(sandbox, inventory.sessions.as_ref(), &limits, NOW);
        assert_eq!(seen, wanted, "{asked:?}");
    }
    inventory.sessions = sessions(&[], &["agent:main:s1"], ago(MINUTE));
    inventory.apply(Change::Sessions(None), NOW);
    inventory.apply(Change::Sessions(sessions(&[], &[], NOW)), NOW);
    let sandbox = &inventory.sandboxes[&id(1)];
    let seen = live(sandbox, inventory.sessions.as_ref(), &limits, NOW);
    let ago = Duration::ZERO;
    assert_eq!(seen, Some(Why::Recent { ago }), "it ended just now");
}

#[test]
fn zero_switches_idle_and_age_off_but_a_critical_disk_overrules_idle() {
    let ancient = Sandbox {
        created: ago(90 * DAY),
        last_active: ago(90 * DAY),
        ..sandbox(1)
    };
    let inventory = holding([ancient]);
    let limits = Limits {
        idle: Duration::ZERO,
        max_age: Duration::ZERO,
        ..Limits::default()
    };
    for (step, wanted) in [
        (Step::Normal, 0),
        (Step::Tight, 0),
        (Step::Strict, 0),
        (Step::Critical, 1),
    ] {
        assert_eq!(
            containers(&inventory, &limits, step).len(),
            wanted,
            "{step:?}"
        );
    }
}

/// Sandboxes 1 to `count`, the last made the newest, in the scopes that `scope` tells.
fn row(count: u64, scope: impl Fn(u64) -> String) -> Vec<Sandbox> {
    let one = |n| {
        let mut one = Sandbox {
            created: before(ago(HOUR), (count - n) as u32 * MINUTE),
            ..sandbox(n)
        };
        Arc::make_mut(&mut one.facts).scope = Scope::parse(&scope(n));
        one
    };
    (1..=count).map(one).collect()
}

#[test]
fn the_newest_are_kept() {
    let one = |_| "agent:main:one".to_owned();
    let unknown = |_| "?".to_owned();
    let two = |n| format!("agent:main:{}", n % 2);
    let limits = |all, scope| Limits {
        max_count: all,
        max_per_scope: scope,
        ..Limits::default()
    };
    type Case = (&'static str, Vec<Sandbox>, Limits, &'static [u64]);
    let cases: [Case; 9] = [
        ("all", row(5, session), limits(Some(3), None), &[1, 2]),
        ("enough", row(3, session), limits(Some(3), Some(3)), &[]),
        ("none", row(2, session), limits(Some(0), None), &[1, 2]),
        ("off", row(50, one), limits(None, None), &[]),
        ("of one scope", row(5, one), limits(None, Some(3)), &[1, 2]),
        (
            "of two scopes",
            row(6, two),
            limits(None, Some(1)),
            &[1, 2, 3, 4],
        ),
        (
            "of an unknown scope",
            row(5, unknown),
            limits(None, Some(1)),
            &[],
        ),
        ("both", row(6, two), limits(Some(3), Some(2)), &[1, 2, 3]),
        (
            "the defaults",
            row(23, session),
            Limits::default(),
            &[1, 2, 3],
        ),
    ];
    for (name, sandboxes, limits, wanted) in cases {
        let going = containers(&holding(sandboxes), &limits, Step::Normal);
        let mut seen = ids(&going);
        seen.sort();
        assert_eq!(seen, targets(wanted), "{name}");
        assert!(going.iter().all(|r| r.reason == Reason::Count), "{name}");
    }
}

#[test]
fn what_goes_anyway_takes_no_place_and_what_is_live_stays_beyond_the_count() {
    let mut sandboxes = row(6, session);
    sandboxes[5].state = State::Exited;
    sandboxes[5].ended = Some(ago(HOUR));
    sandboxes[0].execs.insert(exec(1), ago(MINUTE));
    let limits = Limits {
        max_count: Some(3),
        ..Limits::default()
    };
    let going = containers(&holding(sandboxes), &limits, Step::Normal);
    let seen: Vec<_> = going.iter().map(|r| (r.target.clone(), r.reason)).collect();
    let wanted = [
        (Target::Container(id(6)), Reason::Exited),
        (Target::Container(id(2)), Reason::Count),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn another_configuration_than_the_newest_is_stale_when_that_is_asked_for() {
    let mut sandboxes = row(3, |n| format!("agent:main:{}", n.min(2)));
    Arc::make_mut(&mut sandboxes[2].facts).config_hash = Some("new".to_owned());
    let inventory = holding(sandboxes);
    let limits = Limits::default();
    let asked = Request { stale_hash: true };
    let going = decide(&inventory, &limits, asked, Step::Normal, NOW);
    assert_eq!(ids(&going), targets(&[2]));
    assert_eq!(going[0].reason, Reason::Stale);
    assert_eq!(containers(&inventory, &limits, Step::Normal), []);
}

#[test]
fn the_ended_go_first_and_then_the_longest_idle() {
    let idle_since = |n, since| Sandbox {
        created: ago(6 * DAY),
        last_active: ago(since),
        ..sandbox(n)
    };
    let never_started = Sandbox {
        state: State::Created,
        last_active: ago(5 * HOUR),
        ..sandbox(7)
    };
    let inventory = holding([
        idle_since(1, 2 * DAY),
        ended(2, HOUR),
        idle_since(3, 3 * DAY),
        ended(4, 2 * HOUR),
        idle_since(5, DAY),
        sandbox(6),
        never_started,
    ]);
    let going = containers(&inventory, &Limits::default(), Step::Critical);
    assert_eq!(ids(&going), targets(&[7, 4, 2, 3, 1, 5, 6]));
    let critical: Vec<_> = going.iter().filter(|r| r.needs == Step::Critical).collect();
    assert_eq!(
        critical.len(),
        1,
        "only what the disk asks for needs a step"
    );
}

#[test]
fn a_disk_full_of_what_is_live_is_told() {
    let limits = Limits::default();
    let executing = Sandbox {
        execs: [(exec(1), NOW)].into(),
        ..sandbox(1)
    };
    for (sandboxes, step, wanted) in [
        (vec![executing.clone()], Step::Critical, true),
        (vec![executing.clone()], Step::Strict, false),
        (vec![executing, sandbox(2)], Step::Critical, false),
        (vec![], Step::Critical, false),
    ] {
        let inventory = holding(sandboxes);
        let going = decide(&inventory, &limits, Request::default(), step, NOW);
        assert_eq!(full_of_live(&inventory, &limits, step, &going, NOW), wanted);
    }
}
