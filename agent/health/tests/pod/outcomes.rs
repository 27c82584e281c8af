//! What came of cures, and what follows from it.

use health::cure::{Book, Cure, Decision, Grade, Outcome, Report, Situation};
use health::{Cause, Kind, Verdict};

use crate::cures::{dead_account, deaf, prescribed};
use crate::stage::*;

fn outcome_after(causes: &[Cause], at: u64, situation: &Situation) -> Vec<Report> {
    let mut book = Book::default();
    prescribed(book.next(&dead_account(), situation, HOUR));
    book.outcome(causes, situation, HOUR + seconds(at))
}

#[test]
fn it_is_said_what_came_of_a_cure() {
    let gone = Cause {
        gone: Some(HOUR + seconds(140)),
        ..dead_account()[0].clone()
    };
    let other = |kind, subject| cause(kind, subject, HOUR + seconds(10));
    let both = |kind, subject| vec![dead_account()[0].clone(), other(kind, subject)];
    for (name, causes, at, expected) in [
        ("not yet", vec![], 149, None),
        ("gone", vec![], 150, Some(Outcome::Helped)),
        ("no longer seen", vec![gone], 150, Some(Outcome::Helped)),
        ("still there", dead_account(), 150, Some(Outcome::NoHelp)),
        (
            "the port closed after it: at once",
            both(Kind::PortClosed, ""),
            10,
            Some(Outcome::Worse),
        ),
        (
            "another account may pass",
            both(Kind::ChannelDead, "telegram/b"),
            10,
            None,
        ),
        (
            "another account died, though it helped",
            vec![other(Kind::ChannelDead, "telegram/b")],
            150,
            Some(Outcome::Worse),
        ),
        (
            "a full disk is not its doing",
            both(Kind::StateFull, "state"),
            150,
            Some(Outcome::NoHelp),
        ),
        (
            "a notice is nothing",
            both(Kind::ChannelAdvice, "telegram/b"),
            150,
            Some(Outcome::NoHelp),
        ),
    ] {
        let reports = outcome_after(&causes, at, &situation(Verdict::Degraded));
        let outcomes: Vec<Outcome> = reports.iter().map(|report| report.outcome).collect();
        assert_eq!(outcomes, Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn a_restart_is_judged_when_the_start_is_over() {
    let mut book = Book::default();
    let situation = parent_of_a_deaf_one();
    assert_eq!(
        prescribed(book.next(&deaf(), &situation, HOUR)),
        Cure::RestartInside
    );
    let starting = Situation {
        verdict: Verdict::Starting,
        ..situation
    };
    assert_eq!(book.outcome(&[], &starting, HOUR + seconds(250)), []);
    let up = Situation {
        verdict: Verdict::Healthy,
        rpc: true,
        ..situation
    };
    assert_eq!(
        book.outcome(&[], &up, HOUR + seconds(251))[0].outcome,
        Outcome::Helped
    );
}

#[test]
fn a_cure_that_makes_it_worse_stops_itself_for_twice_as_long_each_time() {
    let mut book = Book::default();
    let situation = situation(Verdict::Degraded);
    let mut now = HOUR;
    for hours in [1, 2, 4, 8, 16, 24, 24] {
        let cure = prescribed(book.next(&dead_account(), &situation, now));
        assert_eq!(cure.grade(), Grade::RestartChannel);
        let worse = [dead_account()[0].clone(), cause(Kind::PortClosed, "", now)];
        let reports = book.outcome(&worse, &situation, now);
        assert_eq!(reports[0].outcome, Outcome::Worse);
        assert!(reports[0].why.contains("port_closed"), "{}", reports[0].why);
        let until = now + hours * HOUR;
        let Decision::Exhausted { until: said, .. } =
            book.next(&dead_account(), &situation, until - seconds(1))
        else {
            panic!("given again within {hours} h")
        };
        assert_eq!(said, until);
        now = until;
    }
}

#[test]
fn a_worse_signal_still_leaves_the_end_of_the_process() {
    let mut book = Book::default();
    let situation = parent_of_a_deaf_one();
    assert_eq!(
        prescribed(book.next(&deaf(), &situation, HOUR)),
        Cure::RestartInside
    );
    let worse = [
        deaf()[0].clone(),
        cause(Kind::GatewayExited, "", HOUR + seconds(1)),
    ];
    let later = HOUR + seconds(60);
    assert_eq!(
        book.outcome(&worse, &situation, later)[0].outcome,
        Outcome::Worse
    );
    assert_eq!(
        prescribed(book.next(&deaf(), &situation, later)),
        Cure::EndGateway
    );
}

#[test]
fn a_cure_that_could_not_be_given_counts_as_tried() {
    let mut book = Book::default();
    let situation = Situation {
        rpc: true,
        ..parent_of_a_deaf_one()
    };
    assert_eq!(
        prescribed(book.next(&deaf(), &situation, HOUR)),
        Cure::RestartGateway
    );
    let report = book
        .failed(&deaf()[0].key, "no answer\nin time", HOUR + seconds(5))
        .unwrap();
    assert_eq!(
        (report.outcome, report.why.as_str()),
        (Outcome::Failed, "no answer in time")
    );
    assert_eq!(
        prescribed(book.next(&deaf(), &situation, HOUR + seconds(5))),
        Cure::RestartInside
    );
    assert_eq!(
        book.failed(&dead_account()[0].key, "never given", HOUR),
        None
    );
}
