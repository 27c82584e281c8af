//! An older generation comes back, and a human gets a pause: what else goes into the ledger here.

use std::time::Duration;

use agent_api::ApplyReport;
use config_merge::LayerName;
use jiff::Timestamp;

use super::Offline;
use crate::config::Error;
use crate::config::ledger::{Entry, Held};
use crate::config::source::Readings;

impl Offline {
    /// Layers and locks of a generation for which the settings name no path: without these a
    /// rollback would lose them.
    pub fn unnamed(&self, number: u64) -> Vec<&'static str> {
        let Some(generation) = self.ledger().and_then(|ledger| ledger.generation(number)) else {
            return Vec::new();
        };
        let operators = [LayerName::Base, LayerName::Plan, LayerName::Policy];
        let lost = |name: &LayerName| {
            generation.set.layers.contains_key(name) && !self.settings.layers.contains_key(name)
        };
        let mut names: Vec<_> = operators
            .into_iter()
            .filter(lost)
            .map(LayerName::as_str)
            .collect();
        if generation.set.locks.is_some() && self.settings.locks.is_none() {
            names.push("locks");
        }
        names
    }

    /// Holds the operator's layers at the content of that generation, brings its user layer back,
    /// and writes what they make. Where that is refused, everything is as it was.
    pub fn rollback(&mut self, number: u64, actor: &str) -> Result<ApplyReport, Error> {
        let readings = Readings::read(&self.settings);
        let Some(store) = &mut self.store else {
            return Err(Error::NoGeneration {
                number,
                oldest: 0,
                newest: 0,
            });
        };
        let ledger = store.ledger();
        let before = ledger.held();
        let held = Held::at(ledger, &ledger.kept(number)?.set, &readings, actor);
        store.append(Entry::Held(held))?;
        match self.propose() {
            Ok(proposal) => self.write(&proposal, actor, Some(number)),
            Err(refused) => {
                if let Some(store) = &mut self.store {
                    store.append(Entry::Held(before))?;
                }
                Err(refused)
            }
        }
    }

    /// Records that the document is left alone for so long; zero ends that.
    pub fn pause(&mut self, lasts: Duration) -> Result<Option<Timestamp>, Error> {
        let until = (!lasts.is_zero())
            .then(|| Timestamp::now().checked_add(lasts))
            .transpose()
            .map_err(|_| Error::TooLong)?;
        if let Some(store) = &mut self.store {
            store.append(Entry::Paused { until })?;
        }
        Ok(until)
    }
}
