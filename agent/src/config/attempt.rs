//! One change on its way: checked, written, proved, watched.

use std::sync::Arc;
use std::time::Instant;

use agent_api::{ApplyReport, ChangeView, ConfigState, Outcome, Proof, Reload};
use config_merge::KeyPath;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Error;
use super::choose::Candidate;
use super::document::Document;
use super::engine::{Engine, Waiting, Written};
use super::gateway::{Change, Check, Handed, Health, Issue, Purpose, Trial, Verdict};
use super::settings::Drift;
use super::resolve::FILE_ACTOR;
use super::ledger::{Entry, Generation, LayerSet, UserLayer};
use super::view::{blamed, changes, text};

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing: it is enough that the edit is on disk.
    Kept,
    /// The gateway runs with it.
    Proved,
    /// It stayed well over the probation.
    Settled,
}

/// Somebody who waits for the outcome of a change.
#[derive(Debug)]
pub struct Waiter {
    /// What is waited for.
    pub until: Until,
    /// Where the answer goes.
    pub reply: oneshot::Sender<ApplyReport>,
}

/// A piece of work that ended.
pub(super) enum Step {
    /// The gateway was asked.
    Checked { check: Check, reloads: Vec<Reload>, trial: Box<dyn Trial> },
    /// The gateway was looked at; nothing else is asked before an undo.
    Begun(Box<dyn Trial>),
    /// The gateway was asked to write.
    Handed { handed: Handed, trial: Box<dyn Trial> },
    /// The document was proved, or not.
    Proved { verdict: Verdict, trial: Box<dyn Trial> },
    /// The probation is over.
    Held(Health),
}

/// A change that undoes another.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    /// The report of the change that is undone, for those who wait for it.
    pub report: ApplyReport,
    /// The generation whose layers come back.
    pub restores: u64,
}

/// The change on its way.
pub(super) struct Attempt {
    pub set: LayerSet,
    pub document: Arc<Document>,
    pub user: Option<UserLayer>,
    pub user_before: UserLayer,
    /// The user layer's edit is in the ledger.
    pub kept: bool,
    pub changes: Vec<ChangeView>,
    pub paths: Vec<KeyPath>,
    pub actor: String,
    pub at: Timestamp,
    pub started: Instant,
    pub number: Option<u64>,
    pub proof: Option<Proof>,
    pub undo: Option<Undo>,
    pub waiters: Vec<Waiter>,
    pub unchecked: Option<String>,
    pub restores: Option<u64>,
}

impl Attempt {
    pub(super) fn requires_restart(&self) -> bool {
        self.changes.iter().any(|change| change.reload == Reload::Restart)
    }

    /// The report of this change with such an outcome.
    pub(super) fn report(&self, outcome: Outcome, reason: Option<String>) -> ApplyReport {
        ApplyReport {
            generation: self.number.unwrap_or_default(),
            restores: self.restores,
            actor: self.actor.clone(),
            started_at: self.at.to_string(),
            duration_seconds: self.started.elapsed().as_secs_f64(),
            outcome,
            proof: self.proof,
            changes: self.changes.clone(),
            requires_restart: self.requires_restart(),
            reason,
            problems: Vec::new(),
            waiting_for: None,
        }
    }
}

impl Engine {
    /// Starts a candidate, unless it is what is already there or on its way.
    pub(super) fn start(&mut self, candidate: Candidate, actor: &str, waiter: Option<Waiter>) -> Result<(), Error> {
        let sha256 = candidate.evaluation.document.sha256;
        if let Some(attempt) = &mut self.attempt
            && attempt.document.sha256 == sha256
        {
            attempt.waiters.extend(waiter);
            let kept = attempt.kept;
            if let Some(user) = candidate.user {
                attempt.user = Some(user.clone());
                if kept {
                    self.store.append(Entry::User(user))?;
                }
            }
            return Ok(());
        }
        if self.written.as_ref().is_some_and(|written| written.sha256 == sha256) && self.attempt.as_ref().is_none_or(|a| a.number.is_none()) {
            return self.unchanged(candidate, actor, waiter);
        }
        if self.is_paused() {
            self.state(ConfigState::Paused);
            if let Some(user) = candidate.user.filter(|user| user.actor != FILE_ACTOR) {
                self.store.append(Entry::User(user))?;
            }
            self.answer(waiter.into_iter().collect(), &self.not_now(actor, "the agent is paused"));
            return Ok(());
        }
        self.supersede()?;
        self.begin(candidate, actor, waiter)
    }

    /// The bytes are the same: nothing is written, but an edit of the user layer is kept.
    fn unchanged(&mut self, candidate: Candidate, actor: &str, waiter: Option<Waiter>) -> Result<(), Error> {
        if self.attempt.is_some() {
            self.supersede()?;
        }
        if let Some(user) = candidate.user {
            self.store.append(Entry::User(user))?;
        }
        if let Some(written) = &mut self.written {
            written.set = candidate.set;
        }
        if self.attempt.is_none() {
            self.settle_state();
        }
        self.answer(waiter.into_iter().collect(), &self.not_now(actor, "the document stays the same"));
        Ok(())
    }

