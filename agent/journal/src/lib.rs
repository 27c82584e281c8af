//! The numbered journal of a pod: what a reader outside, who may be away for weeks, must not miss.
//!
//! In: payloads of one type, from any task, never waited for. Out: pages of numbered entries that are on the disk, and
//! gaps that say which numbers nobody will get. It knows nothing of the payload.
//!
//! Numbers rise by one, over all openings of the file. Each opening begins an epoch with a random id of its own, since a
//! volume that was put back from a copy goes on with numbers that were given already: a reader's [`Cursor`] is an id and
//! a number. A page shows only what a crash cannot take back, so no number is ever seen with two payloads under one id.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod backoff;
mod collect;
mod contents;
mod cursor;
mod damage;
mod error;
mod expiry;
mod file;
mod handle;
mod head;
mod id;
mod journal;
mod metrics;
mod page;
mod settings;
mod state;
mod trim;
mod view;
mod waiting;

pub use cursor::{Cursor, NotACursor};
pub use error::Error;
pub use handle::Handle;
pub use id::{Id, NotAnId};
pub use journal::Journal;
pub use metrics::Metrics;
pub use page::{Entry, Gap, MAX_PAGE, Page};
pub use settings::Settings;
pub use view::View;
