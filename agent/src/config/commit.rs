//! How a document gets on disk: first the record, then the file, by our hand or the gateway's.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{ConfigState, Outcome};
use config_merge::LayerName;
use tokio::time::Instant;

use super::Error;
use super::attempt::Step;
use super::engine::{Engine, Written};
use super::gateway::{Handed, Trial};
use super::ledger::{Entry, Generation};
use super::settings::Drift;

/// The gateway's view of its file may be this far behind it: then it is asked again.
const AGAIN: Duration = Duration::from_millis(300);

impl Engine {
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
        let Some(attempt) = &self.attempt else {
            return Ok(());
        };
        self.handing = true;
        let (gateway, document) = (Arc::clone(&self.gateway), Arc::clone(&attempt.document));
        let (file, known) = (
            self.file.clone(),
            self.written
                .as_ref()
                .map(|written| Arc::clone(&written.bytes)),
        );
        let still = Box::new(move || file.read().as_deref() == known.as_deref());
        self.work = Some(Box::pin(async move {
            let handed = gateway.hand(&document, still).await;
            Step::Handed { handed, trial }
        }));
        Ok(())
    }

    pub(super) fn handed(&mut self, handed: &Handed, trial: Box<dyn Trial>) -> Result<(), Error> {
        self.handing = false;
        match handed {
            Handed::Written => {
                self.took();
                self.drifted()?;
            }
            Handed::Stale => {
                self.supersede()?;
                self.retry_at = Some(Instant::now() + AGAIN);
                return self.drifted();
            }
            Handed::Refused { reason } => {
                tracing::info!(
                    reason,
                    "the gateway did not write the document: the agent does"
                );
                self.write_file()?;
            }
        }
        self.prove(trial);
        Ok(())
    }

    pub(super) fn prove(&mut self, mut trial: Box<dyn Trial>) {
        let undoing = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.undo.is_some());
        if undoing {
            self.tell_undo();
        } else {
            self.state(ConfigState::Proving);
        }
        self.work = Some(Box::pin(async move {
            let verdict = trial.prove().await;
            Step::Proved { verdict, trial }
        }));
    }

    /// The record of a document that was to be written and could not be: trying it again, every
    /// few seconds on a full disk, is no new generation.
    fn recorded(&self) -> Option<u64> {
        let attempt = self.attempt.as_ref()?;
        let newest = self.store.ledger().generations.back()?;
        let same = newest.sha256 == attempt.document.sha256 && newest.set == attempt.set;
        let on_disk = self
            .written
            .as_ref()
            .is_some_and(|written| written.number == newest.number);
        (same && !on_disk && newest.outcome == Outcome::Pending).then_some(newest.number)
    }

    /// The record comes first, the rename after it.
    pub(super) fn record(&mut self) -> Result<(), Error> {
        let recorded = self.recorded();
        let number = recorded.unwrap_or(self.store.ledger().last_number + 1);
        let unkept = self.attempt.as_ref().filter(|attempt| !attempt.kept);
        if let Some(user) = unkept.and_then(|attempt| attempt.user.clone()) {
            self.keep_user(user)?;
        }
        let Some(attempt) = &mut self.attempt else {
            return Ok(());
        };
        attempt.number = Some(number);
        attempt.kept |= attempt.user.is_some();
        let runtime = attempt
            .set
            .layers
            .get(&LayerName::Runtime)
            .and_then(|files| files.first())
            .cloned();
        if runtime != self.store.ledger().runtime {
            self.store.append(Entry::Runtime { file: runtime })?;
        }
        if recorded.is_some() {
            return Ok(());
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
        let Some(attempt) = &self.attempt else {
            return Ok(());
        };
        self.file.write(&attempt.document.bytes)?;
        self.took();
        Ok(())
    }

    /// The document of this attempt is the one on disk.
    pub(super) fn took(&mut self) {
        let Some(attempt) = &self.attempt else { return };
        let number = attempt.number.unwrap_or_default();
        self.written = Some(Written {
            number,
            set: attempt.set.clone(),
            bytes: attempt.document.bytes.clone().into(),
            sha256: attempt.document.sha256,
        });
        self.metrics.written(number, attempt.started.elapsed());
        self.view
            .send_modify(|view| view.wrote(number, &attempt.document.sha256));
        self.release_as_it_is();
    }
}
