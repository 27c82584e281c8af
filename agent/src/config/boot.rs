//! The first document after a start: the last proved one, merged anew under the policy in force.
//!
//! A changed candidate is applied live once the gateway is up. On a first boot, or with a new
//! version of the gateway, the candidate goes first. A predecessor that was killed between
//! record and rename is reconciled by hash.

use agent_api::{ConfigState, Outcome};
use config_merge::LayerName;

use super::Error;
use super::attempt::Undo;
use super::choose::{lenient, recalled};
use super::document::{Document, Evaluation};
use super::engine::{Engine, Written};
use super::ledger::{Entry, Generation, LayerSet};
use super::resolve::Resolved;
use super::source::Readings;

impl Engine {
    /// Puts a document in place, or says why there is none.
    pub(super) async fn boot(&mut self) -> Result<(), Error> {
        let swept = self.file.sweep()?;
        if swept > 0 {
            tracing::info!(swept, "removed what a killed predecessor left half written");
        }
        self.restore_view();
        self.reconcile()?;
        self.adopt_what_was_missed()?;
        if self.resume().await? {
            self.release();
            return Ok(());
        }
        let readings = Readings::read(&self.settings);
        let resolved = Resolved::of(&self.settings, &self.store, &readings)?;
        match self.boot_choice(&resolved) {
            Some((set, evaluation)) if !self.moves_port(&evaluation, &resolved).await => {
                self.boot_with(evaluation, &set, &resolved).await?;
            }
            _ => {
                self.quiet_until = Some(tokio::time::Instant::now());
                self.consider()?;
                self.first().await?;
            }
        }
        Ok(())
    }

    fn restore_view(&mut self) {
        let ledger = self.store.ledger();
        let (good, quarantined, paused) = (
            ledger.good.as_ref().map(|g| g.number),
            ledger.quarantine.len(),
            ledger.paused_until,
        );
        self.view.send_modify(|view| {
            view.proved = good;
            view.quarantined = quarantined as u64;
            view.paused_until = paused.map(|until| until.to_string());
        });
    }

    /// Finds out which generation is on disk; one that was recorded and never written is closed.
    fn reconcile(&mut self) -> Result<(), Error> {
        let Some(newest) = self.store.ledger().generations.back().cloned() else {
            return Ok(());
        };
        let Some(bytes) = self.file.read() else {
            return Ok(());
        };
        let sha256 = durable::Digest::of(&bytes);
        if sha256 != newest.sha256 && newest.outcome == Outcome::Pending {
            self.store.append(Entry::Judged {
                number: newest.number,
                outcome: Outcome::Failed,
                proof: None,
                reason: Some("the agent ended before the document was written".to_owned()),
            })?;
        }
        let found = self
            .store
            .ledger()
            .generations
            .iter()
            .rev()
            .find(|g| g.sha256 == sha256)
            .cloned();
        if let Some(Generation { number, set, .. }) = found {
            self.written = Some(Written {
                number,
                set,
                bytes: bytes.into(),
                sha256,
            });
            self.view.send_modify(|view| view.wrote(number, &sha256));
        }
        Ok(())
    }

    /// A gateway that lives with a document whose proof was interrupted: the proof goes on.
    async fn resume(&mut self) -> Result<bool, Error> {
        let Some(newest) = self.store.ledger().generations.back().cloned() else {
            return Ok(false);
        };
        let unfinished = self
            .store
            .ledger()
            .good
            .as_ref()
            .is_none_or(|good| good.number != newest.number);
        let on_disk = self
            .written
            .as_ref()
            .is_some_and(|written| written.number == newest.number);
        let open = matches!(
            newest.outcome,
            Outcome::Pending | Outcome::Proved | Outcome::NotProvable
        );
        let barred = self
            .store
            .ledger()
            .quarantine_of(&newest.sha256, self.settings.gateway_version.as_deref())
            .is_some();
        let Some(document) = self
            .current()
            .filter(|_| unfinished && on_disk && open && !barred)
        else {
            return Ok(false);
        };
        if !self.gateway.is_alive(&document).await {
            return Ok(false);
        }
        let Some(evaluation) = recalled(&self.store, &newest.set) else {
            return Ok(false);
        };
        tracing::info!(
            generation = newest.number,
            "the gateway lives with a document that was not proved yet: going on with the proof"
        );
        let mut attempt = self.attempt_for(evaluation, newest.set, &newest.actor);
        attempt.number = Some(newest.number);
        attempt.restores = newest.restores;
        let change = attempt.change(false);
        self.attempt = Some(attempt);
        let trial = self.gateway.begin(change).await;
        self.prove(trial);
        Ok(true)
    }

