//! The book of cures: what was given, what came of it, what comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cure::trial::{Pending, Trial};
use crate::cure::{Cure, Grade, Ladder, Mode, Outcome, Situation, Step};
use crate::{Cause, Key, Severity};

const HOUR: Duration = Duration::from_secs(3_600);
/// As long as anything asks for it: a rare step.
const KEPT: Duration = Duration::from_secs(6 * 3_600);
/// Causes whose history is kept at once.
const TRIALS: usize = 256;

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This. It counts as given.
    Do(Prescription),
    /// This would be done, were it not for the mode. Said once in each cool-down.
    Observe(Prescription),
    /// Not yet.
    Wait {
        /// For whom.
        cause: Key,
        /// Why.
        why: String,
        /// Until when, where that is known.
        until: Option<Duration>,
    },
    /// All that may be done was done.
    Exhausted {
        /// For whom.
        cause: Key,
        /// What was used up.
        why: String,
        /// When there is something to do again.
        until: Duration,
    },
    /// There is nothing to cure.
    Nothing,
}

/// A cure with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prescription {
    /// What to do.
    pub cure: Cure,
    /// For which cause.
    pub cause: Key,
    /// Why, for people.
    pub reason: String,
    /// When it is asked whether it helped.
    pub asked_at: Duration,
}

/// What came of a cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub cure: Cure,
    /// For which cause.
    pub cause: Key,
    /// When it was given.
    pub given: Duration,
    /// What came of it.
    pub outcome: Outcome,
    /// How that is known, for people.
    pub why: String,
}

/// How a grade stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub grade: Grade,
    /// How often it was given in the last hour, or would have been.
    pub done: u32,
    /// How often still in this hour.
    pub left: u32,
    /// Until when it is not given again to the cause that had it last.
    pub cool_down: Option<Duration>,
}

/// The state of all cures.
#[derive(Debug, Clone, Default)]
pub struct Book {
    trials: BTreeMap<Key, Trial>,
    given: Vec<Given>,
}

#[derive(Debug, Clone)]
struct Given {
    grade: Grade,
    cause: Key,
    at: Duration,
}

impl Book {
    /// What to do now. The gravest cause goes first; a cure that is decided counts as given.
    pub fn next(&mut self, causes: &[Cause], situation: &Situation, now: Duration) -> Decision {
        self.follow(causes, now);
        let curable = causes.iter().filter(|cause| cause.present());
        let curable = curable.filter_map(|cause| Some((cause, Ladder::of(cause.key.kind)?)));
        let mut decision = Decision::Nothing;
        for (cause, ladder) in curable {
            match self.weigh(cause, ladder, situation, now) {
                Ok((position, step)) => {
                    return self.give((cause, causes), (position, step.grade), situation.mode, now);
                }
                Err(not_now) if decision == Decision::Nothing => decision = not_now,
                Err(_) => {}
            }
        }
        decision
    }

    /// What came of the cures that were given. Call it after each look at the causes, before [`Book::next`].
    pub fn outcome(
        &mut self,
        causes: &[Cause],
        situation: &Situation,
        now: Duration,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        for (key, trial) in &mut self.trials {
            let said = trial
                .pending
                .as_ref()
                .and_then(|pending| pending.outcome(key, causes, situation, now));
            if let Some((outcome, why)) = said {
                reports.extend(settle(key, trial, outcome, why, now));
            }
        }
        reports
    }

    /// The cure that was decided for this cause could not be given.
    pub fn failed(&mut self, cause: &Key, why: &str, now: Duration) -> Option<Report> {
        let trial = self.trials.get_mut(cause)?;
        settle(cause, trial, Outcome::Failed, crate::words(why), now)
    }

    /// How each grade stands, for a status screen.
    pub fn standing(&self, now: Duration) -> Vec<Standing> {
        let standing = |grade: Grade| {
            let rule = grade.rule();
            let done = self
                .within(HOUR, now)
                .filter(|given| given.grade == grade)
                .count() as u32;
            let last = self.given.iter().rev().find(|given| given.grade == grade);
            let cool_down = last
                .map(|given| given.at + rule.cool_down)
                .filter(|until| *until > now);
            Standing {
                grade,
                done,
                left: rule.per_hour_in_all.saturating_sub(done),
                cool_down,
            }
        };
        Grade::ALL.map(standing).to_vec()
    }

