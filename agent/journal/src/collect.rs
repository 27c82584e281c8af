//! A page from the lines of the file.

use std::ops::ControlFlow;

use crate::head::Head;
use crate::page::{Entry, Gap};
use crate::{Cursor, Id};

/// Bytes of lines in one page; only its first entry may be longer.
const MAX_BYTES: usize = 256 * 1024;

/// Gathers entries up to a limit, or up to the next gap.
#[derive(Debug)]
pub(crate) struct Collector<T> {
    /// The reader knows all up to here; `None` before anything is known of where it begins.
    told: Option<u64>,
    gap: Option<Gap>,
    id: Option<Id>,
    limit: usize,
    bytes: usize,
    entries: Vec<Entry<T>>,
    more: bool,
}

/// What was gathered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Collected<T> {
    pub(crate) gap: Option<Gap>,
    pub(crate) entries: Vec<Entry<T>>,
    pub(crate) next: Cursor,
    pub(crate) more: bool,
}

impl<T> Collector<T> {
    pub(crate) fn new(told: Option<u64>, gap: Option<Gap>, id: Option<Id>, limit: usize) -> Self {
        Self {
            told,
            gap,
            id,
            limit,
            bytes: 0,
            entries: Vec::new(),
            more: false,
        }
    }

    /// Takes the next line, whose payload is read only where it is wanted; breaks when the page is complete.
    pub(crate) fn see(
        &mut self,
        head: &Head,
        bytes: usize,
        payload: impl FnOnce() -> Option<T>,
    ) -> ControlFlow<()> {
        match *head {
            Head::Epoch { id, .. } => self.id = Some(id),
            Head::Gap { from, to } => self.miss(from, to)?,
            Head::Entry(stamp) if self.told.is_none_or(|told| stamp.number > told) => {
                let number = stamp.number;
                self.miss(number, number - 1)?;
                if self.is_full(bytes) {
                    return self.stop();
                }
                let Some(payload) = payload() else {
                    return self.miss(number, number);
                };
                self.bytes += bytes;
                self.told = Some(number);
                self.entries.push(Entry {
                    id: self.id,
                    number,
                    at: stamp.at,
                    payload,
                });
            }
            Head::Entry(_) | Head::Acknowledged { .. } | Head::Trimmed { .. } => {}
        }
        ControlFlow::Continue(())
    }

    /// The page, when the lines are over, of a journal with this newest id and number.
    pub(crate) fn finish(mut self, id: Option<Id>, newest: u64) -> Collected<T> {
        if !self.more {
            // What was dropped behind the last line, having been acknowledged by another reader.
            let _ = self.miss(newest + 1, newest);
        }
        let next = match self.told {
            Some(number) if self.more => Cursor {
                id: self.id,
                number,
            },
            _ => Cursor { id, number: newest },
        };
        Collected {
            gap: self.gap,
            entries: self.entries,
            next,
            more: self.more,
        }
    }

    /// Everything up to `to` that was not told is missing; where nothing was told, everything from `from` on. A gap is said
    /// before the entries of a page, so it ends one that has some.
    fn miss(&mut self, from: u64, to: u64) -> ControlFlow<()> {
        let from = self.told.map_or(from, |told| told + 1);
        if to < from {
            return ControlFlow::Continue(());
        }
        if !self.entries.is_empty() {
            return self.stop();
        }
        self.told = Some(to);
        self.gap = Some(match self.gap {
            Some(Gap::Unknown) => Gap::Unknown,
            Some(Gap::Numbers { from, .. }) => Gap::Numbers { from, to },
            None => Gap::Numbers { from, to },
        });
        ControlFlow::Continue(())
    }

    fn is_full(&self, bytes: usize) -> bool {
        let full = self.entries.len() >= self.limit || self.bytes + bytes > MAX_BYTES;
        full && !self.entries.is_empty()
    }

