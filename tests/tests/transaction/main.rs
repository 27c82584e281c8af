//! Config as a transaction, told on real gateways: few gateways, many steps each.
//!
//! `PILOTFISH_STEP=word` plays only the steps whose title has the word.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::print_stderr,
    reason = "how long each step took, and what the gateway keeps"
)]

mod older;
mod refused;
mod restored;
mod scene;
mod secrets;
mod shared;
mod sidecar;
mod started;
mod supervised;
mod undone;
