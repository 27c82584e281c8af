//! The sidecar beside an OpenClaw gateway: configuration as a transaction.
//!
//! `cli` is what an operator types, `app` joins the components, `http` is the way in from
//! outside. The components: `config` owns the document, `gateway` speaks to OpenClaw, `secrets`
//! carries secrets over, `sandbox` owns the daemon that the gateway's sandboxes run in.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod app;
pub mod cli;
mod config;
mod gateway;
mod health;
mod http;
mod journal;
mod operations;
mod sandbox;
mod secrets;
mod settings;
mod usage;
