//! The names of sandboxes that a reader was told of: a removal is told after its sandbox is gone.

use std::collections::{BTreeMap, VecDeque};

use sandbox::{Id, SandboxChange, View};

/// So many names of sandboxes that are gone are kept: as many as events wait for a reader.
const GONE_MAX: usize = 256;

/// Names by id, also of those that went last.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<Id, String>,
    gone: VecDeque<Id>,
}

impl Names {
    /// Every name that is known.
    pub(super) fn known(&self) -> &BTreeMap<Id, String> {
        &self.known
    }

    /// These are there; of others, those that went last are still known.
    pub(super) fn see(&mut self, view: &View) {
        let gone = &self.gone;
        self.known.retain(|id, _| gone.contains(id));
        for shown in view.sandboxes.iter() {
            let facts = &shown.sandbox.facts;
            self.known.insert(facts.id, facts.name.clone());
        }
    }

    /// A sandbox changed.
    pub(super) fn hear(&mut self, id: Id, name: &str, change: SandboxChange) {
        self.known.insert(id, name.to_owned());
        if change == SandboxChange::Gone {
            self.gone.push_back(id);
        }
        while self.gone.len() > GONE_MAX {
            let oldest = self.gone.pop_front();
            oldest.and_then(|id| self.known.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbox::State;

    use super::*;

    fn id(n: usize) -> Id {
        Id::parse(&format!("{n:064x}")).unwrap()
    }

    #[test]
    fn who_went_last_has_a_name_and_nobody_else_that_is_gone() {
        let mut names = Names::default();
        names.hear(id(9999), "lives", SandboxChange::Appeared(State::Running));
        for n in 0..GONE_MAX + 5 {
            names.hear(id(n), "went", SandboxChange::Appeared(State::Running));
            names.hear(id(n), "went", SandboxChange::Gone);
        }
        assert_eq!(names.known().len(), GONE_MAX + 1);
        assert_eq!(names.known().get(&id(4)), None);
        assert_eq!(names.known()[&id(5)], "went");
        assert_eq!(names.known()[&id(9999)], "lives");
        names.see(&View::default());
        assert_eq!(names.known().get(&id(9999)), None);
        assert_eq!(names.known().len(), GONE_MAX);
    }
}