    /// Says in each cause what is done about it, as it stands.
    pub fn explain(&self, causes: &mut [Cause], situation: &Situation, now: Duration) {
        for cause in causes.iter_mut() {
            let Some(trial) = self.trials.get(&cause.key) else {
                continue;
            };
            if let Some(pending) = &trial.pending {
                let (ago, asked) = (
                    now.saturating_sub(pending.given),
                    pending.deadline.saturating_sub(now),
                );
                let grade = pending.cure.grade().word();
                cause.remedy = format!(
                    "{grade} {} s ago; in {} s it is asked whether it helped",
                    ago.as_secs(),
                    asked.as_secs()
                );
            } else if let Some(until) = trial.rest_until.filter(|until| *until > now) {
                let minutes = minutes_until(until, now);
                cause.remedy =
                    format!("all cures were in vain; the next round is in {minutes} min");
            } else if let Some(until) = barred(trial, cause, now) {
                let minutes = minutes_until(until, now);
                cause.remedy = format!(
                    "the last cure made things worse; the next is in {minutes} min at the earliest"
                );
            } else if situation.mode == Mode::Observe && Ladder::of(cause.key.kind).is_some() {
                cause.remedy = "nothing: the agent only observes".to_owned();
            }
        }
    }

    fn follow(&mut self, causes: &[Cause], now: Duration) {
        self.given
            .retain(|given| now.saturating_sub(given.at) < KEPT);
        let told: BTreeSet<&Key> = causes.iter().map(|cause| &cause.key).collect();
        self.trials
            .retain(|key, trial| trial.follow(told.contains(key), now));
        if self.trials.len() >= TRIALS {
            self.trials.retain(|_, trial| !trial.is_quiet());
        }
    }

    /// The step to take for a cause, or why none is taken now.
    fn weigh(
        &mut self,
        cause: &Cause,
        ladder: &'static Ladder,
        situation: &Situation,
        now: Duration,
    ) -> Result<(usize, &'static Step), Decision> {
        let wait = |why: &str, until| Decision::Wait {
            cause: cause.key.clone(),
            why: why.to_owned(),
            until,
        };
        if let Some((why, until)) = situation.forbids(now) {
            return Err(wait(why, until));
        }
        let ripe = cause.since + ladder.patience;
        if now < ripe {
            return Err(wait("it may go by itself", Some(ripe)));
        }
        if let Some((why, until)) = self.under_way(&cause.key) {
            return Err(wait(why, Some(until)));
        }
        let (position, step) = self.pick(cause, ladder, situation, now)?;
        if step.grade.interrupts() && situation.may_run() && cause.severity() < Severity::Failing {
            return Err(wait("a user's run is active", None));
        }
        self.afford(&cause.key, step.grade, now)?;
        Ok((position, step))
    }

    /// A cure of which it is not known yet whether it helped: this cause's own, or one of the whole gateway.
    fn under_way(&self, key: &Key) -> Option<(&'static str, Duration)> {
        let pending = |trial: &Trial| {
            trial
                .pending
                .as_ref()
                .map(|pending| (pending.cure.grade(), pending.deadline))
        };
        if let Some((_, deadline)) = self.trials.get(key).and_then(pending) {
            return Some(("it is not known yet whether the last cure helped", deadline));
        }
        let mut others = self.trials.values().filter_map(pending);
        let whole = |grade| {
            matches!(
                grade,
                Grade::RestartGateway | Grade::RestartInside | Grade::EndGateway
            )
        };
        let other = others.find(|(grade, _)| whole(*grade));
        other.map(|(_, deadline)| ("the gateway is being restarted", deadline))
    }

    fn pick(
        &mut self,
        cause: &Cause,
        ladder: &'static Ladder,
        situation: &Situation,
        now: Duration,
    ) -> Result<(usize, &'static Step), Decision> {
        let key = cause.key.clone();
        let rarely = self.rarely(now);
        let trial = self.trials.entry(key.clone()).or_default();
        if let Some(until) = trial.rest_until.filter(|until| *until > now) {
            return Err(Decision::Exhausted {
                cause: key,
                why: "all cures were in vain".to_owned(),
                until,
            });
        }
        if let Some(until) = barred(trial, cause, now) {
            let why = "the last cure made things worse".to_owned();
            return Err(Decision::Exhausted {
                cause: key,
                why,
                until,
            });
        }
        let rounds = trial.rounds;
        let allowed = |step: &Step| {
            situation.reaches(step.grade) && (step.rare.is_none() || (rounds == 0 && rarely(step)))
        };
        if let Some(step) = trial.step(ladder, allowed, now) {
            return Ok(step);
        }
        if trial.is_fresh() {
            let why = "no cure is within reach".to_owned();
            return Err(Decision::Wait {
                cause: key,
                why,
                until: None,
            });
        }
        let until = trial.exhaust(ladder, now);
        Err(Decision::Exhausted {
            cause: key,
            why: "all cures were in vain".to_owned(),
            until,
        })
    }

