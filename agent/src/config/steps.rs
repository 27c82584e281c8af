//! What becomes of the change on its way, step by step: checked, proved, watched.

use std::sync::Arc;

use agent_api::{ConfigState, Outcome, Proof, Reload};

use super::Error;
use super::attempt::{Step, Until};
use super::engine::Engine;
use super::gateway::{Check, Health, Issue, Purpose, Trial, Verdict};
use super::ledger::Entry;
use super::view::{blamed, text};

impl Engine {
    /// Asks the gateway, and looks at how it is.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        self.state(ConfigState::Checking);
        let Some(attempt) = &self.attempt else {
            return Ok(());
        };
        let gateway = Arc::clone(&self.gateway);
        let mut change = attempt.change(self.revive);
        self.work = Some(Box::pin(async move {
            let document = Arc::clone(&change.document);
            let reloads = gateway.reload_kinds(&change.paths).await;
            change.requires_restart = reloads.contains(&Reload::Restart);
            // In this order: a check that passes has shown what is in the gateway's file before the write.
            let check = gateway.check(&document, Purpose::Apply).await;
            let trial = gateway.begin(change).await;
            Step::Checked {
                check,
                reloads,
                trial,
            }
        }));
        Ok(())
    }

    /// Whether the attempt in hand is on disk already.
    fn is_written(&self) -> bool {
        self.attempt
            .as_ref()
            .is_some_and(|attempt| attempt.number.is_some())
    }

    /// Goes on after a piece of work.
    pub(super) fn step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Checked {
                check,
                reloads,
                trial,
            } => self.checked(check, &reloads, trial),
            Step::Begun(trial) if self.is_written() => {
                self.prove(trial);
                Ok(())
            }
            Step::Begun(trial) => self.write(trial),
            Step::Handed { handed, trial } => self.handed(&handed, trial),
            Step::Proved { verdict, trial } => self.proved(verdict, trial),
            Step::Held(Health::Held) => self.settled(),
            Step::Held(Health::Worse { reason }) => self.undo(reason),
        }
    }

    fn checked(
        &mut self,
        check: Check,
        reloads: &[Reload],
        trial: Box<dyn Trial>,
    ) -> Result<(), Error> {
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        for (change, reload) in attempt.changes.iter_mut().zip(reloads) {
            change.reload = *reload;
        }
        match check {
            Check::Refused(issues) => return self.refused(&issues),
            Check::Unasked { why } => attempt.unchecked = Some(why),
            Check::Accepted => {}
        }
        self.write(trial)
    }

    /// The gateway would not take it: nothing was written, nothing needs undoing.
    fn refused(&mut self, issues: &[Issue]) -> Result<(), Error> {
        let Some(attempt) = &self.attempt else {
            return Ok(());
        };
        let problems = self.located(attempt, issues)?;
        self.blamed = blamed(&problems);
        self.refusals.clone_from(&problems);
        let reason = problems.iter().map(text).collect::<Vec<_>>().join("\n");
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        let attempt = self.condemn(attempt, &reason)?;
        let mut report = attempt.report(
            Outcome::Refused,
            Some("the gateway refused the document; nothing was written".to_owned()),
        );
        report.problems = problems;
        report.generation = self.written.as_ref().map_or(0, |written| written.number);
        self.finish(&report, attempt.waiters);
        self.consider()
    }

    fn proved(&mut self, verdict: Verdict, trial: Box<dyn Trial>) -> Result<(), Error> {
        match verdict {
            Verdict::Refused { issues, reason } => {
                let problems = match &self.attempt {
                    Some(attempt) => self.located(attempt, &issues)?,
                    None => Vec::new(),
                };
                self.undo_because(reason, problems)
            }
            Verdict::Failed { reason } => {
                self.revive = true;
                self.undo(reason)
            }
            Verdict::Proved { proof, .. } => self.accepted(Outcome::Proved, proof, trial),
            Verdict::NotProvable { proof } => self.accepted(Outcome::NotProvable, proof, trial),
        }
    }

    fn accepted(
        &mut self,
        outcome: Outcome,
        proof: Proof,
        mut trial: Box<dyn Trial>,
    ) -> Result<(), Error> {
        self.revive = false;
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        attempt.proof = Some(proof);
        if attempt.undo.is_some() {
            return self.undone(proof);
        }
        let report = attempt.report(
            outcome,
            attempt
                .unchecked
                .as_ref()
                .map(|why| format!("not checked before writing: {why}")),
        );
        let (ready, later) = std::mem::take(&mut attempt.waiters)
            .into_iter()
            .partition(|w| w.until != Until::Settled);
        attempt.waiters = later;
        self.store.append(Entry::Judged {
            number: report.generation,
            outcome,
            proof: Some(proof),
            reason: None,
        })?;
        self.metrics.proved(report.duration_seconds);
        self.ended(outcome);
        self.publish(&report);
        self.answer(ready, &report);
        self.state(ConfigState::Probation);
        let lasts = self.settings.probation;
        self.work = Some(Box::pin(
            async move { Step::Held(trial.probation(lasts).await) },
        ));
        Ok(())
    }

    /// The probation is over and nothing got worse: this is the last good one now.
    fn settled(&mut self) -> Result<(), Error> {
        let Some(mut attempt) = self.attempt.take() else {
            return Ok(());
        };
        let number = attempt.number.unwrap_or_default();
        let version = self.version();
        self.store.append(Entry::Good { number, version })?;
        self.blamed.clear();
        self.view.send_modify(|view| view.good(number));
        self.settle_state();
        let outcome = self
            .store
            .ledger()
            .generation(number)
            .map_or(Outcome::Proved, |g| g.outcome);
        let waiters = std::mem::take(&mut attempt.waiters);
        self.answer(waiters, &attempt.report(outcome, None));
        self.consider()
    }

    pub(super) fn settle_state(&mut self) {
        let number = self.written.as_ref().map_or(0, |written| written.number);
        let written = self.store.ledger().generation(number);
        let failed = written.is_some_and(|written| written.outcome == Outcome::Failed);
        let refused = self.view.borrow().has_problems();
        self.state(match (refused, failed) {
            (true, _) => ConfigState::Refused,
            (false, true) => ConfigState::Pending,
            (false, false) => ConfigState::Settled,
        });
    }
}