    fn not_now(&self, actor: &str, reason: &str) -> ApplyReport {
        ApplyReport {
            generation: self.written.as_ref().map_or(0, |written| written.number),
            restores: None,
            actor: actor.to_owned(),
            started_at: Timestamp::now().to_string(),
            duration_seconds: 0.0,
            outcome: if self.is_paused() { Outcome::Pending } else { Outcome::Unchanged },
            proof: None,
            changes: Vec::new(),
            requires_restart: false,
            reason: Some(reason.to_owned()),
            problems: Vec::new(),
            waiting_for: None,
        }
    }

    fn begin(&mut self, candidate: Candidate, actor: &str, waiter: Option<Waiter>) -> Result<(), Error> {
        let before = self.current();
        let (changes, paths) = changes(before.as_ref(), &candidate.evaluation);
        self.attempt = Some(Attempt {
            set: candidate.set,
            document: Arc::new(candidate.evaluation.document),
            kept: false,
            user: candidate.user,
            user_before: self.store.ledger().user.clone(),
            changes,
            paths,
            actor: actor.to_owned(),
            at: Timestamp::now(),
            started: Instant::now(),
            number: None,
            proof: None,
            undo: None,
            waiters: waiter.into_iter().collect(),
            unchecked: None,
            restores: None,
        });
        if self.must_wait() { self.wait_for_gateway() } else { self.check() }
    }

    /// While there is a last good document, a new one is not written behind the back of an absent gateway.
    fn must_wait(&self) -> bool {
        let waited = self.waiting.is_some_and(|waiting| waiting.over);
        self.store.ledger().good.is_some() && !self.is_up() && !self.revive && !waited
    }

