use crate::head::Head;

/// What is known of lines that were cut off.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    reach: u64,
    acknowledged: u64,
}

impl Damage {
    /// Takes the next of them into account, behind whole ones that went up to the number `newest`.
    pub(crate) fn see(&mut self, newest: u64, json: Option<&[u8]>) {
        self.reach = self.reach.max(newest);
        match json.and_then(Head::read) {
            Some(Head::Acknowledged { number }) => self.acknowledged = number,
            Some(head) => self.reach = self.reach.max(head.reach()),
            // It may have been the next entry.
            None => self.reach += 1,
        }
    }

    /// The highest number that may have been given in there.
    pub(crate) fn reach(&self) -> u64 {
        self.reach.max(self.acknowledged)
    }

    /// The lines that take their place behind the number `newest`.
    pub(crate) fn lines(&self, newest: u64) -> Vec<Head> {
        let (from, to) = (newest + 1, self.reach());
        let gap = (from <= to).then_some(Head::Gap { from, to });
        let acknowledged = (self.acknowledged > 0).then_some(Head::Acknowledged {
            number: self.acknowledged,
        });
        gap.into_iter().chain(acknowledged).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Stamp, entry};

    #[test]
    fn numbers_that_may_have_been_given_are_a_gap() {
        let line = |number| entry(Stamp { number, at: 0 }, "1");
        let (seven, acknowledged) = (line(7), Head::Acknowledged { number: 5 });
        for (lines, gap) in [
            (vec![], None),
            (vec![None], Some(5)),
            (vec![None, Some(&seven[..])], Some(7)),
            (vec![None, Some(&seven), None, None], Some(9)),
        ] {
            let mut damage = Damage::default();
            lines.iter().for_each(|json| damage.see(4, *json));
            let expected = gap.map(|to| Head::Gap { from: 5, to });
            assert_eq!(damage.lines(4), Vec::from_iter(expected));
        }
        let mut damage = Damage::default();
        damage.see(4, None);
        damage.see(4, Some(&acknowledged.to_json()));
        assert_eq!(
            damage.lines(4),
            [Head::Gap { from: 5, to: 5 }, acknowledged]
        );
    }
}
