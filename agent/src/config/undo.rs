//! Undoing a change: the last good layers come back, merged anew, and are proved like any other.

use std::sync::Arc;
use std::time::Instant;

use agent_api::{ApplyReport, ConfigState, Outcome, ProblemView, Proof};
use config_merge::KeyPath;
use jiff::Timestamp;

use super::Error;
use super::attempt::{Attempt, Step, Undo, Waiter};
use super::choose::{lenient, recalled};
use super::document::{Document, Evaluation, says_the_same};
use super::engine::Engine;
use super::gateway::Issue;
use super::ledger::{Entry, Generation, Held, LayerSet, Quarantine, UserLayer};
use super::view::changes;

impl Engine {
    /// The change on its way failed, in a way that names no place: brings the last good layers back.
    pub(super) fn undo(&mut self, reason: String) -> Result<(), Error> {
        if self.is_first() {
            return self.first_failed(&reason);
        }
        let problem = self
            .attempt
            .as_ref()
            .map(|attempt| super::view::undone(&attempt.changes, &reason));
        self.undo_because(reason, problem.into_iter().collect())
    }

    /// Whether the change on its way is the only document that there ever was.
    fn is_first(&self) -> bool {
        let ledger = self.store.ledger();
        self.attempt.as_ref().is_some_and(|attempt| {
            let same = |g: &Generation| g.sha256 == attempt.document.sha256;
            ledger.good.is_none() && ledger.generations.iter().all(same)
        })
    }

