//! Starts one child process and lives as its parent.
//!
//! In: a command, the user it runs as, directories it must see read-only, and [`Command`]s from
//! the caller. Out: a [`Status`] that says what the child does and how it last ended.
//!
//! The crate knows nothing of what the child is. It never installs handlers for the signals that
//! end a process (the caller turns them into [`Command::Drain`]), it never puts a pipe between
//! itself and the child (a child must outlive a killed supervisor), and it never starts a second
//! child while one that a predecessor left is alive: that one is adopted.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod ask;
mod backoff;
mod command;
pub mod confine;
mod console;
mod echo;
mod error;
mod exit;
mod group;
mod launch;
mod leftovers;
mod life;
mod mounts;
mod probe;
mod process;
mod readiness;
mod reaper;
mod record;
mod settings;
mod stat;
mod status;
mod supervisor;

pub use ask::ask;
pub use command::{Command, Signal};
pub use error::Error;
pub use exit::{Exit, How, Killer, OomKill};
pub use launch::left_alive;
pub use probe::{Protection, probe};
pub use settings::{ConsoleSettings, RunAs, Settings};
pub use status::{State, Status};
pub use supervisor::{Handle, Supervisor};
