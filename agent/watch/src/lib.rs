//! Directories that change: inotify, else polling, and it says which.
//!
//! In: paths of directories or files, which need not exist yet. Out: which of them may have changed.
//! A change is a hint to look, never a promise that there is something new; no change that stays is missed:
//! a lost event, a removed and recreated directory and a filesystem on which inotify is silent are all found.
//! Nothing here reads the contents of a file.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod change;
mod events;
mod fingerprint;
mod place;
mod rounds;
mod watcher;
mod watches;

pub use change::Change;
pub use watcher::{Mode, Settings, Watcher};
