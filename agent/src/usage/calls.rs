//! What happened inside of the gateway since the last look: calls of models, webhooks.
//!
//! The gateway keeps its last 1,000 records and numbers them. A number is lost where more came than it keeps; a new process
//! starts anew.

use openclaw::{Diagnostic, Stability};

/// Records that the gateway keeps.
const RING: u64 = 1000;

/// How far the records have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follower {
    /// The number of the last record that was read.
    since: Option<u64>,
    /// What the ring had lost then.
    dropped: u64,
    /// What names the process of the gateway.
    process: Option<String>,
    /// Whether it is the process that was followed so far.
    is_same: bool,
    /// Whether all that it has was before our time.
    has_past: bool,
}

/// What a look gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub events: Vec<Diagnostic>,
    /// Records that were gone before they were read: at least so many.
    pub missed: u64,
    /// Whether there is more to be had at once.
    pub again: bool,
}

impl Follower {
    /// A connection was made. `process` names what answers, as far as it tells; `older` is whether it lived before the agent
    /// did: what it did then has been counted by a predecessor.
    pub fn met(&mut self, process: Option<String>, older: bool) {
        let first = self.since.is_none() && self.process.is_none();
        if first {
            self.has_past = older;
        }
        if self.process.is_some() && process.is_some() && process != self.process {
            *self = Self {
                process,
                is_same: true,
                ..Self::default()
            };
            return;
        }
        // It may be another one that does not say so: its numbers tell.
        self.is_same = process.is_some() || first;
        self.process = process.or(self.process.take());
    }

    /// The number to ask from.
    pub fn from(&self) -> Option<u64> {
        self.since.filter(|_| self.is_same)
    }

    /// Takes the answer to a question from [`from`](Self::from).
    pub fn take(&mut self, answer: Stability) -> News {
        if !self.is_same {
            self.is_same = true;
            // The same process, whose records have been read up to a number: the question is put again from there.
            let known = self.since.is_some() && answer.last_seq >= self.since;
            if known && answer.dropped >= self.dropped {
                return News {
                    again: true,
                    ..News::default()
                };
            }
            self.since = None;
            self.dropped = 0;
        }
        let missed = self.missed(&answer);
        self.since = answer.last_seq.or(self.since);
        self.dropped = answer.dropped;
        if std::mem::take(&mut self.has_past) {
            return News::default();
        }
        News {
            events: answer.events,
            missed,
            again: false,
        }
    }

    fn missed(&self, answer: &Stability) -> u64 {
        let lost = answer.dropped.saturating_sub(self.dropped);
        if !answer.overrun || self.has_past || lost == 0 {
            return 0;
        }
        let Some(since) = self.since else { return lost };
        // What it lost first had been read: a full ring, or no more than there were numbers.
        let full = self.dropped > 0;
        let read = if full { RING } else { RING.min(since) };
        lost.saturating_sub(read).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(last: Option<u64>, dropped: u64, overrun: bool) -> Stability {
        Stability {
            first_seq: last,
            last_seq: last,
            dropped,
            overrun,
            events: vec![call()],
        }
    }

    fn call() -> Diagnostic {
        Diagnostic::ModelCall {
            provider: "p".to_owned(),
            model: "m".to_owned(),
            ok: true,
            failure_kind: None,
            duration_ms: Some(7),
            first_byte_ms: None,
        }
    }

    fn process(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn what_an_older_gateway_did_before_is_not_counted() {
        let mut follower = Follower::default();
        follower.met(process("a"), true);
        assert_eq!(follower.from(), None);
        assert_eq!(follower.take(answer(Some(500), 90, true)), News::default());
        assert_eq!(follower.from(), Some(500));
        assert_eq!(follower.take(answer(Some(501), 90, false)).events.len(), 1);
    }

    #[test]
    fn a_younger_gateway_is_read_from_its_start() {
        let mut follower = Follower::default();
        follower.met(process("a"), false);
        let news = follower.take(answer(Some(30), 0, false));
        assert_eq!((news.events.len(), news.missed), (1, 0));
        // Nothing new: the number stays.
        follower.take(answer(None, 0, false));
        assert_eq!(follower.from(), Some(30));
    }

    #[test]
    fn a_restart_inside_goes_on_and_a_new_process_starts_anew() {
        let mut follower = Follower::default();
        follower.met(process("a"), false);
        follower.take(answer(Some(700), 0, false));
        follower.met(process("a"), false);
        assert_eq!(follower.from(), Some(700));
        follower.met(process("b"), true);
        assert_eq!(follower.from(), None);
        let news = follower.take(answer(Some(900), 0, false));
        assert_eq!((news.events.len(), follower.from()), (1, Some(900)));
    }

    #[test]
    fn one_that_does_not_tell_is_known_by_its_numbers() {
        let mut follower = Follower::default();
        follower.met(None, false);
        follower.take(answer(Some(700), 5, false));
        follower.met(None, true);
        assert_eq!(follower.from(), None);
        let news = follower.take(answer(Some(710), 5, true));
        assert!(news.again && news.events.is_empty(), "{news:?}");
        assert_eq!(follower.from(), Some(700));
        assert_eq!(follower.take(answer(Some(710), 5, false)).events.len(), 1);
        for other in [answer(Some(12), 5, false), answer(Some(2000), 0, false)] {
            follower.met(None, true);
            let news = follower.take(other);
            assert!(!news.again && news.events.len() == 1, "{news:?}");
            follower.take(answer(Some(700), 5, false));
        }
    }

    #[test]
    fn what_is_gone_before_it_was_read_is_counted() {
        for (before, now, missed) in [
            // The ring was full, and 1,500 came: 500 are gone.
            ((Some(2000), 200), (Some(3600), 1700), 500),
            // As many came as there is room: perhaps none.
            ((Some(2000), 200), (Some(3000), 1200), 1),
            // It was not full: 300 at most had been read.
            ((Some(300), 0), (Some(1900), 400), 100),
            ((Some(300), 0), (Some(1300), 0), 0),
        ] {
            let mut follower = Follower::default();
            follower.met(process("a"), false);
            follower.take(answer(before.0, before.1, false));
            let news = follower.take(answer(now.0, now.1, true));
            assert_eq!(news.missed, missed, "{before:?} {now:?}");
        }
        let mut follower = Follower::default();
        follower.met(process("a"), false);
        assert_eq!(follower.take(answer(Some(3000), 77, true)).missed, 77);
    }
}
