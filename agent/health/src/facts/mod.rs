//! What is known of a pod at one moment. Every part may be unknown; unknown is neither good nor bad.
//!
//! Moments are spans since the agent's start, ages are spans before [`Facts::at`].

mod channels;
mod gateway;
mod pod;

use std::time::Duration;

pub use channels::{Account, Channels, Issue, IssueKind};
pub use gateway::{Child, ChildState, EventLoop, Gateway, Healthz, Link, Startup, Suspension};
pub use pod::{Agent, Clock, Config, ConfigState, Disk, Memory, Sandbox, Volume};

/// Everything that is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The moment of this snapshot.
    pub at: Duration,
    /// The gateway's process, port and connection.
    pub gateway: Gateway,
    /// Its event loop.
    pub event_loop: Option<EventLoop>,
    /// The accounts of its channels.
    pub channels: Option<Channels>,
    /// Plugins that did not load, by id, with the gateway's reason.
    pub plugins_failed: Option<Vec<(String, String)>>,
    /// Who lacks secrets, in the gateway's names.
    pub secrets_degraded: Option<Vec<String>>,
    /// The sandbox daemon, where the agent owns one.
    pub sandbox: Option<Sandbox>,
    /// The disks.
    pub disks: Vec<Disk>,
    /// Memory of the gateway.
    pub memory: Option<Memory>,
    /// The document.
    pub config: Option<Config>,
    /// The machine's wall clock.
    pub clock: Clock,
    /// The agent itself.
    pub agent: Agent,
}
