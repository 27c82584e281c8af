//! The journal as its callers have it: a handle, a task, a file.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bounds;
mod damage;
mod disk_full;
mod reading;
mod restored;
mod stage;
