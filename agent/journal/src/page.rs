use crate::head::Millis;
use crate::{Cursor, Id};

/// The most entries that one page has.
pub const MAX_PAGE: usize = 1_000;

/// A part of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The id of the newest epoch; absent only before the first one could be written.
    pub id: Option<Id>,
    /// The number of the oldest entry that is kept.
    pub oldest: Option<u64>,
    /// The highest number that was given.
    pub newest: u64,
    /// Up to where entries were acknowledged.
    pub acknowledged: u64,
    /// What is missing before the entries of this page.
    pub gap: Option<Gap>,
    /// Entries in order, with nothing missing between them.
    pub entries: Vec<Entry<T>>,
    /// Where to read on, and what to acknowledge when this page is safe.
    pub next: Cursor,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// One thing that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// The epoch in which it got its number; absent only where that line of the file was damaged.
    pub id: Option<Id>,
    /// Its number.
    pub number: u64,
    /// When it was recorded, in milliseconds since 1970 by the clock of that time.
    pub at: Millis,
    /// What it is.
    pub payload: T,
}

/// What a reader will never get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// These numbers: dropped before they were collected, lost while the disk was full, or damaged.
    Numbers {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Nobody can tell: the id that the reader came with is not known here.
    Unknown,
}
