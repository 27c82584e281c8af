//! Which document to try next.
//!
//! In: the layers in force, the last good set and what is in quarantine. Out: one candidate, or
//! the reasons why there is none. A layer that is broken, breaks a rule, or is part of a document
//! that failed goes back to its last good, so that it does not hold back the others.

use agent_api::{LayerStatus, LayerView, ProblemView};
use config_merge::{LayerName, Problem};

use super::document::Evaluation;
use super::error::{Error, chain};
use super::ledger::{LayerSet, UserLayer};
use super::resolve::{Resolved, last_good, views};
use super::store::Store;

/// The order in which layers go back when nobody says which one is to blame.
const FIRST_TO_GO: [LayerName; 5] = [
    LayerName::User,
    LayerName::Runtime,
    LayerName::Plan,
    LayerName::Base,
    LayerName::Policy,
];

/// A document to try, and all that is known of it.
pub struct Candidate {
    /// What it is made of.
    pub set: LayerSet,
    /// The document, its provenance, and what was left out.
    pub evaluation: Evaluation,
    /// What became of each layer.
    pub layers: Vec<LayerView>,
    /// The edit of the user layer that it carries.
    pub user: Option<UserLayer>,
    /// Layers that went back to their last good because a document with them failed.
    pub reverted: Vec<LayerName>,
}

impl Candidate {
    /// Says of each layer that went back what was wrong with it.
    pub fn explain(&mut self, refusals: &[ProblemView]) {
        let reverted = &self.reverted;
        let back =
            |layer: &&mut LayerView| reverted.iter().any(|name| name.to_string() == layer.name);
        for layer in self.layers.iter_mut().filter(back) {
            let own = |problem: &&ProblemView| problem.layer.as_ref() == Some(&layer.name);
            let own: Vec<_> = refusals.iter().filter(own).cloned().collect();
            layer.problems.extend(own);
        }
    }
}

/// What there is to try.
pub enum Choice {
    /// This one.
    Candidate(Box<Candidate>),
    /// Nothing: these problems stand in the way, and there is no last good.
    Nothing(Vec<ProblemView>),
}

/// Chooses the candidate that keeps the most of what the layers say.
pub fn choose(
    store: &Store,
    mut resolved: Resolved,
    version: Option<&str>,
    blamed: &[LayerName],
) -> Result<Choice, Error> {
    if !resolved.fatal.is_empty() {
        return Ok(Choice::Nothing(resolved.problems()));
    }
    let evaluation = match merged(store, &mut resolved)? {
        Ok(evaluation) => evaluation,
        Err(problems) => return Ok(Choice::Nothing(problems)),
    };
    let barred = |evaluation: &Evaluation| {
        store
            .ledger()
            .quarantine_of(&evaluation.document.sha256, version)
            .is_some()
    };
    if !barred(&evaluation) {
        return Ok(candidate(resolved, evaluation, Vec::new()));
    }
    let Some(good) = last_good(store).cloned() else {
        return Ok(Choice::Nothing(resolved.problems()));
    };
    for reverted in reversions(&resolved.set, &good, blamed) {
        let mut set = resolved.set.clone();
        for name in &reverted {
            set.take(*name, &good);
        }
        if let Some(evaluation) = recalled(store, &set)
            && !barred(&evaluation)
        {
            sent_back(store, &mut resolved, &reverted)?;
            resolved.set = set;
            return Ok(candidate(resolved, evaluation, reverted));
        }
    }
    // Where nothing was ever good, what is in place stays there: the gateway may have failed for reasons of its own.
    let ledger = store.ledger();
    let newest = ledger.generations.back();
    let in_place = newest.is_some_and(|newest| newest.sha256 == evaluation.document.sha256);
    if ledger.good.is_none() && in_place {
        return Ok(candidate(resolved, evaluation, Vec::new()));
    }
    Ok(Choice::Nothing(resolved.problems()))
}

/// What these layers say is not in force.
fn sent_back(store: &Store, resolved: &mut Resolved, reverted: &[LayerName]) -> Result<(), Error> {
    if reverted.contains(&LayerName::User) && resolved.user.is_some() {
        resolved.refuse_user(store, Vec::new())?;
    }
    for name in reverted {
        if let Some(view) = resolved.views.get_mut(name) {
            view.status = LayerStatus::FellBack;
        }
    }
    Ok(())
}

fn candidate(resolved: Resolved, evaluation: Evaluation, reverted: Vec<LayerName>) -> Choice {
    Choice::Candidate(Box::new(Candidate {
        set: resolved.set,
        evaluation,
        layers: resolved.views.into_values().collect(),
        user: resolved.user,
        reverted,
    }))
}

