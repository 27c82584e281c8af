//! What the gateway says of its channels.

use std::time::Duration;

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels {
    /// One by one.
    pub accounts: Vec<Account>,
    /// What the gateway finds wrong itself.
    pub issues: Vec<Issue>,
}

/// One account of a channel, in the gateway's words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// Such as `telegram`.
    pub channel: String,
    /// Such as `default`.
    pub account: String,
    /// Whether it is switched on.
    pub enabled: Option<bool>,
    /// Whether it has what it needs.
    pub configured: Option<bool>,
    /// Whether it runs.
    pub running: Option<bool>,
    /// Whether it is connected.
    pub connected: Option<bool>,
    /// Whether somebody has linked it to a device.
    pub linked: Option<bool>,
    /// `starting`, `recovering`, `ready`, `blocked`, `stopped`.
    pub lifecycle: Option<String>,
    /// The gateway's own judgement, such as `disconnected`; it keeps a grace of 120 s after a start by itself.
    pub health_state: Option<String>,
    /// How long ago its present life began.
    pub started: Option<Duration>,
    /// Its last error.
    pub last_error: Option<String>,
    /// How long ago something came in.
    pub last_inbound: Option<Duration>,
    /// How often it has tried to connect again.
    pub reconnects: Option<u64>,
}

/// Something that the gateway finds wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Such as `telegram`.
    pub channel: String,
    /// Such as `default`.
    pub account: String,
    /// Of which kind.
    pub kind: IssueKind,
    /// Its words.
    pub message: String,
}

/// The kinds of issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueKind {
    /// It does not run or is not connected.
    Runtime,
    /// It is not let in, or not linked.
    Auth,
    /// Advice on its settings, permissions or intents, and kinds of newer releases.
    Advice,
}

impl IssueKind {
    /// The gateway's word for it.
    pub fn parse(word: &str) -> Self {
        match word {
            "runtime" => Self::Runtime,
            "auth" => Self::Auth,
            _ => Self::Advice,
        }
    }
}
