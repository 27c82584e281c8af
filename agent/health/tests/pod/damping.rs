//! How findings become causes over time.

use std::time::Duration;

use health::facts::{Child, ChildState, Healthz, Startup};
use health::{Cause, Damper, Finding, Key, Kind, Verdict};

use crate::stage::*;

fn finding(kind: Kind, since: Option<Duration>) -> Finding {
    Finding {
        key: Key::of(kind, ""),
        since,
        evidence: "seen".into(),
    }
}

fn told(causes: &[Cause], kind: Kind) -> Option<&Cause> {
    causes.iter().find(|cause| cause.key.kind == kind)
}

#[test]
fn every_kind_is_told_and_cleared_at_its_time_and_not_before() {
    for row in Kind::all() {
        let mut damper = Damper::default();
        let just_before = row.confirm.saturating_sub(Duration::from_millis(1));
        for (at, expected) in [
            (Duration::ZERO, row.confirm.is_zero()),
            (just_before, row.confirm.is_zero()),
            (row.confirm, true),
        ] {
            let causes = damper.update(vec![finding(row.kind, None)], at);
            assert_eq!(!causes.is_empty(), expected, "{} after {at:?}", row.word);
        }
        let went = row.confirm + seconds(1);
        let just_before = went + row.clear.saturating_sub(Duration::from_millis(1));
        for (at, expected) in [(went, true), (just_before, true), (went + row.clear, false)] {
            let causes = damper.update(vec![], at);
            assert_eq!(
                !causes.is_empty(),
                expected,
                "{} gone, after {at:?}",
                row.word
            );
            assert!(
                causes.iter().all(|cause| cause.gone == Some(went)),
                "{}",
                row.word
            );
        }
    }
}

#[test]
fn what_the_facts_date_back_is_told_at_once() {
    let mut damper = Damper::default();
    let silent = |since| vec![finding(Kind::GatewaySilent, Some(since))];
    assert_eq!(damper.update(silent(seconds(71)), seconds(100)), []);
    let causes = damper.update(silent(seconds(71)), seconds(101));
    assert_eq!(causes[0].since, seconds(71));
}

#[test]
fn a_killed_gateway_is_told_at_the_first_look() {
    let mut closed = well(HOUR);
    closed.gateway.healthz = Some(Healthz::Closed);
    let mut exited = well(HOUR);
    let state = ChildState::BackingOff { exits_in_a_row: 1 };
    exited.gateway.child = Some(Child {
        state,
        last_exit: Some("killed by SIGKILL".into()),
    });
    for facts in [closed, exited] {
        let mut damper = Damper::default();
        assert_eq!(
            look(&mut damper, &well(HOUR - seconds(1))).0,
            Verdict::Healthy
        );
        assert_eq!(look(&mut damper, &facts).0, Verdict::Failing);
    }
}

#[test]
fn a_gateway_that_is_blocked_for_20_s_is_not_called_dead_and_one_for_30_s_is() {
    let mut damper = Damper::default();
    for blocked in 0..40 {
        let mut facts = well(HOUR + seconds(blocked));
        facts.gateway.last_answer = Some(HOUR);
        facts.gateway.healthz = Some(if blocked < 5 {
            Healthz::Live
        } else {
            Healthz::Late
        });
        let expected = if blocked < 30 {
            Verdict::Healthy
        } else {
            Verdict::Failing
        };
        assert_eq!(look(&mut damper, &facts).0, expected, "after {blocked} s");
    }
}

#[test]
fn a_start_may_take_300_s_and_no_longer() {
    let mut damper = Damper::default();
    for (after, expected) in [
        (0, Verdict::Starting),
        (299, Verdict::Starting),
        (300, Verdict::Failing),
    ] {
        let mut facts = well(HOUR + seconds(after));
        facts.gateway.link = None;
        facts.gateway.starting_since = Some(HOUR);
        facts.gateway.startup = Some(Startup::Starting {
            reason: "startup-sidecars".into(),
        });
        assert_eq!(look(&mut damper, &facts).0, expected, "after {after} s");
    }
}

