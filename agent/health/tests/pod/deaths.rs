//! What is concluded of an end from beside.

use health::Verdict;
use health::death::{Death, DeathCause, Inference, Seen};

use crate::stage::*;

fn up(boot_id: &str) -> Seen {
    Seen::Up {
        boot_id: Some(boot_id.into()),
        process: None,
    }
}

fn up_in(boot_id: &str, process: &str) -> Seen {
    Seen::Up {
        boot_id: Some(boot_id.into()),
        process: Some(process.into()),
    }
}

const CLOSED: Seen = Seen::Port { open: false };
const OPEN: Seen = Seen::Port { open: true };
const SAYS_IT_ENDS: Seen = Seen::Shutdown { restart: None };
const SAYS_IT_RESTARTS: Seen = Seen::Shutdown {
    restart: Some(true),
};

fn near() -> Seen {
    Seen::Memory(memory(95))
}

/// All deaths that are told of what is seen at these seconds, with a look in every second up to the last.
fn deaths(seen: &[(u64, Seen)]) -> Vec<(u64, Death)> {
    let mut inference = Inference::default();
    let mut told = Vec::new();
    let last = seen.last().map_or(0, |(at, _)| *at);
    for second in 0..=last {
        let now = seconds(second);
        let here = seen.iter().filter(|(at, _)| *at == second);
        for (_, seen) in here {
            told.extend(
                inference
                    .see(seen.clone(), Verdict::Healthy, now)
                    .map(|death| (second, death)),
            );
        }
        told.extend(inference.pass(now).map(|death| (second, death)));
    }
    told
}

#[test]
fn from_beside_an_end_is_inferred_and_marked() {
    use DeathCause::*;
    let first = (0, up("a"));
    for (name, seen, expected) in [
        (
            "a connection that is cut is no death",
            vec![(100, Seen::Lost), (105, up("a"))],
            vec![],
        ),
        (
            "a short refusal of the port is none",
            vec![(100, CLOSED), (104, OPEN), (105, up("a"))],
            vec![],
        ),
        (
            "a restart that was asked for",
            vec![
                (90, Seen::RestartExpected),
                (100, Seen::Lost),
                (100, CLOSED),
                (110, OPEN),
                (112, up("b")),
            ],
            vec![(112, Restart)],
        ),
        (
            "one that it announced",
            vec![
                (99, SAYS_IT_RESTARTS),
                (100, Seen::Lost),
                (100, CLOSED),
                (119, OPEN),
                (125, up("b")),
            ],
            vec![(125, Restart)],
        ),
        (
            "it says that it ends and is soon back",
            vec![
                (99, SAYS_IT_ENDS),
                (100, Seen::Lost),
                (100, CLOSED),
                (109, OPEN),
                (112, up("b")),
            ],
            vec![(112, Restart)],
        ),
        (
            "it says that it ends and is back after long",
            vec![
                (99, SAYS_IT_ENDS),
                (100, Seen::Lost),
                (100, CLOSED),
                (140, OPEN),
                (145, up("b")),
            ],
            vec![(120, Stopped)],
        ),
        (
            "a restart that never comes back",
            vec![
                (90, Seen::RestartExpected),
                (100, Seen::Lost),
                (100, CLOSED),
                (500, CLOSED),
            ],
            vec![(400, Restart)],
        ),
        (
            "without a word",
            vec![
                (100, Seen::Lost),
                (100, CLOSED),
                (112, OPEN),
                (115, up("b")),
            ],
            vec![(115, Crashed)],
        ),
        (
            "without a word, and it does not come back",
            vec![(100, Seen::Lost), (100, CLOSED), (500, CLOSED)],
            vec![(120, Crashed)],
        ),
        (
            "told once, though it comes back later",
            vec![
                (100, Seen::Lost),
                (100, CLOSED),
                (500, OPEN),
                (501, up("b")),
            ],
            vec![(120, Crashed)],
        ),
        (
            "memory near the limit, no word, another life",
            vec![
                (95, near()),
                (100, Seen::Lost),
                (100, CLOSED),
                (150, OPEN),
                (151, up("b")),
            ],
            vec![(151, OomLikely)],
        ),
        (
            "memory near the limit, and it said that it ends",
            vec![
                (95, near()),
                (99, SAYS_IT_ENDS),
                (100, Seen::Lost),
                (100, CLOSED),
                (150, CLOSED),
            ],
            vec![(120, Stopped)],
        ),
        (
            "memory near the limit, and no other life",
            vec![
                (95, near()),
                (100, Seen::Lost),
                (100, CLOSED),
                (500, CLOSED),
            ],
            vec![(400, Crashed)],
        ),
        (
            "an old sample says nothing",
            vec![
                (95, near()),
                (300, Seen::Lost),
                (300, CLOSED),
                (310, OPEN),
                (311, up("b")),
            ],
            vec![(311, Crashed)],
        ),
        (
            "the pod goes",
            vec![
                (99, Seen::OwnDrain),
                (100, Seen::Lost),
                (101, CLOSED),
                (110, CLOSED),
            ],
            vec![(101, PodDeleted)],
        ),
        (
            "stopped while it was suspended",
            vec![
                (50, Seen::Suspended(true)),
                (100, Seen::Lost),
                (100, CLOSED),
                (130, CLOSED),
            ],
            vec![(120, Stopped)],
        ),
        ("nobody saw how", vec![(100, up("b"))], vec![(100, Unknown)]),
        (
            "two lives, two ends",
            vec![
                (100, up("b")),
                (200, Seen::Lost),
                (200, CLOSED),
                (300, CLOSED),
            ],
            vec![(100, Unknown), (220, Crashed)],
        ),
    ] {
        let seen: Vec<(u64, Seen)> = std::iter::once(first.clone()).chain(seen).collect();
        let told = deaths(&seen);
        let short: Vec<(u64, DeathCause)> =
            told.iter().map(|(at, death)| (*at, death.cause)).collect();
        assert_eq!(short, expected, "{name}");
        for (_, death) in told {
            assert!(
                !death.certain && death.code.is_none() && death.signal.is_none(),
                "{name}"
            );
            assert!(
                death.meaning.contains("inferred"),
                "{name}: {}",
                death.meaning
            );
        }
    }
}

