use crate::Id;
use crate::contents::Contents;

/// The journal in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The id of the newest epoch on the disk; absent only before the first one could be written.
    pub id: Option<Id>,
    /// The number of the oldest entry that is kept.
    pub oldest: Option<u64>,
    /// The highest number that was given; 0 before the first.
    pub newest: u64,
    /// Up to where entries were acknowledged; 0 before the first time.
    pub acknowledged: u64,
    /// How long the file is.
    pub bytes: u64,
    /// Entries that were lost since the process began.
    pub lost: u64,
    /// Entries that wait to be written.
    pub waiting: usize,
    /// The reason where it cannot be written now.
    pub writable: Result<(), String>,
}

impl View {
    /// What the file shows, of a journal that can be written and has lost nothing.
    pub(crate) fn of(contents: &Contents) -> Self {
        let state = &contents.state;
        Self {
            id: state.id,
            oldest: state.oldest.map(|oldest| oldest.number),
            newest: state.newest,
            acknowledged: state.acknowledged,
            bytes: contents.lines.len_bytes(),
            lost: 0,
            waiting: 0,
            writable: Ok(()),
        }
    }
}
