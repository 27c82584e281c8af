//! A typed client of the OpenClaw gateway protocol, version 4.
//!
//! What comes in: where the gateway listens ([`Endpoint`]) and its shared token ([`Token`]).
//! What goes out: answers to calls, the few events that matter here ([`Event`]), and what
//! the gateway's own HTTP probes say ([`probe`]).
//!
//! [`connect`] opens one [`Connection`]. [`Link`] keeps a reading one alive for as long as
//! the process lives, and its [`LinkHandle`] opens short ones with more power.
//!
//! The gateway is driven by a model and by strangers: what it says is a claim. Every string
//! that is kept from it is cut to a bound, every wait has an end, and nothing here panics on
//! what it sends. Secrets have a blank `Debug` and are in no error and no log line.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod calls;
mod clip;
mod closed;
mod connection;
mod endpoint;
mod error;
mod event;
mod exchange;
mod exporter;
mod frame;
mod handshake;
mod hello;
mod lenient;
mod link;
pub mod probe;
mod pump;
mod rejection;
mod settings;
mod stream;

pub use calls::approvals::PairingPending;
pub use calls::channel_power::ChannelStart;
pub use calls::channels::{ChannelAccount, ChannelIssue, Channels};
pub use calls::check::{Check, Write};
pub use calls::config::{ConfigSnapshot, Parsed, REDACTED};
pub use calls::cron::CronStatus;
pub use calls::event_loop::EventLoop;
pub use calls::health::{Health, PluginFault};
pub use calls::logs::LogPage;
pub use calls::restart::{ActiveWork, Deferral, Preflight, Restart};
pub use calls::schema::{Lookup, ReloadKind};
pub use calls::secrets::SecretsReload;
pub use calls::session_counts::SessionCounts;
pub use calls::sessions::SessionList;
pub use calls::stability::{Diagnostic, Stability, WebhookStep};
pub use calls::status::{DegradedOwner, Status};
pub use calls::suspend::{Drain, Resume, Suspend, Suspension};
pub use calls::system::{Disk, SystemInfo};
pub use calls::usage::{ModelUsage, Usage};
pub use closed::Closed;
pub use connection::Connection;
pub use endpoint::{Endpoint, Scope, Tls, Token};
pub use error::Error;
pub use event::{Event, Events, Received};
pub use exporter::NoPage;
pub use handshake::connect;
pub use hello::{Can, Hello};
pub use link::{Link, LinkHandle, LinkState};
pub use rejection::{Issue, Rejection};
pub use settings::Settings;
