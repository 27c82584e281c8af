//! What is gone: a late word about it must not bring it back.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::Moment;

/// The most that is remembered; the daemon's events are never so late.
const DEPARTED_MAX: usize = 4096;

/// Ids of what is gone, each with the moment it went.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Departed<T: Eq + Hash> {
    moments: HashMap<T, Moment>,
    order: VecDeque<T>,
}

impl<T: Eq + Hash> Default for Departed<T> {
    fn default() -> Self {
        Self {
            moments: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Departed<T> {
    /// It is gone; where that is known already, the first moment stays.
    pub(crate) fn note(&mut self, what: T, now: Moment) {
        if self.moments.contains_key(&what) {
            return;
        }
        if self.order.len() == DEPARTED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.moments.remove(&oldest);
        }
        self.moments.insert(what, now);
        self.order.push_back(what);
    }

    /// Whether it is known to be gone.
    pub(crate) fn has(&self, what: &T) -> bool {
        self.moments.contains_key(what)
    }

    /// Forgets what went before a moment: who was asked since then knows it by himself.
    pub(crate) fn forget_until(&mut self, moment: Moment) {
        let moments = &mut self.moments;
        self.order.retain(|what| {
            let stays = moments.get(what).is_some_and(|went| *went > moment);
            if !stays {
                moments.remove(what);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_first() {
        let mut departed = Departed::default();
        for n in 0..=DEPARTED_MAX {
            departed.note(n, Moment::default());
            departed.note(n, Moment::default());
        }
        assert!(!departed.has(&0));
        assert!(departed.has(&1) && departed.has(&DEPARTED_MAX));
        assert_eq!(departed.order.len(), DEPARTED_MAX);
        assert_eq!(departed.moments.len(), DEPARTED_MAX);
    }

    #[test]
    fn what_went_later_is_kept() {
        let mut departed = Departed::default();
        departed.note('a', Moment::from_millis(1));
        departed.note('b', Moment::from_millis(2));
        departed.forget_until(Moment::from_millis(1));
        assert!(!departed.has(&'a') && departed.has(&'b'));
    }
}
