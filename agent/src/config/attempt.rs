//! One change on its way: checked, written, proved, watched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use agent_api::{ApplyReport, ChangeView, ConfigState, Outcome, Proof, Reload};
use config_merge::{KeyPath, LayerName};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Error;
use super::choose::Candidate;
use super::document::Document;
use super::engine::{Engine, Waiting};
use super::gateway::{Change, Check, Handed, Health, Trial, Verdict};
use super::ledger::{LayerSet, Pin, UserLayer};
use super::resolve::FILE_ACTOR;

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
    Checked {
        check: Check,
        reloads: Vec<Reload>,
        trial: Box<dyn Trial>,
    },
    /// The gateway was looked at; nothing else is asked before an undo.
    Begun(Box<dyn Trial>),
    /// The gateway was asked to write.
    Handed {
        handed: Handed,
        trial: Box<dyn Trial>,
    },
    /// The document was proved, or not.
    Proved {
        verdict: Verdict,
        trial: Box<dyn Trial>,
    },
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
    /// What was held before a rollback.
    pub pins_before: Option<BTreeMap<LayerName, Pin>>,
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
    /// Only empty objects come or go.
    pub hollow: bool,
}

impl Attempt {
    pub(super) fn requires_restart(&self) -> bool {
        self.changes
            .iter()
            .any(|change| change.reload == Reload::Restart)
    }

