//! The journal's file, for its one writer. Everything waits for the disk.

use std::ops::ControlFlow;
use std::time::Duration;

use durable::{Line, Lines, Sink, Snapshot};

use crate::contents::{Contents, walk};
use crate::damage::Damage;
use crate::expiry::{self, Expiry};
use crate::head::{Head, Millis};
use crate::state::State;
use crate::trim::{self, Dropped};
use crate::waiting::Waiting;
use crate::{Cursor, Error, Id, Settings};

/// A file above this is not ours.
const READ_LIMIT: u64 = 64 * 1024 * 1024;

/// Bytes that a line without payload takes, at most.
const LINE: u64 = 128;

/// The open file.
#[derive(Debug)]
pub(crate) struct JournalFile {
    lines: Lines,
    settings: Settings,
    state: State,
    /// Lines that come before all others of this opening.
    beginning: Vec<Head>,
    tally: Tally,
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) entries: u64,
    pub(crate) writes: u64,
}

impl JournalFile {
    /// Opens the file or makes it. Its epoch is on the disk after the first [`write`](Self::write).
    pub(crate) fn open(settings: Settings, now: Millis) -> Result<Self, Error> {
        let id = Id::random()?;
        let mut state = State::default();
        let mut damage = Damage::default();
        let lines = Lines::open(&settings.path, READ_LIMIT, |line| {
            match line {
                Line::Whole { at, json } => {
                    if let Some(head) = Head::read(json) {
                        state.see(at, &head);
                    }
                }
                Line::Cut { json } => damage.see(state.newest, json),
            }
            Ok(())
        })?;
        lines.sweep()?;
        let mut beginning = damage.lines(state.newest);
        let after = state.newest.max(damage.reach());
        beginning.push(Head::Epoch { id, after, at: now });
        Ok(Self {
            lines,
            settings,
            state,
            beginning,
            tally: Tally::default(),
        })
    }

    /// Writes all that waits, with few fsyncs, and takes it out of there as far as it is on the disk.
    pub(crate) fn write(&mut self, waiting: &mut Waiting) -> Result<(), Error> {
        while !(waiting.is_empty() && self.beginning.is_empty()) {
            let count = self.write_some(waiting)?;
            self.tally.entries += waiting.written(count);
            self.tally.writes += 1;
        }
        Ok(())
    }

    /// Drops entries for their age, where it is time.
    pub(crate) fn expire(&mut self, now: Millis) -> Result<(), Error> {
        let max_age = millis(self.settings.max_age);
        let step = millis(self.settings.age_step());
        if !expiry::is_due(&self.state, now, max_age, step) {
            return Ok(());
        }
        let lines = self.lines.snapshot();
        let mut expiry = Expiry::new(now.saturating_sub(max_age), lines.len_bytes());
        let cut = walk(&lines, 0, |at, head, _| {
            if expiry.stays(at, head) {
                return ControlFlow::Break(at);
            }
            ControlFlow::Continue(())
        })?;
        self.drop_before(cut.unwrap_or(lines.len_bytes()), Some(now))
    }

    /// Remembers that everything up to here was collected; tells up to where that is.
    pub(crate) fn acknowledge(&mut self, cursor: Cursor) -> Result<u64, Error> {
        let number = self.collected(cursor)?;
        if number <= self.state.acknowledged {
            return Ok(self.state.acknowledged);
        }
        self.make_room(LINE)?;
        let head = Head::Acknowledged { number };
        let mut state = self.state.clone();
        self.lines.append(|sink| push(sink, &mut state, &head))?;
        self.state = state;
        Ok(number)
    }

    /// What the file holds now.
    pub(crate) fn contents(&self) -> Contents {
        Contents {
            lines: self.lines.snapshot(),
            state: self.state.clone(),
        }
    }

    /// What was written since the last time that this was asked.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// One append; tells how many of those that wait went with it.
    fn write_some(&mut self, waiting: &Waiting) -> Result<usize, Error> {
        let beginning = LINE * self.beginning.len() as u64;
        let room = (waiting.bytes() + beginning).min(self.settings.limit() / 4);
        self.make_room(room)?;
        let mut state = self.state.clone();
        let mut count = 0;
        let beginning = &self.beginning;
        self.lines.append(|sink| {
            for head in beginning {
                push(sink, &mut state, head)?;
            }
            for item in waiting.iter() {
                let (head, json) = item.line(state.newest);
                if sink.pushed_bytes() + Sink::size_of(json.len() as u64) > room {
                    break;
                }
                state.see(sink.push(&json)?, &head);
                count += 1;
            }
            Ok(())
        })?;
        self.state = state;
        self.beginning.clear();
        Ok(count)
    }

