//! Bringing the layers of an older generation back.
//!
//! Base and plan are held at their older content until their files change again; the user layer
//! of then becomes the user layer of now. The policy in force stays (ruling 2). A rollback that is
//! refused or undone leaves nothing of this behind.

use agent_api::{ApplyReport, Outcome};
use config_merge::LayerName;
use tokio::sync::oneshot;

use super::Error;
use super::attempt::{Until, Waiter};
use super::engine::Engine;
use super::ledger::{Entry, Held, LayerSet, Ledger, Pin, UserLayer};
use super::source::{Reading, Readings};
use super::store::files_of;
use super::stumble::answered;

impl Held {
    /// Base, plan and user layer of an older generation, against what lies on disk now.
    pub fn at(ledger: &Ledger, target: &LayerSet, readings: &Readings, actor: &str) -> Self {
        let then = |layer| target.layers.get(&layer).cloned().unwrap_or_default();
        let mut held = ledger.held();
        for layer in [LayerName::Base, LayerName::Plan] {
            let Some(Reading::Files(sources)) = readings.layers.get(&layer) else {
                continue;
            };
            let (ignored, files) = (files_of(sources), then(layer));
            if ignored == files {
                held.pins.remove(&layer);
            } else {
                held.pins.insert(layer, Pin { ignored, files });
            }
        }
        let seen = match readings.layers.get(&LayerName::User) {
            Some(Reading::Files(sources)) => files_of(sources),
            _ => held.user.seen,
        };
        held.user = UserLayer {
            revision: held.user.revision + 1,
            files: then(LayerName::User),
            seen,
            actor: actor.to_owned(),
        };
        held
    }
}

impl Engine {
    /// Goes back to the layers of that generation.
    pub(super) fn rollback(
        &mut self,
        number: u64,
        actor: &str,
        until: Option<Until>,
    ) -> Result<oneshot::Receiver<ApplyReport>, Error> {
        let ledger = self.store.ledger();
        let target = &ledger.kept(number)?.set;
        let held = Held::at(ledger, target, &Readings::read(&self.settings), actor);
        let before = ledger.held();
        self.store.append(Entry::Held(held.clone()))?;
        let (reply, mut report) = oneshot::channel();
        let until = until.unwrap_or(Until::Proved);
        let waiter = Some(Waiter { until, reply });
        let begun = self
            .resolved()
            .and_then(|resolved| self.pursue(resolved, actor, waiter));
        if let Err(error) = begun {
            return Ok(self.kept_for_later(&error, actor));
        }
        if let Ok(told) = report.try_recv() {
            if matches!(told.outcome, Outcome::Refused | Outcome::Quarantined) {
                self.give_back(before, held.user.revision)?;
            }
            return Ok(answered(told));
        }
        if let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|attempt| attempt.number.is_none())
        {
            attempt.restores = Some(number);
            attempt.user = Some(held.user);
            attempt.kept = true;
            attempt.user_before = before.user;
            attempt.pins_before = Some(before.pins);
        }
        Ok(report)
    }

    /// Nothing of a refused rollback stays; the user layer's revision goes on.
    fn give_back(&mut self, before: Held, revision: u64) -> Result<(), Error> {
        let user = UserLayer {
            revision: revision + 1,
            actor: "agent".to_owned(),
            ..before.user
        };
        let pins = before.pins;
        self.store.append(Entry::Held(Held { pins, user }))
    }
}
