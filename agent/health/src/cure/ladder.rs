//! Which cures a kind of cause gets, one after the other.

use std::time::Duration;

use crate::Kind;
use crate::cure::Grade;

/// The cures of a kind of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// Whom it is for.
    pub kind: Kind,
    /// One after the other.
    pub steps: &'static [Step],
    /// The cause has to last so long before anything is done: most of them go by themselves.
    pub patience: Duration,
    /// When all were in vain, a new round begins after this; twice as long after each round.
    pub rest: Duration,
    /// The rest grows up to this.
    pub longest_rest: Duration,
}

/// One step of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The grade.
    pub grade: Grade,
    /// How often it is tried before the next.
    pub tries: u32,
    /// For a cause that is not failing: in the first round only, and once in so long for the whole pod.
    pub rare: Option<Duration>,
}

const fn step(grade: Grade, tries: u32) -> Step {
    Step {
        grade,
        tries,
        rare: None,
    }
}

const SIX_HOURS: Duration = Duration::from_secs(6 * 3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const HALF_HOUR: Duration = Duration::from_secs(1_800);

/// A gateway that answers nothing: whoever can, restarts it. Where we are not its parent, RPC is all we have.
const DEAF: &[Step] = &[
    step(Grade::RestartGateway, 1),
    step(Grade::RestartInside, 1),
    step(Grade::EndGateway, 2),
    step(Grade::LeaveToKubelet, 1),
];

/// A gateway that does not come up, or does not end: a signal that asks for a restart is lost on it.
const STUCK: &[Step] = &[step(Grade::EndGateway, 2), step(Grade::LeaveToKubelet, 1)];

const CHANNEL: &[Step] = &[
    step(Grade::RestartChannel, 2),
    Step {
        grade: Grade::RestartGateway,
        tries: 1,
        rare: Some(SIX_HOURS),
    },
];

const fn failing(kind: Kind, patience: u64, steps: &'static [Step]) -> Ladder {
    let patience = Duration::from_secs(patience);
    Ladder {
        kind,
        steps,
        patience,
        rest: HALF_HOUR,
        longest_rest: SIX_HOURS,
    }
}

const fn degraded(kind: Kind, patience: u64, steps: &'static [Step]) -> Ladder {
    let patience = Duration::from_secs(patience);
    Ladder {
        kind,
        steps,
        patience,
        rest: SIX_HOURS,
        longest_rest: DAY,
    }
}

const LADDERS: [Ladder; 6] = [
    failing(Kind::GatewaySilent, 60, DEAF),
    failing(Kind::PortClosed, 30, DEAF),
    failing(Kind::NotStarted, 0, STUCK),
    failing(Kind::DrainOverdue, 0, STUCK),
    degraded(Kind::ChannelDead, 60, CHANNEL),
    degraded(Kind::SecretsDegraded, 30, &[step(Grade::ReloadSecrets, 2)]),
];

impl Ladder {
    /// All of them.
    pub fn all() -> &'static [Self] {
        &LADDERS
    }

    /// The cures of a kind, where there are any.
    pub fn of(kind: Kind) -> Option<&'static Self> {
        LADDERS.iter().find(|ladder| ladder.kind == kind)
    }

    /// How long to rest after so many rounds in vain.
    pub(super) fn rest_after(&self, rounds: u32) -> Duration {
        let doubled = self
            .rest
            .saturating_mul(1 << rounds.saturating_sub(1).min(10));
        doubled.min(self.longest_rest)
    }
}