#[test]
fn what_flaps_is_one_cause_with_a_count() {
    let mut damper = Damper::default();
    let mut verdicts = Vec::new();
    for at in 0..1_200 {
        let accounts = if at / 10 % 2 == 0 {
            dead("telegram", "default")
        } else {
            account("telegram", "default")
        };
        let (verdict, causes) = look(&mut damper, &with(seconds(at), vec![accounts]));
        verdicts.push(verdict);
        let cause = told(&causes, Kind::ChannelDead).unwrap();
        assert_eq!(cause.since, Duration::ZERO);
        assert_eq!(cause.present(), at / 10 % 2 == 0, "at {at} s");
        assert_eq!(u64::from(cause.flaps), at / 20, "at {at} s");
    }
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Degraded));
    let (_, causes) = look(
        &mut damper,
        &with(seconds(1_200), vec![dead("telegram", "default")]),
    );
    assert!(
        causes[0].evidence.ends_with("(came back 60 times)"),
        "{}",
        causes[0].evidence
    );
}

#[test]
fn what_comes_back_after_its_time_has_flapped_too_and_is_held_for_longer() {
    let mut damper = Damper::default();
    let seen = || vec![finding(Kind::PortClosed, None)];
    damper.update(seen(), seconds(0));
    damper.update(vec![], seconds(1));
    assert_eq!(damper.update(vec![], seconds(16)), []);
    let causes = damper.update(seen(), seconds(100));
    assert_eq!((causes[0].since, causes[0].flaps), (seconds(100), 1));
    damper.update(vec![], seconds(101));
    assert_eq!(damper.update(vec![], seconds(130)).len(), 1);
    assert_eq!(damper.update(vec![], seconds(131)), []);
    damper.update(vec![], seconds(731));
    assert_eq!(
        damper.update(seen(), seconds(732))[0].flaps,
        0,
        "forgotten after 10 min"
    );
}

#[test]
fn what_was_never_told_has_not_flapped() {
    let mut damper = Damper::default();
    let seen = || vec![finding(Kind::MemoryHigh, None)];
    for at in [0, 40, 80] {
        assert_eq!(damper.update(seen(), seconds(at)), []);
        assert_eq!(damper.update(vec![], seconds(at + 20)), []);
    }
    damper.update(seen(), seconds(120));
    assert_eq!(damper.update(seen(), seconds(150))[0].flaps, 0);
    damper.update(vec![], seconds(160));
    assert_eq!(damper.update(vec![], seconds(220)), []);
    damper.update(seen(), seconds(230));
    assert_eq!(damper.update(vec![], seconds(240)), []);
    damper.update(seen(), seconds(250));
    let causes = damper.update(seen(), seconds(280));
    assert_eq!((causes[0].flaps, causes[0].since), (1, seconds(250)));
}

#[test]
fn it_says_when_to_look_again() {
    let mut damper = Damper::default();
    assert_eq!(damper.due(), None);
    damper.update(vec![finding(Kind::MemoryHigh, None)], seconds(5));
    assert_eq!(damper.due(), Some(seconds(35)));
    damper.update(vec![finding(Kind::MemoryHigh, None)], seconds(35));
    assert_eq!(damper.due(), None);
    damper.update(vec![], seconds(40));
    assert_eq!(damper.due(), Some(seconds(100)));
}

#[test]
fn the_gravest_is_told_first() {
    let mut damper = Damper::default();
    let found =
        [Kind::ClockJumped, Kind::ChannelDead, Kind::PortClosed].map(|kind| finding(kind, None));
    let causes = damper.update(found.to_vec(), HOUR);
    let order: Vec<Kind> = causes.iter().map(|cause| cause.key.kind).collect();
    assert_eq!(
        order,
        [Kind::PortClosed, Kind::ChannelDead, Kind::ClockJumped]
    );
}
