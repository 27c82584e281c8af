//! Files that are whole or absent: atomic writes, reads that follow no link, append-only records, one owner.
//!
//! In: paths and bytes. Out: bytes that were checked, or an error that says what was found instead.
//! Everything is synchronous, and nothing here trusts what it finds: other processes may have planted links,
//! pipes, devices or huge sparse files wherever we read or write. A planted thing is refused or replaced,
//! never followed and never waited for.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod blobs;
mod digest;
mod error;
mod line_reader;
mod lines;
mod mounted;
mod open;
mod owner;
mod read;
mod records;
mod write;

pub use blobs::Blobs;
pub use digest::{Digest, NotADigest};
pub use error::Error;
pub use line_reader::{FoundLine, LineReader, Snapshot};
pub use lines::{Line, Lines, Sink};
pub use mounted::{Found, read_mounted_dir, read_mounted_file};
pub use owner::Owner;
pub use read::{read_regular, read_tail};
pub use records::Records;
pub use write::{Target, Written};