    /// What the one who proves it has to know. Whether it restarts the gateway is known once that was asked.
    pub(super) fn change(&self, revive: bool) -> Change {
        Change {
            document: Arc::clone(&self.document),
            paths: self.paths.clone(),
            requires_restart: self.requires_restart(),
            revive,
            hollow: self.hollow,
        }
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
    pub(super) fn start(
        &mut self,
        candidate: Candidate,
        actor: &str,
        waiter: Option<Waiter>,
    ) -> Result<(), Error> {
        let sha256 = candidate.evaluation.document.sha256;
        let same = |attempt: &Attempt| attempt.document.sha256 == sha256;
        if self.attempt.as_ref().is_some_and(same) {
            return self.join(candidate.user, waiter);
        }
        if self
            .written
            .as_ref()
            .is_some_and(|written| written.sha256 == sha256)
            && self.attempt.as_ref().is_none_or(|a| a.number.is_none())
        {
            return self.unchanged(candidate, actor, waiter);
        }
        if self.is_paused() {
            self.state(ConfigState::Paused);
            self.release_as_it_is();
            if let Some(user) = candidate.user.filter(|user| user.actor != FILE_ACTOR) {
                self.keep_user(user)?;
            }
            self.answer(
                waiter.into_iter().collect(),
                &self.not_now(actor, "the agent is paused"),
            );
            return Ok(());
        }
        self.supersede()?;
        self.begin(candidate, actor, waiter)
    }

    /// The same document is on its way already.
    fn join(&mut self, user: Option<UserLayer>, waiter: Option<Waiter>) -> Result<(), Error> {
        let kept = self.attempt.as_ref().is_some_and(|attempt| attempt.kept);
        if let Some(user) = user.clone().filter(|_| kept) {
            self.keep_user(user)?;
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.user = user.or(attempt.user.take());
            attempt.waiters.extend(waiter);
        }
        Ok(())
    }

    /// The bytes are the same: nothing is written, but an edit of the user layer is kept.
    fn unchanged(
        &mut self,
        candidate: Candidate,
        actor: &str,
        waiter: Option<Waiter>,
    ) -> Result<(), Error> {
        if self.attempt.is_some() {
            self.supersede()?;
        }
        if let Some(user) = candidate.user.clone() {
            self.keep_user(user)?;
        }
        if let Some(written) = &mut self.written {
            written.set.clone_from(&candidate.set);
        }
        self.release_as_it_is();
        self.answer(
            waiter.into_iter().collect(),
            &self.not_now(actor, "the document stays the same"),
        );
        if self.is_unproved() {
            return self.prove_again(candidate);
        }
        self.settle_state();
        Ok(())
    }

    /// Whether the document on disk never got its verdict.
    fn is_unproved(&self) -> bool {
        let number = self.written.as_ref().map_or(0, |written| written.number);
        let ledger = self.store.ledger();
        let good = ledger
            .good
            .as_ref()
            .is_some_and(|good| good.number == number);
        let open = ledger.generation(number).is_some_and(|g| match g.outcome {
            Outcome::Pending | Outcome::Proved | Outcome::NotProvable | Outcome::Superseded => true,
            Outcome::Failed => ledger.good.is_none() && self.lives_anew(),
            _ => false,
        });
        !good && open
    }

    /// Whether the gateway is up, in another life than the one in which the first document failed.
    fn lives_anew(&self) -> bool {
        self.is_up() && self.failed_in.as_ref() != Some(&*self.presence.borrow())
    }

    /// The document on disk is proved without being written again.
    fn prove_again(&mut self, candidate: Candidate) -> Result<(), Error> {
        let written = self.written.as_ref().map(|written| written.number);
        let generation = written
            .and_then(|number| self.store.ledger().generation(number))
            .cloned();
        let Some(generation) = generation else {
            return Ok(());
        };
        let mut attempt = self.attempt_for(candidate.evaluation, candidate.set, &generation.actor);
        attempt.number = Some(generation.number);
        attempt.restores = generation.restores;
        let change = attempt.change(self.revive);
        self.attempt = Some(attempt);
        self.state(ConfigState::Proving);
        let gateway = Arc::clone(&self.gateway);
        self.work = Some(Box::pin(
            async move { Step::Begun(gateway.begin(change).await) },
        ));
        Ok(())
    }

    pub(super) fn not_now(&self, actor: &str, reason: &str) -> ApplyReport {
        ApplyReport {
            generation: self.written.as_ref().map_or(0, |written| written.number),
            restores: None,
            actor: actor.to_owned(),
            started_at: Timestamp::now().to_string(),
            duration_seconds: 0.0,
            outcome: if self.is_paused() {
                Outcome::Pending
            } else {
                Outcome::Unchanged
            },
            proof: None,
            changes: Vec::new(),
            requires_restart: false,
            reason: Some(reason.to_owned()),
            problems: Vec::new(),
            waiting_for: None,
        }
    }

    fn begin(
        &mut self,
        candidate: Candidate,
        actor: &str,
        waiter: Option<Waiter>,
    ) -> Result<(), Error> {
        let mut attempt = self.attempt_for(candidate.evaluation, candidate.set, actor);
        attempt.user = candidate.user;
        attempt.user_before = self.store.ledger().user.clone();
        attempt.waiters.extend(waiter);
        self.attempt = Some(attempt);
        if self.must_wait() {
            self.wait_for_gateway()
        } else {
            self.check()
        }
    }

    /// While there is a last good document, a new one is not written behind the back of an absent gateway.
    /// A gateway that waits for its first document is not absent.
    fn must_wait(&self) -> bool {
        let waited = self.waiting.is_some_and(|waiting| waiting.over);
        let lives = self.released && self.store.ledger().good.is_some();
        lives && !self.is_up() && !self.revive && !waited
    }

    fn wait_for_gateway(&mut self) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else {
            return Ok(());
        };
        if let Some(user) = attempt
            .user
            .clone()
            .filter(|user| user.actor != FILE_ACTOR && !attempt.kept)
        {
            self.keep_user(user)?;
        }
        self.waiting.get_or_insert(Waiting {
            since: tokio::time::Instant::now(),
            over: false,
        });
        let mut report = attempt.report(
            Outcome::Pending,
            Some("the gateway is absent; the change is applied when it answers".to_owned()),
        );
        report.waiting_for = Some("the gateway".to_owned());
        self.state(ConfigState::Pending);
        self.publish(&report);
        self.answer(attempt.waiters, &report);
        Ok(())
    }
}
