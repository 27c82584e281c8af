//! What became of changes, for who must not miss one: a view shows the last one only.

use agent_api::Outcome;

use super::engine::Engine;

/// A reader that is slower than so many changes misses the oldest, and is told.
pub(super) const WAITING: usize = 64;

/// What became of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// The document's generation then.
    pub generation: u64,
    /// How many problems the layers have.
    pub problems: u64,
}

impl Engine {
    /// Counts it, and tells who follows.
    pub(super) fn ended(&self, outcome: Outcome) {
        self.metrics.applied(outcome);
        let problems = self.view.borrow().problems.len();
        let verdict = Verdict {
            outcome,
            generation: self.written.as_ref().map_or(0, |written| written.number),
            problems: u64::try_from(problems).unwrap_or(u64::MAX),
        };
        // Nobody may follow.
        let _ = self.verdicts.send(verdict);
    }
}
