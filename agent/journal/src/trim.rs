//! Which part of a full file goes, and what stays of it.

use std::collections::VecDeque;

use crate::head::Head;

/// Where to cut a full file of `len` bytes, whose lines up to `collected` were acknowledged: the newest half stays, and
/// more of it where dropping what was acknowledged makes room enough.
pub(crate) fn cut_for_size(len: u64, limit: u64, collected: u64) -> u64 {
    let half = len.saturating_sub(limit / 2);
    if len.saturating_sub(collected) <= limit / 8 * 5 {
        return collected.min(half);
    }
    half
}

/// How many epochs are remembered whose entries are gone.
pub(crate) fn epochs_kept(limit: u64) -> usize {
    usize::try_from(limit / 4096).unwrap_or(64).clamp(4, 64)
}

/// What stays of lines that are dropped.
#[derive(Debug)]
pub(crate) struct Dropped {
    acknowledged: u64,
    epochs: VecDeque<Head>,
    max_epochs: usize,
    gap: Option<(u64, u64)>,
}

impl Dropped {
    pub(crate) fn new(acknowledged: u64, max_epochs: usize) -> Self {
        Self {
            acknowledged,
            epochs: VecDeque::new(),
            max_epochs,
            gap: None,
        }
    }

    /// Takes the next line into account that goes.
    pub(crate) fn see(&mut self, head: &Head) {
        match *head {
            Head::Entry(stamp) => self.lose(stamp.number, stamp.number),
            Head::Gap { from, to } => self.lose(from, to),
            Head::Epoch { .. } => {
                self.epochs.push_back(*head);
                if self.epochs.len() > self.max_epochs {
                    self.epochs.pop_front();
                }
            }
            Head::Acknowledged { .. } | Head::Trimmed { .. } => {}
        }
    }

    /// The lines that take the place of what went.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Head> {
        let acknowledged = (self.acknowledged > 0).then_some(Head::Acknowledged {
            number: self.acknowledged,
        });
        let gap = self.gap.map(|(from, to)| Head::Gap { from, to });
        let epochs = self.epochs.iter().copied();
        epochs.chain(acknowledged).chain(gap)
    }

    /// Numbers that nobody will get. Those that were acknowledged are no loss.
    fn lose(&mut self, from: u64, to: u64) {
        if to <= self.acknowledged {
            return;
        }
        let from = from.max(self.acknowledged + 1);
        self.gap = Some((self.gap.map_or(from, |(first, _)| first), to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Id;
    use crate::head::Stamp;

    #[test]
    fn what_was_acknowledged_goes_first() {
        for (len, collected, cut) in [
            // Nothing acknowledged, little, enough, all.
            (1_000, 0, 500),
            (1_000, 300, 500),
            (1_000, 400, 400),
            (1_000, 1_000, 500),
            // The limit was lowered.
            (5_000, 0, 4_500),
            (5_000, 4_400, 4_400),
        ] {
            assert_eq!(cut_for_size(len, 1_000, collected), cut);
        }
    }

    fn after(acknowledged: u64, heads: &[Head]) -> Vec<Head> {
        let mut dropped = Dropped::new(acknowledged, 2);
        heads.iter().for_each(|head| dropped.see(head));
        dropped.lines().collect()
    }

    fn entry(number: u64) -> Head {
        Head::Entry(Stamp { number, at: 0 })
    }

    fn epoch(id: u128, after: u64) -> Head {
        let id = Id::from(id);
        Head::Epoch { id, after, at: 0 }
    }

    #[test]
    fn what_was_not_acknowledged_leaves_one_gap() {
        let heads = [Head::Gap { from: 1, to: 4 }, entry(5), entry(6)];
        assert_eq!(after(0, &heads), [Head::Gap { from: 1, to: 6 }]);
        for (number, gap) in [(2, Some((3, 6))), (5, Some((6, 6))), (6, None), (9, None)] {
            let mut expected = vec![Head::Acknowledged { number }];
            expected.extend(gap.map(|(from, to)| Head::Gap { from, to }));
            assert_eq!(after(number, &heads), expected);
        }
    }

    #[test]
    fn the_newest_epochs_are_remembered() {
        let heads = [epoch(1, 0), epoch(2, 0), entry(1), epoch(3, 1)];
        let gap = Head::Gap { from: 1, to: 1 };
        assert_eq!(after(0, &heads), [epoch(2, 0), epoch(3, 1), gap]);
    }
}
