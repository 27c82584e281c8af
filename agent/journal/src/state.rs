use crate::Id;
use crate::head::{Head, Stamp};

/// Bytes of the file between two marks.
const SPACING: u64 = 32 * 1024;

/// What is remembered of the file besides the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The id of the newest epoch.
    pub(crate) id: Option<Id>,
    /// The highest number that was given, whether as entry or as a part of a gap.
    pub(crate) newest: u64,
    /// The oldest entry that is kept.
    pub(crate) oldest: Option<Stamp>,
    /// Up to where entries have been collected.
    pub(crate) acknowledged: u64,
    /// When entries were last dropped for their age.
    pub(crate) trimmed: Option<u64>,
    marks: Vec<Mark>,
}

/// A place in the file from which one can read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Where it is.
    pub(crate) at: u64,
    /// All numbers before it are at most this.
    pub(crate) newest: u64,
    /// The epoch that it is in.
    pub(crate) id: Option<Id>,
}

impl State {
    /// Takes a line into account that begins at `at`, behind all that were seen before.
    pub(crate) fn see(&mut self, at: u64, head: &Head) {
        if at >= self.marks.last().map_or(0, |mark| mark.at) + SPACING {
            self.marks.push(Mark {
                at,
                newest: self.newest,
                id: self.id,
            });
        }
        self.newest = self.newest.max(head.reach());
        match *head {
            Head::Entry(stamp) => {
                self.oldest.get_or_insert(stamp);
            }
            Head::Epoch { id, .. } => self.id = Some(id),
            Head::Acknowledged { number } => self.acknowledged = self.acknowledged.max(number),
            Head::Trimmed { at } => self.trimmed = Some(at),
            Head::Gap { .. } => {}
        }
    }

    /// Where to begin for what follows `number`.
    pub(crate) fn mark(&self, number: u64) -> Mark {
        let before = self.marks.partition_point(|mark| mark.newest <= number);
        let mark = before
            .checked_sub(1)
            .and_then(|index| self.marks.get(index));
        mark.copied().unwrap_or_default()
    }

    /// How many numbers that are kept wait to be acknowledged.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let Some(oldest) = self.oldest else { return 0 };
        let before = self.acknowledged.max(oldest.number.saturating_sub(1));
        self.newest.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(heads: &[Head]) -> State {
        let mut state = State::default();
        for (index, head) in heads.iter().enumerate() {
            state.see(index as u64 * 10_000, head);
        }
        state
    }

    fn entry(number: u64) -> Head {
        Head::Entry(Stamp {
            number,
            at: number * 10,
        })
    }

    #[test]
    fn lines_are_summed_up() {
        let id = Id::from(1);
        let state = seen(&[
            Head::Gap { from: 1, to: 4 },
            Head::Epoch {
                id,
                after: 4,
                at: 0,
            },
            entry(5),
            entry(6),
            Head::Acknowledged { number: 5 },
            Head::Gap { from: 7, to: 9 },
        ]);
        assert_eq!((state.id, state.newest), (Some(id), 9));
        assert_eq!(state.oldest, Some(Stamp { number: 5, at: 50 }));
        assert_eq!((state.acknowledged, state.unacknowledged()), (5, 4));
        assert_eq!(seen(&[Head::Acknowledged { number: 8 }]).newest, 8);
    }

    #[test]
    fn a_mark_lies_before_what_follows_a_number() {
        let heads: Vec<Head> = (1..=12).map(entry).collect();
        let state = seen(&heads);
        // The lines at 40,000 and 80,000 bytes are the entries 5 and 9.
        for (number, at) in [(0, 0), (3, 0), (4, 40_000), (7, 40_000), (8, 80_000)] {
            assert_eq!(state.mark(number).at, at, "{number}");
        }
        assert_eq!(state.mark(99).newest, 8);
    }
}
