//! How a process of ours lives: log, signals, drain, readiness, metrics page, HTTP listener, bearer tokens.
//!
//! It knows nothing of what the process is for. Nothing here is global but the log and the signal
//! handlers, and both are set by one call from `main`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod bearer;
mod beat;
mod certificates;
mod conversation;
mod drain;
mod error;
mod listener;
mod metrics;
mod peers;
mod problem;
mod process;
mod readiness;
mod signals;
mod stamp;
mod telemetry;
mod tokens;

pub use bearer::{Bearer, Caller};
pub use beat::{BEAT, next_beat};
pub use certificates::Certificates;
pub use conversation::{ConversationSettings, converse};
pub use drain::Drain;
pub use error::Error;
pub use listener::{Listener, ListenerSettings};
pub use metrics::{Page, metrics_page};
pub use problem::problem;
pub use process::ProcessMetrics;
pub use readiness::{ClosedGate, Gate, Readiness, ReadinessReport};
pub use signals::Signals;
pub use telemetry::{LogFormat, LogSettings, init};
pub use tokens::{Role, TokenFiles};