    fn stop(&mut self) -> ControlFlow<()> {
        self.more = true;
        ControlFlow::Break(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Stamp;

    fn entry(number: u64) -> Head {
        Head::Entry(Stamp { number, at: 0 })
    }

    fn epoch(id: u128, after: u64) -> Head {
        let id = Id::from(id);
        Head::Epoch { id, after, at: 0 }
    }

    const fn gap(from: u64, to: u64) -> Head {
        Head::Gap { from, to }
    }

    /// The page in short: its gap, its numbers, where it goes on, `+` where there is more.
    fn page(heads: &[Head], told: Option<u64>, limit: usize) -> String {
        let mut collector = Collector::new(told, None, None, limit);
        for head in heads {
            // The payload of 13 is of another shape.
            let payload = || (*head != entry(13)).then_some(());
            if collector.see(head, 10, payload).is_break() {
                break;
            }
        }
        let newest = heads.iter().map(Head::reach).max().unwrap_or(0);
        let collected = collector.finish(Some(Id::from(9)), newest);
        let mut words = Vec::new();
        if let Some(Gap::Numbers { from, to }) = collected.gap {
            words.push(format!("[{from}-{to}]"));
        }
        let numbers = collected.entries.iter().map(|entry| entry.number);
        words.extend(numbers.map(|number| number.to_string()));
        let next = collected.next.to_string();
        let more = if collected.more { "+" } else { "" };
        words.push(format!("{}{more}", next.trim_start_matches('0')));
        words.join(" ")
    }

    #[test]
    fn a_page_has_what_follows_and_says_what_is_missing() {
        let plain = [epoch(1, 0), entry(1), entry(2), epoch(2, 2), entry(3)];
        let cut = [
            epoch(1, 0),
            gap(1, 4),
            entry(5),
            gap(6, 7),
            gap(8, 8),
            entry(9),
        ];
        let collected = [epoch(1, 0), Head::Acknowledged { number: 4 }, entry(5)];
        let odd = [epoch(1, 11), entry(12), entry(13), entry(14)];
        let all_gone = [epoch(1, 0), Head::Acknowledged { number: 4 }];
        for (heads, told, limit, expected) in [
            (&plain[..], None, 9, "1 2 3 9:3"),
            (&plain, Some(0), 2, "1 2 2:2+"),
            (&plain, Some(0), 1, "1 1:1+"),
            (&plain, Some(2), 9, "3 9:3"),
            (&plain, Some(3), 9, "9:3"),
            (&plain, Some(8), 9, "9:3"),
            (&[], None, 9, "9:0"),
            (&cut, None, 9, "[1-4] 5 1:5+"),
            (&cut, Some(2), 9, "[3-4] 5 1:5+"),
            (&cut, Some(5), 9, "[6-8] 9 9:9"),
            (&cut, Some(7), 9, "[8-8] 9 9:9"),
            (&cut[..4], Some(5), 9, "[6-7] 9:7"),
            // Another reader has acknowledged 1 to 4: no loss, but this one will not get them.
            (&collected, None, 9, "5 9:5"),
            (&collected, Some(1), 9, "[2-4] 5 9:5"),
            (&all_gone, None, 9, "9:4"),
            (&all_gone, Some(1), 9, "[2-4] 9:4"),
            // One that a newer version wrote.
            (&odd, Some(11), 9, "12 1:12+"),
            (&odd, Some(12), 9, "[13-13] 14 9:14"),
        ] {
            assert_eq!(page(heads, told, limit), expected, "{heads:?} {told:?}");
        }
    }

    #[test]
    fn a_page_is_bounded_in_bytes_but_never_empty_for_it() {
        for (bytes, expected) in [(MAX_BYTES * 2, 1), (MAX_BYTES / 2, 2), (1, 3)] {
            let mut collector = Collector::new(None, None, None, 9);
            for number in 1..=3 {
                if collector.see(&entry(number), bytes, || Some(())).is_break() {
                    break;
                }
            }
            let collected = collector.finish(None, 3);
            assert_eq!(collected.entries.len(), expected);
            assert_eq!(collected.more, expected < 3);
        }
    }
}
