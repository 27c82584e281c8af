//! The rules of judging, and the verdict.

use health::facts::*;
use health::{Facts, Kind, Severity, Verdict, judge, verdict};

use crate::cases::{CASES, Change};
use crate::stage::*;

#[test]
fn each_fact_is_found_and_nothing_else() {
    for (name, change, found) in CASES {
        let mut facts = well(HOUR);
        change(&mut facts);
        assert_eq!(kinds(&judge(&facts)), *found, "{name}");
    }
}

#[test]
fn every_kind_has_a_case() {
    let found: Vec<Kind> = CASES
        .iter()
        .flat_map(|(.., found)| found.iter().map(|(kind, _)| *kind))
        .collect();
    for row in Kind::all() {
        // The fold of many accounts has a test of its own.
        assert!(
            found.contains(&row.kind) || row.kind == Kind::ChannelsDead,
            "{} has no case",
            row.word
        );
    }
}

#[test]
fn many_dead_accounts_are_counted_and_not_all_named() {
    let accounts = (0..500)
        .map(|n| dead("telegram", &format!("bot{n:03}")))
        .collect();
    let found = judge(&with(HOUR, accounts));
    let named = found
        .iter()
        .filter(|finding| finding.key.kind == Kind::ChannelDead)
        .count();
    assert_eq!(named, 20);
    let more: Vec<_> = found
        .iter()
        .filter(|finding| finding.key.kind == Kind::ChannelsDead)
        .collect();
    assert_eq!(more.len(), 1);
    assert_eq!(
        (more[0].key.subject.as_str(), more[0].evidence.as_str()),
        ("telegram", "480 more accounts are dead")
    );
}

#[test]
fn evidence_holds_no_secret_and_no_second_line() {
    let token = "123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
    let error = format!(
        "GET https://api.telegram.org/bot{token}/getMe\nfailed{}",
        "!".repeat(5_000)
    );
    let one = Account {
        last_error: Some(error),
        ..dead("telegram", "default")
    };
    let (mut damper, facts) = (health::Damper::default(), with(HOUR, vec![one]));
    let (_, causes) = look(&mut damper, &facts);
    let evidence = &causes[0].evidence;
    assert!(
        !evidence.contains("AAHdq") && !evidence.contains('\n') && evidence.len() <= 300,
        "{evidence}"
    );
    assert!(evidence.contains("api.telegram.org"), "{evidence}");
}

#[test]
fn the_verdict_is_the_first_that_holds() {
    let failing = || vec![cause(Kind::PortClosed, "", HOUR)];
    let degraded = || vec![cause(Kind::ChannelDead, "telegram/default", HOUR)];
    let notice = || vec![cause(Kind::ClockJumped, "", HOUR)];
    let leaving: Change = |f| f.gateway.leaving_since = Some(f.at);
    let suspended: Change = |f| f.gateway.suspended = Some(Suspension::Other);
    let starting: Change = |f| {
        f.gateway.startup = Some(Startup::Starting {
            reason: String::new(),
        })
    };
    let draining: Change = |f| f.agent.draining = true;
    let nothing: Change = |_| {};
    for (name, change, causes, expected) in [
        ("well", nothing, vec![], Verdict::Healthy),
        (
            "a notice is no failure",
            nothing,
            notice(),
            Verdict::Healthy,
        ),
        ("one channel", nothing, degraded(), Verdict::Degraded),
        ("closed", nothing, failing(), Verdict::Failing),
        (
            "we drain, whatever breaks",
            draining,
            failing(),
            Verdict::Draining,
        ),
        ("it leaves", leaving, degraded(), Verdict::Draining),
        (
            "a dead one does not leave",
            leaving,
            failing(),
            Verdict::Failing,
        ),
        ("suspended", suspended, degraded(), Verdict::Suspended),
        (
            "a dead one is not suspended",
            suspended,
            failing(),
            Verdict::Failing,
        ),
        (
            "starting hides what is not up yet",
            starting,
            degraded(),
            Verdict::Starting,
        ),
        (
            "what is certain is told in a start too",
            starting,
            failing(),
            Verdict::Failing,
        ),
    ] {
        let mut facts = well(HOUR);
        change(&mut facts);
        assert_eq!(verdict(&facts, &causes), expected, "{name}");
    }
}

#[test]
fn what_nobody_has_heard_of_is_starting_and_then_broken() {
    let mut damper = health::Damper::default();
    for (at, expected) in [
        (0, Verdict::Starting),
        (299, Verdict::Starting),
        (300, Verdict::Degraded),
    ] {
        let facts = Facts {
            at: seconds(at),
            ..Facts::default()
        };
        assert_eq!(look(&mut damper, &facts).0, expected, "after {at} s");
    }
}

#[test]
fn ready_is_all_but_starting_failing_and_draining() {
    let ready: Vec<Verdict> = Verdict::ALL
        .into_iter()
        .filter(|verdict| verdict.is_ready())
        .collect();
    assert_eq!(
        ready,
        [Verdict::Healthy, Verdict::Degraded, Verdict::Suspended]
    );
}

#[test]
fn a_channel_never_makes_a_pod_fail() {
    for row in Kind::all()
        .iter()
        .filter(|row| row.component == health::Component::Channel)
    {
        assert!(row.severity < Severity::Failing, "{}", row.word);
    }
}

/// The wall clock is not among the facts: a jump is one cause, and a notice.
#[test]
fn a_clock_that_is_set_back_changes_one_cause_only() {
    let mut facts = with(HOUR, vec![dead("telegram", "default")]);
    let (before, mut causes) = look(&mut health::Damper::default(), &facts);
    facts.clock.jumped = Some(-86_400);
    let (after, with_jump) = look(&mut health::Damper::default(), &facts);
    assert_eq!(before, after);
    causes.push(
        with_jump
            .iter()
            .find(|cause| cause.key.kind == Kind::ClockJumped)
            .unwrap()
            .clone(),
    );
    assert_eq!(causes, with_jump);
}