    /// The last good layers, under the policy in force; none when the candidate goes first.
    fn boot_set(&self, resolved: &Resolved) -> Option<LayerSet> {
        let ledger = self.store.ledger();
        let good = ledger.good.as_ref()?;
        let new_version = matches!(
            (&self.settings.gateway_version, &ledger.good_version),
            (Some(told), Some(proved)) if told != proved
        );
        if new_version {
            return None;
        }
        let mut set = good.set.clone();
        if resolved.fatal.is_empty() {
            set.take(LayerName::Policy, &resolved.set);
        }
        set.take(LayerName::Runtime, &resolved.set);
        Some(set)
    }

    /// Whether the layers ask for another port, which a gateway takes only as a new process: then the
    /// candidate goes first, as long as no process is there.
    async fn moves_port(&mut self, good: &Evaluation, resolved: &Resolved) -> bool {
        let merged = lenient(&self.store, &resolved.set);
        let Ok(Ok(candidate)) = merged.map(|merged| merged.map(|candidate| candidate.document))
        else {
            return false;
        };
        let port = |document: &Document| document.value.pointer("/gateway/port").cloned();
        let failed = self.store.ledger().quarantine_of(&candidate.sha256, None);
        resolved.fatal.is_empty()
            && port(&candidate) != port(&good.document)
            && failed.is_none()
            && !self.gateway.is_alive(&good.document).await
    }

    /// The same, merged: under the last good policy where the one in force is part of what failed.
    fn boot_choice(&self, resolved: &Resolved) -> Option<(LayerSet, Evaluation)> {
        let set = self.boot_set(resolved)?;
        let evaluation = recalled(&self.store, &set)?;
        let ledger = self.store.ledger();
        if ledger
            .quarantine_of(&evaluation.document.sha256, None)
            .is_none()
        {
            return Some((set, evaluation));
        }
        let set = ledger.good.as_ref()?.set.clone();
        let evaluation = recalled(&self.store, &set)?;
        Some((set, evaluation))
    }

    async fn boot_with(
        &mut self,
        evaluation: Evaluation,
        set: &LayerSet,
        resolved: &Resolved,
    ) -> Result<(), Error> {
        let same = self
            .written
            .as_ref()
            .is_some_and(|written| written.sha256 == evaluation.document.sha256);
        if same {
            self.rewrite()?;
        } else {
            let restores = self.store.ledger().good.as_ref().map(|good| good.number);
            self.bring_back(evaluation, set, restores).await?;
            return Ok(());
        }
        self.release();
        self.state(ConfigState::Settled);
        let before = self.written.as_ref().map(|written| &written.set);
        let actor = resolved.author(&self.store, before);
        self.pursue(resolved.clone(), &actor, None)
    }

    /// Writes the last good layers under the policy in force, and has them proved when the gateway is there.
    async fn bring_back(
        &mut self,
        evaluation: Evaluation,
        set: &LayerSet,
        restores: Option<u64>,
    ) -> Result<(), Error> {
        let mut attempt = self.attempt_for(evaluation, set.clone(), "boot");
        attempt.restores = restores;
        let change = attempt.change(false);
        self.attempt = Some(attempt);
        self.record()?;
        // The report names the generation, which has its number only now.
        if let Some(attempt) = &mut self.attempt {
            let report = attempt.report(Outcome::Proved, None);
            attempt.undo = restores.map(|restores| Undo { report, restores });
        }
        self.write_file()?;
        let trial = self.gateway.begin(change).await;
        self.prove(trial);
        Ok(())
    }

    /// The file may have been changed while we were away: it holds our bytes again.
    fn rewrite(&mut self) -> Result<(), Error> {
        match &self.written {
            Some(written) => self.file.write(&written.bytes).map(drop),
            None => Ok(()),
        }
    }

    /// The very first document is written at once: no gateway is there to ask.
    async fn first(&mut self) -> Result<(), Error> {
        while self.written.is_none() {
            let Some(work) = &mut self.work else {
                return Ok(());
            };
            let step = work.await;
            self.work = None;
            self.step(step)?;
        }
        Ok(())
    }

    /// What lies on disk is what the gateway is to start with.
    pub(super) fn release_as_it_is(&mut self) {
        if !self.released {
            self.release();
        }
    }

    /// The document is in place: the gateway may start.
    pub(super) fn release(&mut self) {
        if let Some(document) = self.current() {
            self.released = true;
            self.gate.open();
            self.gateway.release(&document);
        }
    }
}
