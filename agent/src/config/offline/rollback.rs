//! An older generation comes back, and a human gets a pause: what else goes into the ledger here.

use std::time::Duration;

use agent_api::ApplyReport;
use config_merge::LayerName;
use jiff::Timestamp;

use super::Offline;
use crate::config::Error;
use crate::config::ledger::{Entry, Generation, LayerSet, Ledger, Pin, UserLayer};
use crate::config::source::{Reading, Readings};
use crate::config::store::{Store, files_of};

/// Layers that a rollback holds at older content. The policy in force stays (ruling 2).
const HELD: [LayerName; 2] = [LayerName::Base, LayerName::Plan];

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
        let target = kept(store.ledger(), number)?.set.clone();
        let (pins, user) = (store.ledger().pins.clone(), store.ledger().user.clone());
        hold(store, &readings, &target, actor)?;
        match self.propose() {
            Ok(proposal) => self.write(&proposal, actor, Some(number)),
            Err(refused) => {
                let store = self.store.iter_mut();
                let back = HELD.map(|layer| Entry::Pinned {
                    layer,
                    pin: pins.get(&layer).cloned(),
                });
                for store in store {
                    back.iter()
                        .cloned()
                        .chain([Entry::User(user.clone())])
                        .try_for_each(|entry| store.append(entry))?;
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

fn hold(
    store: &mut Store,
    readings: &Readings,
    target: &LayerSet,
    actor: &str,
) -> Result<(), Error> {
    for layer in HELD {
        let Some(Reading::Files(sources)) = readings.layers.get(&layer) else {
            continue;
        };
        let ignored = files_of(sources);
        let files = target.layers.get(&layer).cloned().unwrap_or_default();
        let pin = (ignored != files).then_some(Pin { ignored, files });
        store.append(Entry::Pinned { layer, pin })?;
    }
    let now = store.ledger().user.clone();
    let seen = match readings.layers.get(&LayerName::User) {
        Some(Reading::Files(sources)) => files_of(sources),
        _ => now.seen,
    };
    let files = target
        .layers
        .get(&LayerName::User)
        .cloned()
        .unwrap_or_default();
    store.append(Entry::User(UserLayer {
        revision: now.revision + 1,
        files,
        seen,
        actor: actor.to_owned(),
    }))
}

fn kept(ledger: &Ledger, number: u64) -> Result<&Generation, Error> {
    ledger
        .generation(number)
        .ok_or_else(|| Error::NoGeneration {
            number,
            oldest: ledger.generations.front().map_or(0, |g| g.number),
            newest: ledger.generations.back().map_or(0, |g| g.number),
        })
}
