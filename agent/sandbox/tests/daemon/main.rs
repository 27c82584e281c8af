//! The owner of the sandboxes against real daemons, the oldest and the newest that is supported.
//!
//! Each test has a daemon of its own, and they run one after another. Root and the daemons are needed: what is
//! missing fails, and says how to get it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that unwraps fails with its line, and says what it measured"
)]

mod foreign;
mod full_disk;
mod image;
mod listing;
mod passes;
mod proxy;
mod races;
mod restarts;
mod stage;
mod streams;
mod stuck;
mod support;

/// Makes a test of an async function for each daemon.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod oldest {
            $(#[tokio::test] async fn $test() { super::$test(crate::support::Version::Oldest).await })*
        }
        mod newest {
            $(#[tokio::test] async fn $test() { super::$test(crate::support::Version::Newest).await })*
        }
    };
}
use on_both;
