//! The parts that speak over real sockets.
#![allow(clippy::unwrap_used)]

mod bearer;
mod listener;
mod peer;
mod tls;
