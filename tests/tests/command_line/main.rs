//! The command line from outside: real files, exit codes, what is said and what is written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod change;
mod desk;
mod dump;
mod layers;
mod live;
mod look;
mod merge;
mod output;
mod sandboxes;
mod teller;
mod words;
