use std::collections::VecDeque;

use crate::head::{self, Head, Millis, Stamp};

/// Bytes of a line besides its payload, at most.
const AROUND: u64 = 112;

/// What is not on the disk yet, in order. Numbers are given when it is written.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    items: VecDeque<Item>,
    entries: usize,
    bytes: u64,
}

/// One that waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// To be an entry.
    Entry {
        /// When it was recorded.
        at: Millis,
        /// The payload's JSON.
        payload: String,
    },
    /// So many that are lost: to be a gap.
    Lost(u64),
}

impl Item {
    /// Its line, after the number `newest`.
    pub(crate) fn line(&self, newest: u64) -> (Head, Vec<u8>) {
        let number = newest + 1;
        match self {
            Self::Entry { at, payload } => {
                let stamp = Stamp { number, at: *at };
                (Head::Entry(stamp), head::entry(stamp, payload))
            }
            Self::Lost(count) => {
                let to = newest + count;
                let gap = Head::Gap { from: number, to };
                (gap, gap.to_json())
            }
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Entry { payload, .. } => payload.len() as u64 + AROUND,
            Self::Lost(_) => AROUND,
        }
    }
}

impl Waiting {
    pub(crate) fn push(&mut self, at: Millis, payload: String) {
        let item = Item::Entry { at, payload };
        self.entries += 1;
        self.bytes += item.bytes();
        self.items.push_back(item);
    }

    /// So many are lost after what waits.
    pub(crate) fn lose(&mut self, count: u64) {
        match self.items.back_mut() {
            _ if count == 0 => {}
            Some(Item::Lost(before)) => *before += count,
            _ => {
                let item = Item::Lost(count);
                self.bytes += item.bytes();
                self.items.push_back(item);
            }
        }
    }

    /// Keeps the first `max` entries; what came later is lost. Tells how many entries that are.
    pub(crate) fn cap(&mut self, max: usize) -> u64 {
        let mut lost = 0;
        let mut given_up = 0;
        while self.entries > max {
            match self.items.pop_back() {
                Some(item) => given_up += self.gone(&item, &mut lost),
                None => break,
            }
        }
        self.lose(given_up);
        lost
    }

    /// Takes the first `count` items away, which are on the disk; tells how many were entries.
    pub(crate) fn written(&mut self, count: usize) -> u64 {
        let mut entries = 0;
        for _ in 0..count {
            if let Some(item) = self.items.pop_front() {
                self.gone(&item, &mut entries);
            }
        }
        if self.items.is_empty() {
            // A burst does not hold its memory.
            self.items = VecDeque::new();
        }
        entries
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// How much it will take in the file, at most.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes an item out of the sums; tells how many numbers it stands for.
    fn gone(&mut self, item: &Item, entries: &mut u64) -> u64 {
        self.bytes -= item.bytes();
        match item {
            Item::Entry { .. } => {
                self.entries -= 1;
                *entries += 1;
                1
            }
            Item::Lost(count) => *count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(waiting: &Waiting) -> String {
        let item = |item: &Item| match item {
            Item::Entry { payload, .. } => payload.clone(),
            Item::Lost(count) => format!("-{count}"),
        };
        waiting.iter().map(item).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_does_not_fit_becomes_one_gap_behind_what_does() {
        let mut waiting = Waiting::default();
        for number in 0..4 {
            waiting.push(0, number.to_string());
            waiting.lose(number % 2);
            waiting.lose(number % 2);
        }
        assert_eq!(texts(&waiting), "0 1 -2 2 3 -2");
        assert_eq!(
            (waiting.cap(4), texts(&waiting).as_str()),
            (0, "0 1 -2 2 3 -2")
        );
        assert_eq!((waiting.cap(2), texts(&waiting).as_str()), (2, "0 1 -6"));
        waiting.push(0, "7".to_owned());
        assert_eq!((waiting.cap(2), texts(&waiting).as_str()), (1, "0 1 -7"));
        assert_eq!((waiting.written(2), waiting.entries()), (2, 0));
        assert_eq!((waiting.written(1), waiting.bytes()), (0, 0));
        assert!(waiting.is_empty());
    }

    #[test]
    fn no_line_is_longer_than_it_was_said_to_be() {
        let item = Item::Entry {
            at: u64::MAX >> 1,
            payload: "\"x\"".to_owned(),
        };
        for item in [item, Item::Lost(u64::MAX >> 2)] {
            let json = item.line(u64::MAX >> 2).1.len() as u64;
            assert!(durable::Sink::size_of(json) <= item.bytes());
        }
    }
}
