//! Grades and budgets.

use std::time::Duration;

use health::cure::{Book, Cure, Decision, Grade, Hands, Ladder, Mode, Situation};
use health::{Cause, Kind, Verdict};

use crate::stage::*;

const DEAD: &str = "telegram/default";

/// Grades that were given over a span in which the causes stay as they are, looked at every 5 s.
fn given(book: &mut Book, causes: &[Cause], situation: &Situation, span: Duration) -> Vec<Grade> {
    let mut grades = Vec::new();
    for at in (0..span.as_secs()).step_by(5) {
        let now = HOUR + seconds(at);
        book.outcome(causes, situation, now);
        if let Decision::Do(prescription) = book.next(causes, situation, now) {
            grades.push(prescription.cure.grade());
        }
    }
    grades
}

pub fn prescribed(decision: Decision) -> Cure {
    match decision {
        Decision::Do(prescription) => prescription.cure,
        other => panic!("nothing is done: {other:?}"),
    }
}

fn waits(decision: &Decision) -> &str {
    match decision {
        Decision::Wait { why, .. } => why,
        other => panic!("it does not wait: {other:?}"),
    }
}

/// A dead account, for an hour already.
pub fn dead_account() -> Vec<Cause> {
    vec![cause(Kind::ChannelDead, DEAD, Duration::ZERO)]
}

pub fn deaf() -> Vec<Cause> {
    vec![cause(Kind::GatewaySilent, "", Duration::ZERO)]
}

#[test]
fn the_next_grade_comes_when_the_last_was_in_vain_within_reach_only() {
    let beside = Situation {
        rpc: false,
        active_runs: None,
        ..situation(Verdict::Failing)
    };
    let beside_with_rpc = situation(Verdict::Failing);
    let parent = parent_of_a_deaf_one();
    let parent_with_rpc = Situation {
        rpc: true,
        ..parent
    };
    let parent_of_an_old_one = Situation {
        hands: Hands::Supervisor {
            restarts_inside: false,
        },
        ..parent
    };
    let channel = situation(Verdict::Degraded);
    use Grade::*;
    for (name, kind, subject, situation, expected) in [
        (
            "beside a deaf one",
            Kind::GatewaySilent,
            "",
            beside,
            vec![LeaveToKubelet],
        ),
        (
            "beside one that answers over RPC",
            Kind::PortClosed,
            "",
            beside_with_rpc,
            vec![RestartGateway, LeaveToKubelet],
        ),
        (
            "parent of a deaf one",
            Kind::GatewaySilent,
            "",
            parent,
            vec![RestartInside, EndGateway, EndGateway],
        ),
        (
            "with RPC",
            Kind::PortClosed,
            "",
            parent_with_rpc,
            vec![RestartGateway, RestartInside, EndGateway, EndGateway],
        ),
        (
            "an old release dies of the signal",
            Kind::GatewaySilent,
            "",
            parent_of_an_old_one,
            vec![EndGateway, EndGateway],
        ),
        (
            "one that does not come up",
            Kind::NotStarted,
            "",
            parent,
            vec![EndGateway, EndGateway],
        ),
        (
            "a dead account",
            Kind::ChannelDead,
            DEAD,
            channel,
            vec![RestartChannel, RestartChannel, RestartGateway],
        ),
        (
            "no RPC, no hands for a channel",
            Kind::ChannelDead,
            DEAD,
            parent,
            vec![],
        ),
        (
            "secrets",
            Kind::SecretsDegraded,
            "models",
            channel,
            vec![ReloadSecrets, ReloadSecrets],
        ),
        ("memory has no cure", Kind::MemoryHigh, "", channel, vec![]),
        (
            "a refused token has no cure",
            Kind::TokenRefused,
            "",
            parent,
            vec![],
        ),
    ] {
        let causes = [cause(kind, subject, Duration::ZERO)];
        let half_an_hour = given(&mut Book::default(), &causes, &situation, seconds(1_800));
        assert_eq!(half_an_hour, expected, "{name}");
    }
}

#[test]
fn a_cause_has_to_last_before_anything_is_done() {
    for (kind, subject, patience) in [
        (Kind::ChannelDead, DEAD, 60),
        (Kind::GatewaySilent, "", 60),
        (Kind::PortClosed, "", 30),
    ] {
        let causes = [cause(kind, subject, HOUR)];
        let mut book = Book::default();
        let situation = situation(Verdict::Degraded);
        let early = book.next(&causes, &situation, HOUR + seconds(patience - 1));
        assert_eq!(waits(&early), "it may go by itself");
        prescribed(book.next(&causes, &situation, HOUR + seconds(patience)));
    }
}

#[test]
fn what_is_told_and_no_longer_seen_is_not_cured() {
    let gone = Cause {
        gone: Some(HOUR),
        ..dead_account()[0].clone()
    };
    assert_eq!(
        Book::default().next(&[gone], &situation(Verdict::Degraded), HOUR),
        Decision::Nothing
    );
}

#[test]
fn an_account_is_restarted_by_its_name() {
    for (subject, account) in [
        (DEAD, Some("default")),
        ("telegram", None),
        ("telegram/a/b", Some("a/b")),
    ] {
        let causes = [cause(Kind::ChannelDead, subject, Duration::ZERO)];
        let cure = prescribed(Book::default().next(&causes, &situation(Verdict::Degraded), HOUR));
        let account = account.map(ToOwned::to_owned);
        assert_eq!(
            cure,
            Cure::RestartChannel {
                channel: "telegram".into(),
                account
            }
        );
    }
}