#[test]
fn another_life_in_the_same_process_is_a_restart_and_in_another_one_is_none() {
    let lost = |next| {
        vec![
            (0, up_in("a", "p")),
            (99, SAYS_IT_ENDS),
            (100, Seen::Lost),
            (100, CLOSED),
            (109, OPEN),
            (110, next),
        ]
    };
    assert_eq!(
        deaths(&lost(up_in("b", "p")))[0].1.cause,
        DeathCause::Restart
    );
    assert_eq!(
        deaths(&lost(up_in("b", "q")))[0].1.cause,
        DeathCause::Stopped
    );
    let cut = vec![
        (0, up_in("a", "p")),
        (100, Seen::Lost),
        (110, up_in("b", "p")),
    ];
    assert_eq!(
        deaths(&cut)[0].1.cause,
        DeathCause::Restart,
        "though nobody heard it say so"
    );
}

#[test]
fn a_release_that_does_not_name_its_lives_has_a_new_one_when_its_port_was_closed() {
    let nameless = || Seen::Up {
        boot_id: None,
        process: None,
    };
    let cut = [(0, nameless()), (100, Seen::Lost), (101, nameless())];
    assert_eq!(deaths(&cut), []);
    let closed = [
        (0, nameless()),
        (100, Seen::Lost),
        (100, CLOSED),
        (110, OPEN),
        (111, nameless()),
    ];
    assert_eq!(deaths(&closed)[0].1.cause, DeathCause::Crashed);
}

#[test]
fn what_is_concluded_says_what_it_rests_on() {
    let seen = [
        (0, up("a")),
        (95, near()),
        (100, Seen::Lost),
        (100, CLOSED),
        (150, OPEN),
        (151, up("b")),
    ];
    let death = &deaths(&seen)[0].1;
    assert_eq!((death.at, death.lived), (seconds(100), Some(seconds(100))));
    assert_eq!(
        death.evidence,
        [
            "no event `shutdown` came",
            "memory at 95 % of its limit 5 s before",
            "its port was closed for 50 s",
            "another life"
        ]
    );
}

#[test]
fn a_port_that_was_never_open_is_no_death() {
    assert_eq!(deaths(&[(0, CLOSED), (1_000, CLOSED)]), []);
    assert_eq!(deaths(&[(0, CLOSED), (10, OPEN), (11, up("a"))]), []);
}

#[test]
fn every_cause_has_its_word() {
    let words: std::collections::BTreeSet<&str> =
        DeathCause::ALL.iter().map(|cause| cause.word()).collect();
    assert_eq!(words.len(), DeathCause::ALL.len());
    let wanted: Vec<&str> = DeathCause::ALL
        .iter()
        .filter(|cause| cause.is_wanted())
        .map(|cause| cause.word())
        .collect();
    assert_eq!(wanted, ["restart", "stopped", "pod_deleted"]);
}
