//! Which entries are too old, by a clock that may be wrong by days.

use crate::head::{Head, Millis};
use crate::state::State;

/// Of the file, so much goes at one time for its age, so that a wrong clock does not empty it at once.
const SHARE: u64 = 8;

/// Whether it is time to drop entries for their age: the oldest is older than `max_age`, and the last time was `step` ago.
pub(crate) fn is_due(state: &State, now: Millis, max_age: u64, step: u64) -> bool {
    let old = state
        .oldest
        .is_some_and(|oldest| oldest.at < now.saturating_sub(max_age));
    // A last time in the future was told by a wrong clock.
    let rested = state
        .trimmed
        .is_none_or(|last| now < last || now - last >= step);
    old && rested
}

/// Finds the place up to which entries go.
#[derive(Debug)]
pub(crate) struct Expiry {
    before: Millis,
    max_bytes: u64,
    any: bool,
}

impl Expiry {
    /// For a file of `len` bytes, of which entries from before `before` go.
    pub(crate) fn new(before: Millis, len: u64) -> Self {
        Self {
            before,
            max_bytes: len / SHARE,
            any: false,
        }
    }

    /// Whether the line that begins at `at` is the first that stays. An entry that looks too old, behind one that does
    /// not, has a time of a clock that was set back: it stays as well.
    pub(crate) fn stays(&mut self, at: u64, head: Option<&Head>) -> bool {
        let Some(Head::Entry(stamp)) = head else {
            return false;
        };
        if stamp.at >= self.before || (self.any && at >= self.max_bytes) {
            return true;
        }
        self.any = true;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Stamp;

    const DAY: u64 = 86_400_000;

    fn state(oldest: Option<u64>, trimmed: Option<u64>) -> State {
        let mut state = State::default();
        state.oldest = oldest.map(|at| Stamp { number: 1, at });
        state.trimmed = trimmed;
        state
    }

    #[test]
    fn a_look_at_age_is_due_once_a_day() {
        let now = 100 * DAY;
        for (oldest, trimmed, due) in [
            (None, None, false),
            (Some(60 * DAY), None, true),
            (Some(70 * DAY), None, false),
            (Some(60 * DAY), Some(99 * DAY), true),
            (Some(60 * DAY), Some(99 * DAY + 1), false),
            (Some(60 * DAY), Some(140 * DAY), true),
            (Some(140 * DAY), Some(99 * DAY), false),
        ] {
            let state = state(oldest, trimmed);
            assert_eq!(is_due(&state, now, 30 * DAY, DAY), due, "{state:?}");
        }
    }

    /// How many of ten entries, each of 100 bytes and of these days, go.
    fn gone(days: [u64; 10], before: u64) -> usize {
        let mut expiry = Expiry::new(before * DAY, 1_000);
        let heads = days.map(|day| {
            Head::Entry(Stamp {
                number: 0,
                at: day * DAY,
            })
        });
        let mut numbered = (0..).zip(&heads);
        let staying = numbered.position(|(index, head)| expiry.stays(index * 100, Some(head)));
        staying.unwrap_or(10)
    }

    #[test]
    fn the_oldest_go_in_order_and_never_many() {
        for (days, before, expected) in [
            ([1, 8, 8, 8, 8, 8, 8, 8, 8, 8], 5, 1),
            ([6, 8, 8, 8, 8, 8, 8, 8, 8, 8], 5, 0),
            // The clock went forward: all look old.
            ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 90, 2),
            // It was set back: the future holds the rest.
            ([9, 1, 1, 1, 1, 1, 1, 1, 1, 1], 5, 0),
            ([1, 9, 1, 1, 1, 1, 1, 1, 1, 1], 5, 1),
        ] {
            assert_eq!(gone(days, before), expected, "{days:?}");
        }
    }
}