/// Merges what was resolved. A new user edit that breaks a rule is refused whole; an old one that
/// a new rule forbids loses only the keys in question (ruling 2).
fn merged(
    store: &Store,
    resolved: &mut Resolved,
) -> Result<Result<Evaluation, Vec<ProblemView>>, Error> {
    for _ in LayerName::ALL {
        let (layers, rules) = store.layers_from(&resolved.set, &mut resolved.parsed)?;
        let outcome = match &resolved.user {
            Some(_) => Evaluation::strict(&layers, &rules),
            None => Evaluation::lenient(&layers, &rules),
        };
        let problems = match outcome {
            Ok(evaluation) => return Ok(Ok(evaluation)),
            Err(problems) => problems,
        };
        if !go_back(store, resolved, &problems)? {
            return Ok(Err(views(&problems)));
        }
        if !resolved.fatal.is_empty() {
            return Ok(Err(resolved.problems()));
        }
    }
    Ok(Err(resolved.problems()))
}

/// Sends the layers that the problems name back to their last good. False when that is no help.
fn go_back(store: &Store, resolved: &mut Resolved, problems: &[Problem]) -> Result<bool, Error> {
    let of = |name: LayerName| problems.iter().any(|problem| problem.layer == Some(name));
    if resolved.user.is_some() && of(LayerName::User) {
        let own: Vec<Problem> = problems
            .iter()
            .filter(|p| p.layer == Some(LayerName::User))
            .cloned()
            .collect();
        resolved.refuse_user(store, views(&own))?;
        return Ok(true);
    }
    let Some(good) = last_good(store) else {
        return Ok(false);
    };
    let before = resolved.set.clone();
    for name in LayerName::ALL.into_iter().filter(|name| of(*name)) {
        if !is_there(store, name, good) {
            continue;
        }
        resolved.set.take(name, good);
        if let Some(view) = resolved.views.get_mut(&name) {
            view.status = LayerStatus::FellBack;
            view.problems.extend(
                views(problems)
                    .into_iter()
                    .filter(|p| p.layer.as_deref() == Some(&view.name)),
            );
        }
    }
    Ok(resolved.set != before)
}

/// Whether a layer of a good set can be read back; one that cannot is no last good.
fn is_there(store: &Store, name: LayerName, good: &LayerSet) -> bool {
    let mut alone = LayerSet::default();
    alone.take(name, good);
    let read = store.layers(&alone);
    if let Err(error) = &read {
        tracing::error!(
            layer = %name,
            reason = chain(error),
            "the last good content of a layer cannot be read back: it counts as none"
        );
    }
    read.is_ok()
}

/// Merges a set that was good once. One that cannot be read back, or merged any more, counts as none.
pub fn recalled(store: &Store, set: &LayerSet) -> Option<Evaluation> {
    let error = match lenient(store, set) {
        Ok(Ok(evaluation)) => return Some(evaluation),
        Ok(Err(problems)) => Error::Layers(problems),
        Err(error) => error,
    };
    tracing::error!(
        reason = chain(&error),
        "layers that were good cannot be brought back: they count as none"
    );
    None
}

/// Merges a set and leaves out what breaks a rule.
pub fn lenient(store: &Store, set: &LayerSet) -> Result<Result<Evaluation, Vec<Problem>>, Error> {
    let (layers, rules) = store.layers(set)?;
    Ok(Evaluation::lenient(&layers, &rules))
}

/// Sets of layers to send back: one alone, most suspect first, then more and more of them.
fn reversions(set: &LayerSet, good: &LayerSet, blamed: &[LayerName]) -> Vec<Vec<LayerName>> {
    let differing = set.differing(good);
    let mut order: Vec<LayerName> = blamed
        .iter()
        .copied()
        .filter(|name| differing.contains(name))
        .collect();
    for name in FIRST_TO_GO {
        if differing.contains(&name) && !order.contains(&name) {
            order.push(name);
        }
    }
    let alone = order.iter().map(|name| vec![*name]);
    let together = (2..=order.len()).map(|count| order[..count].to_vec());
    alone.chain(together).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ledger::LayerFile;
    use durable::Digest;

    fn set(layers: &[(LayerName, &str)]) -> LayerSet {
        let file = |text: &str| LayerFile {
            name: "a.json5".to_owned(),
            digest: Digest::of(text.as_bytes()),
        };
        LayerSet {
            layers: layers
                .iter()
                .map(|(name, text)| (*name, vec![file(text)]))
                .collect(),
            locks: None,
        }
    }

    #[test]
    fn the_blamed_layer_goes_back_first_then_the_user_then_the_operators() {
        use LayerName::{Base, Policy, User};
        let good = set(&[(Base, "1"), (User, "1"), (Policy, "1")]);
        let new = set(&[(Base, "2"), (User, "2"), (Policy, "1")]);
        assert_eq!(
            reversions(&new, &good, &[]),
            [vec![User], vec![Base], vec![User, Base]]
        );
        assert_eq!(
            reversions(&new, &good, &[Base, Policy]),
            [vec![Base], vec![User], vec![Base, User]]
        );
        assert!(reversions(&good, &good, &[Base]).is_empty());
    }
}