#[test]
fn nothing_is_done_while_the_pod_is_on_its_way() {
    let normal = situation(Verdict::Failing);
    for (name, situation) in [
        (
            "starting",
            Situation {
                verdict: Verdict::Starting,
                ..normal
            },
        ),
        (
            "draining",
            Situation {
                verdict: Verdict::Draining,
                ..normal
            },
        ),
        (
            "suspended",
            Situation {
                verdict: Verdict::Suspended,
                ..normal
            },
        ),
        (
            "a change",
            Situation {
                config_busy: true,
                ..normal
            },
        ),
        (
            "just up",
            Situation {
                started: Some(HOUR - seconds(59)),
                ..normal
            },
        ),
    ] {
        let decision = Book::default().next(&deaf(), &situation, HOUR);
        assert!(
            matches!(decision, Decision::Wait { .. }),
            "{name}: {decision:?}"
        );
    }
    let settled = Situation {
        started: Some(HOUR - seconds(60)),
        ..normal
    };
    prescribed(Book::default().next(&deaf(), &settled, HOUR));
}

#[test]
fn a_run_is_lost_only_when_the_gateway_is_lost_anyway() {
    let idle = situation(Verdict::Degraded);
    let failing = situation(Verdict::Failing);
    let secrets = [cause(Kind::SecretsDegraded, "models", Duration::ZERO)];
    for (name, causes, situation, runs, done) in [
        ("idle", &dead_account()[..], idle, Some(0), true),
        ("a run", &dead_account(), idle, Some(1), false),
        ("it does not tell", &dead_account(), idle, None, false),
        (
            "something else fails",
            &dead_account(),
            failing,
            Some(1),
            false,
        ),
        ("the gateway fails", &deaf(), failing, Some(1), true),
        ("a reload loses nothing", &secrets, idle, Some(1), true),
    ] {
        let situation = Situation {
            active_runs: runs,
            ..situation
        };
        let decision = Book::default().next(causes, &situation, HOUR);
        assert_eq!(
            matches!(decision, Decision::Do(_)),
            done,
            "{name}: {decision:?}"
        );
    }
}

#[test]
fn who_only_observes_says_it_once_in_a_cool_down_and_does_nothing() {
    let situation = Situation {
        mode: Mode::Observe,
        ..situation(Verdict::Degraded)
    };
    let mut book = Book::default();
    let mut said = 0;
    for at in 0..3_600 {
        match book.next(&dead_account(), &situation, HOUR + seconds(at)) {
            Decision::Do(prescription) => panic!("{prescription:?}"),
            Decision::Observe(prescription) => {
                assert_eq!(prescription.cure.grade(), Grade::RestartChannel);
                said += 1;
            }
            _ => assert!(at > 0),
        }
        assert_eq!(
            book.outcome(&dead_account(), &situation, HOUR + seconds(at)),
            []
        );
    }
    assert_eq!(said, 3, "as often as it would be done in an hour");
}

#[test]
fn no_budget_of_an_hour_is_ever_exceeded_however_many_accounts_are_dead() {
    let causes: Vec<Cause> = (0..100)
        .map(|n| cause(Kind::ChannelDead, &format!("telegram/{n}"), Duration::ZERO))
        .collect();
    let mut book = Book::default();
    let grades = given(&mut book, &causes, &situation(Verdict::Degraded), HOUR);
    let channels = grades
        .iter()
        .filter(|grade| **grade == Grade::RestartChannel)
        .count();
    assert_eq!(channels, 30);
    let standing = book.standing(2 * HOUR - seconds(5));
    let channel = standing[Grade::RestartChannel as usize];
    assert_eq!((channel.done, channel.left), (30, 0));
}

#[test]
fn nothing_else_is_done_while_the_gateway_is_restarted() {
    let mut book = Book::default();
    let situation = Situation {
        rpc: true,
        active_runs: Some(0),
        ..parent_of_a_deaf_one()
    };
    let both = [deaf()[0].clone(), dead_account()[0].clone()];
    assert_eq!(
        prescribed(book.next(&both, &situation, HOUR)),
        Cure::RestartGateway
    );
    let decision = book.next(&dead_account(), &situation, HOUR + seconds(1));
    assert_eq!(waits(&decision), "the gateway is being restarted");
}

#[test]
fn a_status_screen_is_told_what_is_done_and_what_is_left() {
    let mut book = Book::default();
    let situation = situation(Verdict::Degraded);
    let mut causes = dead_account();
    book.next(&causes, &situation, HOUR);
    let now = HOUR + seconds(30);
    let standing = book.standing(now);
    assert_eq!(
        standing.iter().map(|one| one.grade).collect::<Vec<_>>(),
        Grade::ALL
    );
    let channel = standing[Grade::RestartChannel as usize];
    assert_eq!(
        (channel.done, channel.left, channel.cool_down),
        (1, 29, Some(HOUR + seconds(120)))
    );
    book.explain(&mut causes, &situation, now);
    assert_eq!(
        causes[0].remedy,
        "channel_restart 30 s ago; in 120 s it is asked whether it helped"
    );
}

#[test]
fn the_tables_hold_together() {
    for grade in Grade::ALL {
        assert_eq!(grade.rule().grade, grade);
        assert!(
            grade.rule().per_hour <= grade.rule().per_hour_in_all,
            "{}",
            grade.word()
        );
        assert!(grade.rule().helps_within >= seconds(60), "{}", grade.word());
    }
    for ladder in Ladder::all() {
        assert_eq!(Ladder::of(ladder.kind), Some(ladder));
        let steps: Vec<Grade> = ladder.steps.iter().map(|step| step.grade).collect();
        assert!(
            steps.is_sorted(),
            "a milder cure after a harder one: {steps:?}"
        );
    }
}
