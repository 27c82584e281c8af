//! The sidecar beside an OpenClaw gateway.
mod config;
mod gateway;
fn main() {}
