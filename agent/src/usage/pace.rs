//! When something is asked: soon after something happened, else rarely.

use std::time::Duration;

/// How often one thing is asked. Times are since the start of the task.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The least time between two questions after something happened.
    busy: Duration,
    /// The time between two when nothing happens.
    idle: Duration,
    due: Duration,
    asked: Option<Duration>,
    is_stirred: bool,
}

impl Pace {
    /// A pace whose first question is due at once.
    pub fn new(busy: Duration, idle: Duration) -> Self {
        Self {
            busy,
            idle,
            due: Duration::ZERO,
            asked: None,
            is_stirred: false,
        }
    }

    /// Something happened: what was said may be old.
    pub fn stir(&mut self) {
        self.is_stirred = true;
    }

    /// Whether to ask now.
    pub fn is_due(&self, now: Duration) -> bool {
        let rested = self.asked.is_none_or(|asked| now >= asked + self.busy);
        now >= self.due || (self.is_stirred && rested)
    }

    /// It is asked now. Tells whether something had happened.
    pub fn ask(&mut self, now: Duration) -> bool {
        self.asked = Some(now);
        self.due = now + self.idle;
        std::mem::take(&mut self.is_stirred)
    }

    /// The answer was of no use: it is asked again after this time, whatever happens.
    pub fn retry(&mut self, now: Duration, after: Duration) {
        self.due = now + after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_is_asked_after_something_happened_else_rarely() {
        let mut pace = Pace::new(seconds(15), seconds(300));
        assert!(pace.is_due(seconds(0)));
        pace.ask(seconds(0));
        assert!(!pace.is_due(seconds(299)) && pace.is_due(seconds(300)));
        pace.stir();
        assert!(!pace.is_due(seconds(14)) && pace.is_due(seconds(15)));
        pace.ask(seconds(20));
        assert!(!pace.is_due(seconds(319)) && pace.is_due(seconds(320)));
        pace.retry(seconds(20), seconds(40));
        assert!(!pace.is_due(seconds(59)) && pace.is_due(seconds(60)));
    }
}
