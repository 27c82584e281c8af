//! What is not as it should be: as it is seen now (a finding), and as it is told (a cause).

use std::time::Duration;

use crate::Kind;
use crate::text::{SUBJECT, clip};

/// What a cause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// The gateway's process, port and connection.
    Gateway,
    /// Its start.
    Startup,
    /// Its event loop.
    EventLoop,
    /// An account of a channel.
    Channel,
    /// A plugin.
    Plugin,
    /// Secrets that somebody lacks.
    Secrets,
    /// The sandbox daemon and its images.
    Sandbox,
    /// A disk.
    Disk,
    /// Memory against its limit.
    Memory,
    /// The document.
    Config,
    /// The machine's clock.
    Clock,
    /// The agent's journal.
    Journal,
}

impl Component {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Gateway,
        Self::Startup,
        Self::EventLoop,
        Self::Channel,
        Self::Plugin,
        Self::Secrets,
        Self::Sandbox,
        Self::Disk,
        Self::Memory,
        Self::Config,
        Self::Clock,
        Self::Journal,
    ];

    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Startup => "startup",
            Self::EventLoop => "event_loop",
            Self::Channel => "channel",
            Self::Plugin => "plugin",
            Self::Secrets => "secrets",
            Self::Sandbox => "sandbox",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Config => "config",
            Self::Clock => "clock",
            Self::Journal => "journal",
        }
    }
}

/// How grave a cause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// To know. The pod is healthy all the same.
    Notice,
    /// Something is broken, the rest works.
    Degraded,
    /// The pod does not do its work.
    Failing,
}

impl Severity {
    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
        }
    }
}

/// What tells causes apart: their kind, and whom they are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// Which one, such as `telegram/default`; empty where there is only one.
    pub subject: String,
}

impl Key {
    /// One of many, such as an account.
    pub fn of(kind: Kind, subject: &str) -> Self {
        Self {
            kind,
            subject: clip(subject, SUBJECT),
        }
    }
}

/// Something that is seen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, and of whom.
    pub key: Key,
    /// Since when it holds, where the facts tell; else since it is found.
    pub since: Option<Duration>,
    /// What was seen.
    pub evidence: String,
}

impl Finding {
    pub(crate) fn new(kind: Kind, evidence: impl Into<String>) -> Self {
        Self::about(kind, "", evidence)
    }

    pub(crate) fn about(kind: Kind, subject: &str, evidence: impl Into<String>) -> Self {
        Self {
            key: Key::of(kind, subject),
            since: None,
            evidence: evidence.into(),
        }
    }

    pub(crate) fn since(self, since: impl Into<Option<Duration>>) -> Self {
        Self {
            since: since.into(),
            ..self
        }
    }
}

/// Something that is not as it should be, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What, and of whom.
    pub key: Key,
    /// Since when.
    pub since: Duration,
    /// Since when it is no longer seen, while it is told all the same because it may come back.
    pub gone: Option<Duration>,
    /// How often it came back.
    pub flaps: u32,
    /// What was seen: bounded, no user's text, no secret.
    pub evidence: String,
    /// What the agent does about it.
    pub remedy: String,
}

impl Cause {
    /// What it is about.
    pub fn component(&self) -> Component {
        self.key.kind.row().component
    }

    /// How grave it is.
    pub fn severity(&self) -> Severity {
        self.key.kind.row().severity
    }

    /// Which one, such as `telegram/default`.
    pub fn subject(&self) -> Option<&str> {
        Some(self.key.subject.as_str()).filter(|subject| !subject.is_empty())
    }

    /// Whether it is seen now.
    pub fn present(&self) -> bool {
        self.gone.is_none()
    }
}
