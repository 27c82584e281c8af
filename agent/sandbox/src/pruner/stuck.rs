//! What would not go: it is tried again later, each time later still.

use std::collections::HashMap;
use std::time::Duration;

use crate::{Moment, Target};

/// The pause after the first failure.
const FIRST: Duration = Duration::from_secs(60);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Things that would not go.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    of: HashMap<Target, Entry>,
}

#[derive(Debug)]
struct Entry {
    failures: u32,
    until: Moment,
}

impl Stuck {
    /// Whether its pause is not over.
    pub(crate) fn holds(&self, target: &Target, now: Moment) -> bool {
        self.of.get(target).is_some_and(|entry| now < entry.until)
    }

    /// It failed again. Tells whether that is the first time.
    pub(crate) fn failed(&mut self, target: &Target, now: Moment) -> bool {
        let entry = self.of.entry(target.clone()).or_insert(Entry {
            failures: 0,
            until: now,
        });
        let pause = FIRST.saturating_mul(1 << entry.failures.min(16));
        entry.failures = entry.failures.saturating_add(1);
        entry.until = now.plus(pause.min(LONGEST));
        entry.failures == 1
    }

    /// Forgets all that is no longer to go.
    pub(crate) fn keep<'a>(&mut self, decided: impl Iterator<Item = &'a Target>) {
        if self.of.is_empty() {
            return;
        }
        let decided: std::collections::HashSet<&Target> = decided.collect();
        self.of.retain(|target, _| decided.contains(target));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_the_first_failure_is_told() {
        let target = Target::Volume("v".to_owned());
        let mut stuck = Stuck::default();
        let mut now = Moment::from_millis(0);
        assert!(!stuck.holds(&target, now));
        let mut pauses = Vec::new();
        for round in 0..9 {
            assert_eq!(stuck.failed(&target, now), round == 0);
            let began = now;
            while stuck.holds(&target, now) {
                now = now.plus(Duration::from_secs(30));
            }
            pauses.push(now.since(began).as_secs());
        }
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn what_is_no_longer_to_go_is_forgotten() {
        let (a, b) = (Target::Image("a".to_owned()), Target::Image("b".to_owned()));
        let mut stuck = Stuck::default();
        let now = Moment::default();
        stuck.failed(&a, now);
        stuck.failed(&b, now);
        stuck.keep([&b].into_iter());
        assert!(!stuck.holds(&a, now) && stuck.holds(&b, now));
        assert!(!stuck.failed(&b, now) && stuck.failed(&a, now));
    }
}
