//! The Docker socket that an OpenClaw gateway gets: what sandboxes need passes, the rest is refused.
//!
//! In comes HTTP on a Unix socket of ours, from whoever drives the gateway. Out goes, for each request
//! that is on the table of routes, one request that we wrote ourselves, on a connection to the daemon that
//! is used for it alone. Nothing of the client's text reaches the daemon unread: paths are made of ids that
//! the daemon told us, queries of known keys, bodies of typed fields. Only containers with the label of a
//! sandbox exist here. The bytes of an attached stream are the one thing that passes as it is.
//!
//! What it cannot close: the daemon resolves the path of a bind again after we did.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod activity;
mod answer;
mod binds;
mod ceilings;
mod containers;
mod copy;
mod create;
mod error;
mod exec_body;
mod execs;
mod filters;
mod handle;
mod hangup;
mod images;
mod lookup;
mod metrics;
mod mounts;
mod nesting;
mod networks;
mod query;
mod refusal;
mod route;
mod server;
mod settings;
mod socket;
mod stream;
mod system;
mod target;
mod tasks;
mod unused;
mod upstream;
mod version;

pub use activity::{Activity, Busy};
pub use ceilings::Ceilings;
pub use error::Error;
pub use metrics::Metrics;
pub use server::Guard;
pub use settings::{Access, Allowance, Owner, Root, Settings};
pub use version::ApiVersion;

/// The label that makes a container a sandbox, and its value.
pub const SANDBOX_LABEL: (&str, &str) = ("openclaw.sandbox", "1");