    /// Whether a rare step was not taken for long enough.
    fn rarely(&self, now: Duration) -> impl Fn(&Step) -> bool + use<> {
        let last: BTreeMap<Grade, Duration> = self
            .given
            .iter()
            .map(|given| (given.grade, given.at))
            .collect();
        move |step| {
            let last = last.get(&step.grade);
            last.zip(step.rare)
                .is_none_or(|(last, rare)| now.saturating_sub(*last) >= rare)
        }
    }

    /// Cool-down and the budgets of the hour.
    fn afford(&self, key: &Key, grade: Grade, now: Duration) -> Result<(), Decision> {
        let rule = grade.rule();
        let all: Vec<Duration> = self
            .within(HOUR, now)
            .filter(|given| given.grade == grade)
            .map(|given| given.at)
            .collect();
        let own: Vec<Duration> = self
            .within(HOUR, now)
            .filter(|given| given.grade == grade && given.cause == *key)
            .map(|given| given.at)
            .collect();
        if let Some(until) = own
            .last()
            .map(|last| *last + rule.cool_down)
            .filter(|until| *until > now)
        {
            let why = format!("{} cools down", grade.word());
            return Err(Decision::Wait {
                cause: key.clone(),
                why,
                until: Some(until),
            });
        }
        for (spent, budget) in [(own, rule.per_hour), (all, rule.per_hour_in_all)] {
            if let Some(first) = spent.first().filter(|_| spent.len() >= budget as usize) {
                let why = format!("{} was given {budget} times in this hour", grade.word());
                return Err(Decision::Exhausted {
                    cause: key.clone(),
                    why,
                    until: *first + HOUR,
                });
            }
        }
        Ok(())
    }

    fn give(
        &mut self,
        (cause, causes): (&Cause, &[Cause]),
        (position, grade): (usize, Grade),
        mode: Mode,
        now: Duration,
    ) -> Decision {
        let key = cause.key.clone();
        let cure = Cure::of(grade, &key.subject);
        let asked_at = now + grade.rule().helps_within;
        let before = causes.iter().map(|cause| cause.key.clone()).collect();
        let pending = Pending {
            cure: cure.clone(),
            given: now,
            deadline: asked_at,
            before,
        };
        self.given.push(Given {
            grade,
            cause: key.clone(),
            at: now,
        });
        let age = now.saturating_sub(cause.since).as_secs();
        let reason = format!("{} for {age} s: {}", key.kind.row().word, cause.evidence);
        let prescription = Prescription {
            cure,
            cause: key.clone(),
            reason,
            asked_at,
        };
        match mode {
            Mode::Observe => Decision::Observe(prescription),
            Mode::Act => {
                self.trials
                    .entry(key)
                    .or_default()
                    .give(position, Some(pending));
                Decision::Do(prescription)
            }
        }
    }

    fn within(&self, span: Duration, now: Duration) -> impl Iterator<Item = &Given> {
        self.given
            .iter()
            .filter(move |given| now.saturating_sub(given.at) < span)
    }
}

/// Until when nothing is given to a cause that can wait, because a cure made it worse.
fn barred(trial: &Trial, cause: &Cause, now: Duration) -> Option<Duration> {
    let until = trial.any_bar(now);
    until.filter(|_| cause.severity() < Severity::Failing)
}

fn minutes_until(until: Duration, now: Duration) -> u64 {
    until.saturating_sub(now).as_secs().div_ceil(60)
}

fn settle(
    key: &Key,
    trial: &mut Trial,
    outcome: Outcome,
    why: String,
    now: Duration,
) -> Option<Report> {
    let ladder = Ladder::of(key.kind)?;
    let pending = trial.settle(ladder, outcome, now)?;
    Some(Report {
        cure: pending.cure,
        cause: key.clone(),
        given: pending.given,
        outcome,
        why,
    })
}