    /// The very first document failed. There is nothing to go back to, and the gateway may have
    /// failed for reasons of its own (ruling 4): it stays, and is proved in the gateway's next life.
    fn first_failed(&mut self, reason: &str) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        self.failed_in = Some(self.presence.borrow().clone());
        let report = attempt.report(
            Outcome::Failed,
            Some(format!(
                "{reason}; it is the first document, so there is none to go back to: it is proved again when the gateway starts anew"
            )),
        );
        self.judge(&report)?;
        self.finish(&report, attempt.waiters);
        Ok(())
    }

    /// The change on its way failed, and these are the places.
    pub(super) fn undo_because(
        &mut self,
        reason: String,
        problems: Vec<ProblemView>,
    ) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        if let Some(undo) = attempt.undo {
            return self.lost(undo, &reason, attempt.waiters);
        }
        self.blamed = super::view::blamed(&problems);
        self.refusals.clone_from(&problems);
        let attempt = self.condemn(attempt, &reason)?;
        let mut report = attempt.report(Outcome::RolledBack, Some(reason.clone()));
        report.problems = problems;
        let good = self.store.ledger().good.clone();
        let good = good.and_then(|good| Some((recalled(&self.store, &good.set)?, good)));
        let Some((evaluation, good)) = good else {
            report.outcome = Outcome::Failed;
            report.reason = Some(format!(
                "{reason}; there is no last good document to go back to"
            ));
            self.judge(&report)?;
            self.finish(&report, attempt.waiters);
            return self.consider();
        };
        self.judge(&report)?;
        tracing::warn!(
            generation = report.generation,
            reason,
            "undoing a change: the last good layers come back"
        );
        self.metrics.rolled_back();
        self.restore(evaluation, &good, report, attempt.waiters)
    }

    /// Writes the layers of a good generation and has them proved.
    fn restore(
        &mut self,
        evaluation: Evaluation,
        good: &Generation,
        report: ApplyReport,
        waiters: Vec<Waiter>,
    ) -> Result<(), Error> {
        let mut attempt = self.attempt_for(evaluation, good.set.clone(), &report.actor);
        attempt.restores = Some(good.number);
        attempt.undo = Some(Undo {
            report,
            restores: good.number,
        });
        attempt.waiters = waiters;
        let change = attempt.change(self.revive);
        self.attempt = Some(attempt);
        self.tell_undo();
        let gateway = Arc::clone(&self.gateway);
        self.work = Some(Box::pin(
            async move { Step::Begun(gateway.begin(change).await) },
        ));
        Ok(())
    }

    /// Says how far an undo is. A sidecar cannot bring a dead gateway back: the kubelet does.
    pub(super) fn tell_undo(&mut self) {
        let undo = self.attempt.as_ref().and_then(|a| a.undo.as_ref());
        let Some(undo) = undo else { return };
        if !self.revive || self.is_up() || self.gateway.can_revive() {
            return self.state(ConfigState::RollingBack);
        }
        if self.view.borrow().state == ConfigState::Pending {
            return;
        }
        let waiting = ApplyReport {
            outcome: Outcome::Pending,
            waiting_for: Some(
                "a new process of the gateway: the kubelet's liveness probe has to restart it"
                    .to_owned(),
            ),
            ..undo.report.clone()
        };
        self.publish(&waiting);
        self.state(ConfigState::Pending);
    }

    /// An attempt at a document that nobody proposed through the layers.
    pub(super) fn attempt_for(
        &self,
        evaluation: Evaluation,
        set: LayerSet,
        actor: &str,
    ) -> Attempt {
        let before = self.current();
        let (changes, paths) = changes(before.as_ref(), &evaluation);
        let same = |before: Document| says_the_same(&before.value, &evaluation.document.value);
        // Where nothing changes at all there is a hash to wait for.
        let hollow = !paths.is_empty() && before.is_some_and(same);
        Attempt {
            set,
            document: Arc::new(evaluation.document),
            user: None,
            user_before: UserLayer::default(),
            kept: false,
            pins_before: None,
            changes,
            paths,
            actor: actor.to_owned(),
            at: Timestamp::now(),
            started: Instant::now(),
            number: None,
            proof: None,
            undo: None,
            waiters: Vec::new(),
            unchecked: None,
            restores: None,
            hollow,
        }
    }

    /// The last good document is proved again: tell those who waited for the change.
    pub(super) fn undone(&mut self, proof: Proof) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        let Some(undo) = attempt.undo else {
            return Ok(());
        };
        let number = attempt.number.unwrap_or_default();
        self.store.append(Entry::Judged {
            number,
            outcome: Outcome::Proved,
            proof: Some(proof),
            reason: None,
        })?;
        let version = self.version();
        self.store.append(Entry::Good { number, version })?;
        self.view.send_modify(|view| view.good(number));
        let mut report = undo.report;
        if report.generation == 0 {
            report.generation = number;
        }
        report.duration_seconds += attempt.started.elapsed().as_secs_f64();
        report.restores = Some(undo.restores);
        report.proof = Some(proof);
        self.finish(&report, attempt.waiters);
        self.consider()
    }

    /// Even the last good document could not be proved. It stays; somebody must look.
    fn lost(&mut self, undo: Undo, reason: &str, waiters: Vec<Waiter>) -> Result<(), Error> {
        let mut report = undo.report;
        report.outcome = Outcome::Failed;
        let first = report.reason.take().unwrap_or_default();
        report.reason = Some(format!(
            "{first}; the last good document was put back and could not be proved: {reason}"
        ));
        self.judge(&report)?;
        self.release_from_quarantine(report.generation)?;
        self.finish(&report, waiters);
        Ok(())
    }

    /// What fails on the last good document too is no fault of the candidate (ruling 4).
    fn release_from_quarantine(&mut self, number: u64) -> Result<(), Error> {
        let sha256 = self
            .store
            .ledger()
            .generation(number)
            .map(|failed| failed.sha256);
        let Some(sha256) = sha256 else { return Ok(()) };
        self.store.append(Entry::Released { sha256 })?;
        let count = self.store.ledger().quarantine.len();
        self.view
            .send_modify(|view| view.quarantined = count as u64);
        Ok(())
    }

    /// A newer change takes the place of the one on its way.
    pub(super) fn supersede(&mut self) -> Result<(), Error> {
        self.work = None;
        self.handing = false;
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        let report = attempt.report(
            Outcome::Superseded,
            Some("a newer change took its place".to_owned()),
        );
        let proved = attempt.proof.is_some();
        let moves =
            |path: &KeyPath| ["gateway", "gateway.port"].contains(&path.to_string().as_str());
        let moving = attempt.number.is_some() && attempt.paths.iter().any(moves);
        // The gateway may listen where no document says any more; the next one has to bring it there.
        self.revive |= moving && !proved && self.gateway.can_revive();
        if proved {
            self.answer(attempt.waiters, &report);
            return Ok(());
        }
        if attempt.number.is_some() {
            self.judge(&report)?;
        }
        self.ended(Outcome::Superseded);
        self.answer(attempt.waiters, &report);
        Ok(())
    }

    /// Puts a failed change into quarantine and gives the user layer back. Where that cannot be
    /// recorded, the change stays what it is, for whoever answers its callers.
    pub(super) fn condemn(&mut self, attempt: Attempt, reason: &str) -> Result<Attempt, Error> {
        let condemned = self
            .quarantine(&attempt, reason)
            .and_then(|()| self.give_user_back(&attempt));
        match condemned {
            Ok(()) => Ok(attempt),
            Err(error) => {
                self.attempt = Some(attempt);
                Err(error)
            }
        }
    }

    /// Remembers a document that failed, and on which version.
    fn quarantine(&mut self, attempt: &Attempt, reason: &str) -> Result<(), Error> {
        let quarantine = Quarantine {
            sha256: attempt.document.sha256,
            version: self
                .version()
                .or_else(|| self.settings.gateway_version.clone()),
            generation: attempt.number,
            reason: reason.to_owned(),
            at: Timestamp::now(),
        };
        self.store.append(Entry::Quarantined(quarantine))?;
        let count = self.store.ledger().quarantine.len();
        self.view
            .send_modify(|view| view.quarantined = count as u64);
        Ok(())
    }

    /// The user layer goes back to what it was; its revision goes on.
    fn give_user_back(&mut self, attempt: &Attempt) -> Result<(), Error> {
        let Some(edit) = attempt.user.as_ref().filter(|_| attempt.kept) else {
            return Ok(());
        };
        let user = UserLayer {
            revision: edit.revision + 1,
            actor: "agent".to_owned(),
            ..attempt.user_before.clone()
        };
        self.store.append(match attempt.pins_before.clone() {
            Some(pins) => Entry::Held(Held { pins, user }),
            None => Entry::User(user),
        })
    }

    pub(super) fn judge(&mut self, report: &ApplyReport) -> Result<(), Error> {
        self.store.append(Entry::Judged {
            number: report.generation,
            outcome: report.outcome,
            proof: report.proof,
            reason: report.reason.clone(),
        })
    }

    /// The gateway's issues, with the place in the layers that each comes from.
    pub(super) fn located(
        &self,
        attempt: &Attempt,
        issues: &[Issue],
    ) -> Result<Vec<ProblemView>, Error> {
        let evaluation = lenient(&self.store, &attempt.set)?.map_err(Error::Layers)?;
        Ok(issues
            .iter()
            .map(|issue| super::view::located(issue, &evaluation.provenance, &attempt.changes))
            .collect())
    }
}
