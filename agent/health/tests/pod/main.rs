//! What is told of a pod, what is done about it, and what is said of its end.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod cases;
mod cures;
mod damping;
mod deaths;
mod documented;
mod exits;
mod judging;
mod outcomes;
mod properties;
mod simulation;
mod stage;
