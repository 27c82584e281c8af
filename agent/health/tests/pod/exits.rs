//! What a parent says of an end that it saw.

use health::Verdict;
use health::death::{Asked, DeathCause, Exit, How, Refusal};

use crate::stage::*;

fn exit(how: How) -> Exit {
    Exit {
        at: HOUR,
        how,
        oom_killed: false,
        asked: None,
        refusal: None,
        memory: None,
        before: vec![],
        last_verdict: Some(Verdict::Healthy),
        lived: Some(MINUTE),
    }
}

#[test]
fn a_parent_knows_codes_signals_and_kills_for_memory() {
    let refused = |refusal| Exit {
        refusal: Some(refusal),
        ..exit(How::Code(78))
    };
    let oom = |how| Exit {
        oom_killed: true,
        ..exit(how)
    };
    let asked = |asked, how| Exit {
        asked: Some(asked),
        ..exit(how)
    };
    for (exit, cause, numbers, meaning) in [
        (
            exit(How::Code(0)),
            DeathCause::Stopped,
            (Some(0), None),
            "good order",
        ),
        (
            exit(How::Code(1)),
            DeathCause::Exit,
            (Some(1), None),
            "its start failed",
        ),
        (
            asked(Asked::Stop, How::Code(1)),
            DeathCause::Stopped,
            (Some(1), None),
            "325 s",
        ),
        (
            exit(How::Code(2)),
            DeathCause::Exit,
            (Some(2), None),
            "exit code 2",
        ),
        (
            refused(Refusal::Document),
            DeathCause::RefusedConfig,
            (Some(78), None),
            "configuration",
        ),
        (
            refused(Refusal::Lock),
            DeathCause::Exit,
            (Some(78), None),
            "another gateway",
        ),
        (
            refused(Refusal::Other),
            DeathCause::Exit,
            (Some(78), None),
            "migration",
        ),
        (
            exit(How::Code(78)),
            DeathCause::Exit,
            (Some(78), None),
            "migration",
        ),
        (
            exit(How::Code(126)),
            DeathCause::Exit,
            (Some(126), None),
            "cannot be run",
        ),
        (
            exit(How::Code(127)),
            DeathCause::Exit,
            (Some(127), None),
            "not found",
        ),
        (
            exit(How::Code(129)),
            DeathCause::Signal,
            (Some(129), Some(1)),
            "SIGHUP",
        ),
        (
            exit(How::Code(137)),
            DeathCause::Signal,
            (Some(137), Some(9)),
            "SIGKILL",
        ),
        (
            exit(How::Code(143)),
            DeathCause::Signal,
            (Some(143), Some(15)),
            "SIGTERM",
        ),
        (
            exit(How::Code(255)),
            DeathCause::Exit,
            (Some(255), None),
            "exit code 255",
        ),
        (
            exit(How::Signal(6)),
            DeathCause::Signal,
            (None, Some(6)),
            "heap",
        ),
        (
            exit(How::Signal(9)),
            DeathCause::Signal,
            (None, Some(9)),
            "SIGKILL",
        ),
        (
            exit(How::Signal(31)),
            DeathCause::Signal,
            (None, Some(31)),
            "signal 31",
        ),
        (
            oom(How::Signal(9)),
            DeathCause::Oom,
            (None, Some(9)),
            "memory",
        ),
        (
            oom(How::Code(137)),
            DeathCause::Oom,
            (Some(137), Some(9)),
            "memory",
        ),
        (
            oom(How::Code(1)),
            DeathCause::Exit,
            (Some(1), None),
            "its start failed",
        ),
        (
            asked(Asked::Restart, How::Signal(9)),
            DeathCause::Restart,
            (None, Some(9)),
            "a drain took too long",
        ),
        (
            asked(Asked::Drain, How::Code(0)),
            DeathCause::PodDeleted,
            (Some(0), None),
            "good order",
        ),
        (
            exit(How::NotStarted),
            DeathCause::Exit,
            (None, None),
            "could not be started",
        ),
        (
            exit(How::Unseen),
            DeathCause::Unknown,
            (None, None),
            "not known",
        ),
    ] {
        let death = exit.death();
        assert_eq!(
            (death.cause, (death.code, death.signal)),
            (cause, numbers),
            "{exit:?}"
        );
        assert!(
            death.meaning.contains(meaning),
            "{exit:?}: {}",
            death.meaning
        );
        assert_eq!(death.certain, exit.how != How::Unseen);
        assert_eq!(
            (death.last_verdict, death.lived),
            (Some(Verdict::Healthy), Some(MINUTE))
        );
    }
}

#[test]
fn the_evidence_of_a_parent_is_bounded_and_clean() {
    let line = format!("token sk-proj-0123456789abcdef0123\n{}", "x ".repeat(1_000));
    let death = Exit {
        memory: Some(memory(97)),
        before: vec![line; 50],
        ..exit(How::Signal(9))
    }
    .death();
    assert_eq!(death.evidence.len(), 8);
    assert_eq!(
        death.evidence[0],
        "memory at 97 % of its limit at the last look"
    );
    for line in &death.evidence {
        assert!(
            line.len() <= 240 && !line.contains('\n') && !line.contains("abcdef"),
            "{line}"
        );
    }
}
