//! Bringing the layers of an older generation back.
//!
//! Base and plan are held at their older content until their files change again; the user layer
//! of then becomes the user layer of now. The policy in force stays (ruling 2). A rollback that is
//! refused or undone leaves nothing of this behind.

use std::collections::BTreeMap;

use agent_api::ApplyReport;
use config_merge::LayerName;
use tokio::sync::oneshot;

use super::Error;
use super::attempt::{Until, Waiter};
use super::engine::Engine;
use super::ledger::{Entry, Generation, LayerSet, Pin, UserLayer};
use super::source::{Reading, Readings};
use super::store::files_of;

impl Engine {
    /// Goes back to the layers of that generation.
    pub(super) fn rollback(
        &mut self,
        number: u64,
        actor: &str,
        until: Option<Until>,
    ) -> Result<oneshot::Receiver<ApplyReport>, Error> {
        let target = self.kept(number)?.set.clone();
        let readings = Readings::read(&self.settings);
        let user_before = self.store.ledger().user.clone();
        let pins_before = self.store.ledger().pins.clone();
        self.pin(&target, &readings)?;
        let edit = self.user_of(&target, &readings, actor);
        self.store.append(Entry::User(edit.clone()))?;
        let resolved = self.resolved()?;
        let (reply, report) = oneshot::channel();
        let until = until.unwrap_or(Until::Proved);
        self.pursue(resolved, actor, Some(Waiter { until, reply }))?;
        if let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|attempt| attempt.number.is_none())
        {
            attempt.restores = Some(number);
            attempt.user = Some(edit);
            attempt.kept = true;
            attempt.user_before = user_before;
            attempt.pins_before = Some(pins_before);
        }
        Ok(report)
    }

    /// Holds base and plan at the content of then.
    fn pin(&mut self, target: &LayerSet, readings: &Readings) -> Result<(), Error> {
        for layer in [LayerName::Base, LayerName::Plan] {
            let Some(Reading::Files(sources)) = readings.layers.get(&layer) else {
                continue;
            };
            let ignored = files_of(sources);
            let files = target.layers.get(&layer).cloned().unwrap_or_default();
            let pin = (ignored != files).then_some(Pin { ignored, files });
            self.store.append(Entry::Pinned { layer, pin })?;
        }
        Ok(())
    }

    fn user_of(&self, target: &LayerSet, readings: &Readings, actor: &str) -> UserLayer {
        let kept = &self.store.ledger().user;
        let seen = match readings.layers.get(&LayerName::User) {
            Some(Reading::Files(sources)) => files_of(sources),
            _ => kept.seen.clone(),
        };
        UserLayer {
            revision: kept.revision + 1,
            files: target
                .layers
                .get(&LayerName::User)
                .cloned()
                .unwrap_or_default(),
            seen,
            actor: actor.to_owned(),
        }
    }

    /// Takes back what a rollback held.
    pub(super) fn unpin(&mut self, before: &BTreeMap<LayerName, Pin>) -> Result<(), Error> {
        for layer in [LayerName::Base, LayerName::Plan] {
            let pin = before.get(&layer).cloned();
            self.store.append(Entry::Pinned { layer, pin })?;
        }
        Ok(())
    }

    fn kept(&self, number: u64) -> Result<&Generation, Error> {
        let ledger = self.store.ledger();
        ledger
            .generation(number)
            .ok_or_else(|| Error::NoGeneration {
                number,
                oldest: ledger.generations.front().map_or(0, |g| g.number),
                newest: ledger.generations.back().map_or(0, |g| g.number),
            })
    }
}