    /// Drops the oldest where so many bytes more would be too many.
    fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let limit = self.settings.limit();
        let len = self.lines.len_bytes();
        if len + bytes <= limit {
            return Ok(());
        }
        let acknowledged = self.state.acknowledged;
        let collected = walk(&self.lines.snapshot(), 0, |at, head, _| match head {
            Some(Head::Entry(stamp)) if stamp.number > acknowledged => ControlFlow::Break(at),
            _ => ControlFlow::Continue(()),
        })?;
        let cut = trim::cut_for_size(len, limit, collected.unwrap_or(len));
        self.drop_before(cut, None)
    }

    /// Rewrites the file without the lines that begin before `cut`, but for what must be known of them.
    fn drop_before(&mut self, cut: u64, trimmed: Option<Millis>) -> Result<(), Error> {
        let lines = self.lines.snapshot();
        let epochs = trim::epochs_kept(self.settings.limit());
        let mut dropped = Dropped::new(self.state.acknowledged, epochs);
        let from = walk(&lines, 0, |at, head, _| {
            if at >= cut {
                return ControlFlow::Break(at);
            }
            head.iter().for_each(|head| dropped.see(head));
            ControlFlow::Continue(())
        })?;
        let trimmed = trimmed.or(self.state.trimmed);
        let trimmed = trimmed.map(|at| Head::Trimmed { at });
        let mut state = State::default();
        let rewritten = self.lines.rewrite(|sink| {
            for head in trimmed.into_iter().chain(dropped.lines()) {
                push(sink, &mut state, &head)?;
            }
            let from = from.unwrap_or(lines.len_bytes());
            copy(&lines, from, sink, &mut state)
        });
        if let Err(error) = rewritten {
            self.look_again()?;
            return Err(error.into());
        }
        self.state = state;
        Ok(())
    }

    /// After a failed rewrite one reads what is there.
    fn look_again(&mut self) -> Result<(), Error> {
        let mut state = State::default();
        walk(&self.lines.snapshot(), 0, |at, head, _| {
            head.iter().for_each(|head| state.see(at, head));
            ControlFlow::<()>::Continue(())
        })?;
        self.state = state;
        Ok(())
    }

    /// The number of this file up to which a reader has everything who has read up to the cursor.
    fn collected(&self, cursor: Cursor) -> Result<u64, Error> {
        let id = cursor.id.ok_or(Error::NoId)?;
        let (number, newest) = (cursor.number, self.state.newest);
        if self.state.id == Some(id) && number > newest {
            return Err(Error::BeyondNewest { number, newest });
        }
        let end = self.contents().epoch_end(id)?;
        // What was read beyond its end was never in this copy of the volume.
        end.map(|end| number.min(end))
            .ok_or(Error::UnknownId { id })
    }
}

