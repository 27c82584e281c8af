//! What was tried for one cause, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cure::{Cure, Grade, Ladder, Situation, Step};
use crate::{Cause, Key, Severity, Verdict};

/// A cause that stays away for so long begins anew when it returns.
const HEALED: Duration = Duration::from_secs(3_600);
/// After so long nothing of it is remembered.
const FORGOTTEN: Duration = Duration::from_secs(48 * 3_600);
/// A cure that made it worse is not given again for so long; twice as long each time.
const BAR: Duration = Duration::from_secs(3_600);
/// It grows up to this.
const LONGEST_BAR: Duration = Duration::from_secs(24 * 3_600);

/// What came of a cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Its cause is gone.
    Helped,
    /// Its cause is still there.
    NoHelp,
    /// There is new trouble of the same or a higher severity, in what it touches.
    Worse,
    /// It could not be given.
    Failed,
}

impl Outcome {
    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Helped => "helped",
            Self::NoHelp => "no_help",
            Self::Worse => "worse",
            Self::Failed => "failed",
        }
    }
}

/// The history of one cause.
#[derive(Debug, Clone, Default)]
pub(super) struct Trial {
    /// Step of the ladder, and how often it was tried.
    pub(super) position: usize,
    tries: u32,
    /// How often the whole ladder was in vain.
    pub(super) rounds: u32,
    pub(super) rest_until: Option<Duration>,
    pub(super) pending: Option<Pending>,
    bars: BTreeMap<Grade, Bar>,
    quiet_since: Option<Duration>,
}

/// A cure of which it is not known yet what came of it.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) cure: Cure,
    pub(super) given: Duration,
    pub(super) deadline: Duration,
    /// What was told before it.
    pub(super) before: BTreeSet<Key>,
}

#[derive(Debug, Clone, Copy)]
struct Bar {
    until: Duration,
    times: u32,
}

impl Trial {
    /// One look at whether the cause is told. False when nothing is left to remember.
    pub(super) fn follow(&mut self, told: bool, now: Duration) -> bool {
        if told {
            self.quiet_since = None;
            return true;
        }
        let quiet = now.saturating_sub(*self.quiet_since.get_or_insert(now));
        if quiet >= HEALED {
            self.begin_anew();
        }
        quiet < FORGOTTEN
    }

    /// Whether it can be forgotten to make room.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet_since.is_some() && self.pending.is_none()
    }

    /// The step to try now: within reach, not barred, not too rare.
    pub(super) fn step(
        &self,
        ladder: &'static Ladder,
        allowed: impl Fn(&Step) -> bool,
        now: Duration,
    ) -> Option<(usize, &'static Step)> {
        let mut steps = ladder.steps.iter().enumerate().skip(self.position);
        steps.find(|(_, step)| allowed(step) && self.barred(step.grade, now).is_none())
    }

    /// Whether nothing was tried in this round.
    pub(super) fn is_fresh(&self) -> bool {
        self.position == 0 && self.tries == 0
    }

    /// Until when some grade is barred because it made things worse.
    pub(super) fn any_bar(&self, now: Duration) -> Option<Duration> {
        self.bars
            .values()
            .map(|bar| bar.until)
            .filter(|until| *until > now)
            .max()
    }

    fn barred(&self, grade: Grade, now: Duration) -> Option<Duration> {
        self.bars
            .get(&grade)
            .map(|bar| bar.until)
            .filter(|until| *until > now)
    }

    pub(super) fn give(&mut self, position: usize, pending: Option<Pending>) {
        if position != self.position {
            self.position = position;
            self.tries = 0;
        }
        self.pending = pending;
    }

    /// Nothing more can be done: a rest, then the next round.
    pub(super) fn exhaust(&mut self, ladder: &Ladder, now: Duration) -> Duration {
        self.rounds = self.rounds.saturating_add(1);
        self.position = 0;
        self.tries = 0;
        let until = now + ladder.rest_after(self.rounds);
        self.rest_until = Some(until);
        until
    }

    /// Takes over what came of the pending cure.
    pub(super) fn settle(
        &mut self,
        ladder: &Ladder,
        outcome: Outcome,
        now: Duration,
    ) -> Option<Pending> {
        let pending = self.pending.take()?;
        let failing = ladder.kind.row().severity == Severity::Failing;
        match outcome {
            Outcome::Helped => self.begin_anew(),
            Outcome::NoHelp | Outcome::Failed => self.tried(ladder),
            Outcome::Worse => {
                self.bar(pending.cure.grade(), now);
                if failing {
                    self.tried(ladder);
                }
            }
        }
        Some(pending)
    }

    fn tried(&mut self, ladder: &Ladder) {
        self.tries += 1;
        if ladder
            .steps
            .get(self.position)
            .is_none_or(|step| self.tries >= step.tries)
        {
            self.position += 1;
            self.tries = 0;
        }
    }

    fn bar(&mut self, grade: Grade, now: Duration) {
        let bar = self.bars.entry(grade).or_insert(Bar {
            until: now,
            times: 0,
        });
        let long = BAR.saturating_mul(1 << bar.times.min(10));
        bar.until = now + long.min(LONGEST_BAR);
        bar.times += 1;
    }

    fn begin_anew(&mut self) {
        self.position = 0;
        self.tries = 0;
        self.rounds = 0;
        self.rest_until = None;
    }
}

impl Pending {
    /// What came of it, once that can be said.
    pub(super) fn outcome(
        &self,
        key: &Key,
        causes: &[Cause],
        situation: &Situation,
        now: Duration,
    ) -> Option<(Outcome, String)> {
        if let Some(new) = self.worse(key, causes, now) {
            let what = new.key.kind.row().word;
            let subject = new
                .subject()
                .map(|subject| format!(" of {subject}"))
                .unwrap_or_default();
            return Some((Outcome::Worse, format!("after it: {what}{subject}")));
        }
        let moving = matches!(
            situation.verdict,
            Verdict::Starting | Verdict::Draining | Verdict::Suspended
        );
        if now < self.deadline || moving {
            return None;
        }
        let present = causes
            .iter()
            .any(|cause| cause.key == *key && cause.present());
        Some(match present {
            true => (Outcome::NoHelp, "its cause is still there".to_owned()),
            false => (Outcome::Helped, "its cause is gone".to_owned()),
        })
    }

    /// New trouble that is laid to it: at once where it is failing, at the deadline where it may pass.
    fn worse<'c>(&self, key: &Key, causes: &'c [Cause], now: Duration) -> Option<&'c Cause> {
        let touches = self.cure.grade().rule().touches;
        let own = key.kind.row().severity;
        causes.iter().find(|cause| {
            let new = cause.present() && !self.before.contains(&cause.key);
            let grave = cause.severity() > own || (cause.severity() == own && now >= self.deadline);
            new && grave && touches.contains(&cause.component())
        })
    }
}