    fn wait_for_gateway(&mut self) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else { return Ok(()) };
        self.waiting.get_or_insert(Waiting { since: tokio::time::Instant::now(), over: false });
        let mut report = attempt.report(Outcome::Pending, Some("the gateway is absent; the change is applied when it answers".to_owned()));
        report.waiting_for = Some("the gateway".to_owned());
        self.state(ConfigState::Pending);
        self.publish(&report);
        if let Some(user) = attempt.user.filter(|user| user.actor != FILE_ACTOR && !attempt.kept) {
            self.store.append(Entry::User(user))?;
        }
        self.answer(attempt.waiters, &report);
        Ok(())
    }

    /// Asks the gateway, and looks at how it is.
    fn check(&mut self) -> Result<(), Error> {
        self.state(ConfigState::Checking);
        let Some(attempt) = &self.attempt else { return Ok(()) };
        let gateway = Arc::clone(&self.gateway);
        let (document, paths) = (Arc::clone(&attempt.document), attempt.paths.clone());
        let revive = self.revive;
        self.work = Some(Box::pin(async move {
            let (check, reloads) = tokio::join!(gateway.check(&document, Purpose::Apply), gateway.reload_kinds(&paths));
            let requires_restart = reloads.contains(&Reload::Restart);
            let trial = gateway.begin(Change { document, paths, requires_restart, revive }).await;
            Step::Checked { check, reloads, trial }
        }));
        Ok(())
    }

    /// Goes on after a piece of work.
    pub(super) fn step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Checked { check, reloads, trial } => self.checked(check, &reloads, trial),
            Step::Begun(trial) => self.write(trial),
            Step::Handed { handed, trial } => self.handed(&handed, trial),
            Step::Proved { verdict, trial } => self.proved(verdict, trial),
            Step::Held(Health::Held) => self.settled(),
            Step::Held(Health::Worse { reason }) => self.undo(reason),
        }
    }

    fn checked(&mut self, check: Check, reloads: &[Reload], trial: Box<dyn Trial>) -> Result<(), Error> {
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
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
        let Some(attempt) = self.attempt.take() else { return Ok(()) };
        let problems = self.located(&attempt, issues)?;
        self.blamed = blamed(&problems);
        self.refusals.clone_from(&problems);
        let reason = problems.iter().map(text).collect::<Vec<_>>().join("\n");
        self.quarantine(&attempt, &reason)?;
        self.give_user_back(&attempt)?;
        let mut report = attempt.report(Outcome::Refused, Some("the gateway refused the document; nothing was written".to_owned()));
        report.problems = problems;
        report.generation = self.written.as_ref().map_or(0, |written| written.number);
        self.finish(&report, attempt.waiters);
        self.consider()
    }

    /// Records the generation, then writes the document, then has it proved.
    pub(super) fn write(&mut self, trial: Box<dyn Trial>) -> Result<(), Error> {
        self.record()?;
        if self.settings.drift == Drift::Shared && self.is_up() {
            return self.hand(trial);
        }
        self.write_file()?;
        self.prove(trial);
        Ok(())
    }

    /// In shared mode the gateway writes for us, so that neither side loses an edit.
    fn hand(&mut self, trial: Box<dyn Trial>) -> Result<(), Error> {
        let Some(attempt) = &self.attempt else { return Ok(()) };
        self.handing = true;
        let (gateway, document) = (Arc::clone(&self.gateway), Arc::clone(&attempt.document));
        let (file, known) = (self.file.clone(), self.written.as_ref().map(|written| Arc::clone(&written.bytes)));
        let still = Box::new(move || file.read().as_deref() == known.as_deref());
        self.work = Some(Box::pin(async move {
            let handed = gateway.hand(&document, still).await;
            Step::Handed { handed, trial }
        }));
        Ok(())
    }

    fn handed(&mut self, handed: &Handed, trial: Box<dyn Trial>) -> Result<(), Error> {
        self.handing = false;
        match handed {
            Handed::Written => {
                self.took();
                self.drifted()?;
            }
            Handed::Stale => {
                self.supersede()?;
                return self.drifted();
            }
            Handed::Refused { reason } => {
                tracing::info!(reason, "the gateway did not write the document: the agent does");
                self.write_file()?;
            }
        }
        self.prove(trial);
        Ok(())
    }

    pub(super) fn prove(&mut self, mut trial: Box<dyn Trial>) {
        let undoing = self.attempt.as_ref().is_some_and(|attempt| attempt.undo.is_some());
        self.state(if undoing { ConfigState::RollingBack } else { ConfigState::Proving });
        self.work = Some(Box::pin(async move {
            let verdict = trial.prove().await;
            Step::Proved { verdict, trial }
        }));
    }

    /// The record comes first, the rename after it.
    pub(super) fn record(&mut self) -> Result<(), Error> {
        let number = self.store.ledger().last_number + 1;
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        attempt.number = Some(number);
        if let Some(user) = attempt.user.clone().filter(|_| !attempt.kept) {
            attempt.kept = true;
            self.store.append(Entry::User(user))?;
        }
        self.store.append(Entry::Written(Generation {
            number,
            at: attempt.at,
            sha256: attempt.document.sha256,
            set: attempt.set.clone(),
            actor: attempt.actor.clone(),
            restores: attempt.restores,
            changed: attempt.paths.iter().map(ToString::to_string).collect(),
            outcome: Outcome::Pending,
            proof: None,
            reason: None,
        }))
    }

    /// Makes the file hold the document of this attempt.
    pub(super) fn write_file(&mut self) -> Result<(), Error> {
        let Some(attempt) = &self.attempt else { return Ok(()) };
        self.file.write(&attempt.document.bytes)?;
        self.took();
        Ok(())
    }

    /// The document of this attempt is the one on disk.
    fn took(&mut self) {
        let Some(attempt) = &self.attempt else { return };
        let number = attempt.number.unwrap_or_default();
        self.written = Some(Written {
            number,
            set: attempt.set.clone(),
            bytes: attempt.document.bytes.clone().into(),
            sha256: attempt.document.sha256,
        });
        self.metrics.written(number, attempt.started.elapsed());
        self.view.send_modify(|view| view.wrote(number, &attempt.document.sha256));
        if !self.released {
            self.release();
        }
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

    fn accepted(&mut self, outcome: Outcome, proof: Proof, mut trial: Box<dyn Trial>) -> Result<(), Error> {
        self.revive = false;
        let Some(attempt) = &mut self.attempt else { return Ok(()) };
        attempt.proof = Some(proof);
        if attempt.undo.is_some() {
            return self.undone(proof);
        }
        let report = attempt.report(outcome, attempt.unchecked.as_ref().map(|why| format!("not checked before writing: {why}")));
        let (ready, later) = std::mem::take(&mut attempt.waiters).into_iter().partition(|w| w.until != Until::Settled);
        attempt.waiters = later;
        self.store.append(Entry::Judged { number: report.generation, outcome, proof: Some(proof), reason: None })?;
        self.metrics.proved(outcome, report.duration_seconds);
        self.publish(&report);
        self.answer(ready, &report);
        self.state(ConfigState::Probation);
        let lasts = self.settings.probation;
        self.work = Some(Box::pin(async move { Step::Held(trial.probation(lasts).await) }));
        Ok(())
    }

    /// The probation is over and nothing got worse: this is the last good one now.
    fn settled(&mut self) -> Result<(), Error> {
        let Some(mut attempt) = self.attempt.take() else { return Ok(()) };
        let number = attempt.number.unwrap_or_default();
        let version = self.version();
        self.store.append(Entry::Good { number, version })?;
        self.blamed.clear();
        self.view.send_modify(|view| view.good(number));
        self.settle_state();
        let outcome = self.store.ledger().generation(number).map_or(Outcome::Proved, |g| g.outcome);
        let waiters = std::mem::take(&mut attempt.waiters);
        self.answer(waiters, &attempt.report(outcome, None));
        self.consider()
    }

    pub(super) fn settle_state(&mut self) {
        let refused = self.view.borrow().has_problems();
        self.state(if refused { ConfigState::Refused } else { ConfigState::Settled });
    }
}