/// Copies the lines from `from` on, but for those of which only the last one counts.
fn copy(
    lines: &Snapshot,
    from: u64,
    sink: &mut Sink<'_>,
    state: &mut State,
) -> Result<(), durable::Error> {
    let failed = walk(lines, from, |_, head, json| {
        if let Some(Head::Acknowledged { .. } | Head::Trimmed { .. }) = head {
            return ControlFlow::Continue(());
        }
        match sink.push(json) {
            Ok(at) => {
                head.iter().for_each(|head| state.see(at, head));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    })?;
    failed.map_or(Ok(()), Err)
}

fn push(sink: &mut Sink<'_>, state: &mut State, head: &Head) -> Result<(), durable::Error> {
    state.see(sink.push(&head.to_json())?, head);
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::Gap;

    const DAY: u64 = 86_400_000;

    fn open(path: &Path) -> JournalFile {
        JournalFile::open(Settings::new(path.to_path_buf()), 0).unwrap()
    }

    /// Writes one entry for each of these days.
    fn write(file: &mut JournalFile, days: impl IntoIterator<Item = u64>) {
        let mut waiting = Waiting::default();
        for day in days {
            waiting.push(day * DAY, "\"x\"".to_owned());
        }
        file.write(&mut waiting).unwrap();
        assert!(waiting.is_empty());
    }

    /// The numbers that are kept, and the gap before them.
    fn kept(file: &JournalFile) -> (Vec<u64>, Option<Gap>) {
        let page = file.contents().page::<String>(None, 1_000).unwrap();
        assert!(!page.more);
        let numbers = page.entries.iter().map(|entry| entry.number);
        (numbers.collect(), page.gap)
    }

    #[test]
    fn old_entries_go_and_are_said_to_be_gone() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("journal");
        let mut file = open(&path);
        write(&mut file, 1..=100);
        file.expire(34 * DAY).unwrap();
        let gap = Some(Gap::Numbers { from: 1, to: 3 });
        assert_eq!(kept(&file), ((4..=100).collect(), gap));
        // Not again on the same day, also after a restart.
        file = open(&path);
        write(&mut file, []);
        file.expire(34 * DAY + DAY / 2).unwrap();
        assert_eq!(kept(&file).0.len(), 97);
        file.expire(35 * DAY).unwrap();
        let gap = Some(Gap::Numbers { from: 1, to: 4 });
        assert_eq!(kept(&file), ((5..=100).collect(), gap));
    }

    #[test]
    fn what_was_acknowledged_goes_without_a_gap() {
        let home = TempDir::new().unwrap();
        let mut file = open(&home.path().join("journal"));
        write(&mut file, [1, 2]);
        let id = file.state.id;
        file.acknowledge(Cursor { id, number: 2 }).unwrap();
        file.expire(90 * DAY).unwrap();
        file.expire(91 * DAY).unwrap();
        assert_eq!(kept(&file), (vec![], None));
        assert_eq!((file.state.newest, file.state.acknowledged), (2, 2));
        write(&mut file, [91]);
        assert_eq!(kept(&file), (vec![3], None));
    }

    #[test]
    fn a_clock_that_jumps_does_not_empty_the_journal() {
        let home = TempDir::new().unwrap();
        let mut file = open(&home.path().join("journal"));
        write(&mut file, [100; 80]);
        // Ahead by a year, for a day of looks once a minute: one look drops.
        for minute in 0..1_000 {
            file.expire(465 * DAY + minute * 60_000).unwrap();
        }
        let left = kept(&file).0.len();
        assert!((60..80).contains(&left), "{left}");
        // Back by a day: nothing goes, and what comes then is kept.
        write(&mut file, [99]);
        file.expire(99 * DAY).unwrap();
        assert_eq!(kept(&file).0.len(), left + 1);
        assert_eq!(kept(&file).0.last(), Some(&81));
        // Back to 1970: what is recorded then stays behind what is younger.
        write(&mut file, [0, 0, 0]);
        file.expire(101 * DAY).unwrap();
        assert_eq!(kept(&file).0.len(), left + 4);
    }

    #[test]
    fn epochs_are_known_after_their_entries_are_gone() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("journal");
        let mut file = open(&path);
        write(&mut file, [1, 1]);
        let first = file.state.id;
        file.acknowledge(Cursor {
            id: first,
            number: 2,
        })
        .unwrap();
        file = open(&path);
        write(&mut file, [50, 50]);
        file.expire(50 * DAY).unwrap();
        file.expire(51 * DAY).unwrap();
        assert_eq!(kept(&file), (vec![3, 4], None));
        let after = Cursor {
            id: first,
            number: 2,
        };
        let page = file.contents().page::<String>(Some(after), 9).unwrap();
        assert_eq!((page.entries.len(), page.gap), (2, None));
    }

    #[test]
    fn a_lowered_limit_is_held_with_the_next_write() {
        let home = TempDir::new().unwrap();
        let path = home.path().join("journal");
        let mut file = open(&path);
        write(&mut file, [1; 2_000]);
        let mut settings = Settings::new(path);
        settings.max_bytes = 32 * 1024;
        let mut file = JournalFile::open(settings, 0).unwrap();
        assert!(file.lines.len_bytes() > 64 * 1024);
        write(&mut file, [2]);
        assert!(file.lines.len_bytes() <= 32 * 1024);
        let (numbers, gap) = kept(&file);
        assert_eq!(numbers.last(), Some(&2_001));
        let to = numbers[0] - 1;
        assert_eq!(gap, Some(Gap::Numbers { from: 1, to }));
    }
}
