//! What the kernel says of a control group: version 1, version 2, and both side by side.
//!
//! In: a process. Out: a [`Cgroup`], whose readings are each there or not: a number that the
//! kernel does not tell is never replaced by one of ours. Nothing is written, no file stays open,
//! and what is read is bounded.
//!
//! The group at the root of a hierarchy is no group: its numbers are the machine's. Inside a
//! container with a namespace of its own the container's group looks like the root, and is told
//! apart by the files it has.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod group;
mod parse;
mod place;
mod readings;

pub use group::Cgroup;
pub use readings::{Cpu, Memory, Pids};
