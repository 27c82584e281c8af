//! How often the document is put back against somebody who keeps changing it.
//!
//! A first edit is answered at once. One who comes again and again is answered ever later, so
//! that two programs do not burn the machine; the fight is counted and named.

use std::time::Duration;

use tokio::time::Instant;

/// So many edits in a row are answered at once.
const AT_ONCE: u32 = 5;
/// Quiet for so long ends a fight.
const OVER_AFTER: Duration = Duration::from_secs(60);
/// The longest that an answer is put off.
const LONGEST: Duration = Duration::from_secs(30);

/// The edits of late.
#[derive(Debug, Default)]
pub struct Fights {
    in_a_row: u32,
    last: Option<Instant>,
    due: Option<Instant>,
}

/// When an edit is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Now.
    Now,
    /// Now: it was put off, and is no new edit.
    Due,
    /// Later: it is a fight.
    Later(Duration),
    /// It was put off already.
    Waiting,
}

impl Fights {
    /// When a put-off answer is due.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes an edit in, and says when to answer it.
    pub fn edit(&mut self, now: Instant) -> Answer {
        if let Some(due) = self.due {
            if now < due {
                return Answer::Waiting;
            }
            self.due = None;
            self.last = Some(now);
            return Answer::Due;
        }
        let over = self
            .last
            .is_none_or(|last| now.duration_since(last) > OVER_AFTER);
        self.in_a_row = if over { 1 } else { self.in_a_row + 1 };
        self.last = Some(now);
        let Some(beyond) = self.in_a_row.checked_sub(AT_ONCE + 1) else {
            return Answer::Now;
        };
        let delay = Duration::from_millis(500)
            .saturating_mul(1 << beyond.min(6))
            .min(LONGEST);
        self.due = Some(now + delay);
        Answer::Later(delay)
    }

    /// Nothing to answer: the document is as it should be.
    pub fn peace(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_is_answered_ever_later_and_ends_with_quiet() {
        let start = Instant::now();
        let mut fights = Fights::default();
        let mut now = start;
        for _ in 0..AT_ONCE {
            assert_eq!(fights.edit(now), Answer::Now);
            now += Duration::from_millis(100);
        }
        assert_eq!(fights.edit(now), Answer::Later(Duration::from_millis(500)));
        assert_eq!(fights.edit(now), Answer::Waiting);
        now += Duration::from_millis(500);
        assert_eq!(fights.edit(now), Answer::Due, "the answer that was put off");
        assert_eq!(fights.edit(now), Answer::Later(Duration::from_secs(1)));
        now += OVER_AFTER + Duration::from_secs(31);
        assert_eq!(fights.edit(now), Answer::Due, "the put-off one");
        now += OVER_AFTER + Duration::from_secs(1);
        assert_eq!(fights.edit(now), Answer::Now, "quiet ended the fight");
    }
}
