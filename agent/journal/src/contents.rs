//! What readers see of the file.

use std::ops::ControlFlow;

use durable::Snapshot;
use serde::de::DeserializeOwned;

use crate::collect::Collector;
use crate::head::{self, Head};
use crate::page::{Gap, MAX_PAGE, Page};
use crate::state::State;
use crate::{Cursor, Error, Id};

/// What the file held at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    pub(crate) lines: Snapshot,
    pub(crate) state: State,
}

impl Contents {
    /// The page after a cursor, or the first one.
    pub(crate) fn page<T: DeserializeOwned>(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<T>, Error> {
        let (told, gap) = self.start(after)?;
        let mark = self.state.mark(told.unwrap_or(0));
        let limit = limit.clamp(1, MAX_PAGE);
        let mut collector = Collector::new(told, gap, mark.id, limit);
        walk(&self.lines, mark.at, |_, head, json| match head {
            Some(head) => collector.see(head, json.len(), || head::payload(json)),
            None => ControlFlow::Continue(()),
        })?;
        let collected = collector.finish(self.state.id, self.state.newest);
        Ok(Page {
            id: self.state.id,
            oldest: self.state.oldest.map(|oldest| oldest.number),
            newest: self.state.newest,
            acknowledged: self.state.acknowledged,
            gap: collected.gap,
            entries: collected.entries,
            next: collected.next,
            more: collected.more,
        })
    }

    /// The last number that was given under this id; `None` for one that is not known.
    pub(crate) fn epoch_end(&self, id: Id) -> Result<Option<u64>, Error> {
        if self.state.id == Some(id) {
            return Ok(Some(self.state.newest));
        }
        let mut found = false;
        let end = walk(&self.lines, 0, |_, head, _| match head {
            Some(Head::Epoch { after, .. }) if found => ControlFlow::Break(*after),
            Some(Head::Epoch { id: this, .. }) => {
                found = *this == id;
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        })?;
        Ok(end)
    }

    /// Up to which number of this file the reader knows everything (`None`: it wants what there is), and what it has to be
    /// told at once.
    fn start(&self, after: Option<Cursor>) -> Result<(Option<u64>, Option<Gap>), Error> {
        let Some(Cursor { id, number }) = after else {
            return Ok((None, None));
        };
        let Some(id) = id else {
            return Ok((Some(number), None));
        };
        let end = self.epoch_end(id)?;
        // Beyond the end of its epoch: the volume was put back from a copy, and the numbers were given anew.
        Ok(end.map_or((None, Some(Gap::Unknown)), |end| {
            (Some(number.min(end)), None)
        }))
    }
}

/// Goes over the whole lines from `from` on, until `each` breaks.
pub(crate) fn walk<B>(
    lines: &Snapshot,
    from: u64,
    mut each: impl FnMut(u64, Option<&Head>, &[u8]) -> ControlFlow<B>,
) -> Result<Option<B>, durable::Error> {
    let mut reader = lines.read_from(from);
    while let Some(line) = reader.read_line()? {
        // One that was damaged since leaves a hole in the numbers, which readers are told.
        let Some(json) = line.json else { continue };
        if let ControlFlow::Break(value) = each(line.at, Head::read(json).as_ref(), json) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}
