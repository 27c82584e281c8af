//! The way in from outside: the API for callers, the probes for kubelet and Prometheus.
//!
//! In: requests. Out: what the components publish, as wire types. It holds no state of its own and
//! decides nothing about documents. Every error is a problem document (RFC 9457); no answer holds
//! a secret, but the user layer's own text, which only operators may read.

mod activity;
mod change;
mod config;
mod decode;
mod error;
mod etag;
mod health;
mod journal;
mod operations;
mod outcome;
mod probes;
mod routes;
mod sandbox_events;
mod sandbox_passes;
mod sandbox_views;
mod sandboxes;
mod status;

pub(crate) use routes::{Rooms, api, probes};
pub(crate) use status::Status;

#[cfg(test)]
mod tests;
