//! Whose a sandbox is, as its label says, and which sessions the gateway has.

use std::collections::HashSet;
use std::fmt;

use crate::Moment;

/// The longest session key that is believed; longer ones are of an unknown scope.
pub const SCOPE_MAX: usize = 1024;

/// What a sandbox was made for: the parsed label `openclaw.sessionKey`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One session.
    Session {
        /// The session's key as the gateway lists it: `agent:<id>:<rest>`.
        key: String,
        /// The agent's id.
        agent: String,
        /// The hash of the workspace, where the scope is qualified by one.
        workspace: Option<String>,
    },
    /// All sessions of one agent.
    Agent {
        /// The agent's id.
        agent: String,
        /// The hash of the workspace, where the scope is qualified by one.
        workspace: Option<String>,
    },
    /// All sessions of the gateway.
    Shared {
        /// The hash of the workspace, where the scope is qualified by one.
        workspace: Option<String>,
    },
    /// No shape that we know. Never an orphan, and live while any run is.
    Unknown,
}

impl Scope {
    /// Reads the label's value, which may be anything.
    #[must_use]
    pub fn parse(label: &str) -> Self {
        if label.len() > SCOPE_MAX || label.contains(char::is_control) {
            return Self::Unknown;
        }
        let (key, workspace) = split_workspace(label);
        let workspace = workspace.map(str::to_owned);
        if key == "shared" {
            return Self::Shared { workspace };
        }
        let Some(rest) = key.strip_prefix("agent:") else {
            return Self::Unknown;
        };
        match rest.split_once(':') {
            Some((agent, rest)) if !agent.is_empty() && !rest.is_empty() => Self::Session {
                key: key.to_owned(),
                agent: agent.to_owned(),
                workspace,
            },
            None if !rest.is_empty() => Self::Agent {
                agent: rest.to_owned(),
                workspace,
            },
            _ => Self::Unknown,
        }
    }

    /// The key of the one session that the sandbox belongs to, as the gateway lists it.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Session { key, .. } => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    /// The scope as its label has it, without the workspace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { key, .. } => f.write_str(key),
            Self::Agent { agent, .. } => write!(f, "agent:{agent}"),
            Self::Shared { .. } => f.write_str("shared"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Parts a scope from `:workspace:` and the 32 hexadecimal digits at its end.
fn split_workspace(label: &str) -> (&str, Option<&str>) {
    let is_hash = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match label.rsplit_once(":workspace:") {
        Some((key, hash)) if is_hash(hash) => (key, Some(hash)),
        _ => (label, None),
    }
}

/// What the gateway said of its sessions, its list read to the last page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sessions {
    known: HashSet<String>,
    active: HashSet<String>,
    active_agents: HashSet<String>,
    asked: Moment,
    /// Whether the gateway was asked again since, and did not answer.
    unanswered: bool,
}

impl Sessions {
    /// An answer: all session keys, the keys of those with an active run, and when it was asked for.
    ///
    /// A session with an active run is known, listed or not.
    pub fn new(
        known: impl IntoIterator<Item = String>,
        active: impl IntoIterator<Item = String>,
        asked: Moment,
    ) -> Self {
        let active: HashSet<String> = active.into_iter().map(lower).collect();
        let mut known: HashSet<String> = known.into_iter().map(lower).collect();
        known.extend(active.iter().cloned());
        let agents = active.iter().filter_map(|key| agent_of(key));
        Self {
            active_agents: agents.map(str::to_owned).collect(),
            known,
            active,
            asked,
            unanswered: false,
        }
    }

    /// The gateway was asked again, and did not answer.
    pub(crate) fn miss_answer(&mut self) {
        self.unanswered = true;
    }

    /// Whether the gateway answered when it was last asked. Only then what it does not list is gone.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        !self.unanswered
    }

    /// When the gateway was asked.
    #[must_use]
    pub fn asked(&self) -> Moment {
        self.asked
    }

    /// Whether the gateway has this session.
    #[must_use]
    pub fn has(&self, session: &str) -> bool {
        contains(&self.known, session)
    }

    /// Whether a run is active that may use a sandbox of this scope.
    #[must_use]
    pub fn is_active(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Session { key, .. } => contains(&self.active, key),
            Scope::Agent { agent, .. } => contains(&self.active_agents, agent),
            Scope::Shared { .. } | Scope::Unknown => !self.active.is_empty(),
        }
    }
}

fn lower(key: String) -> String {
    key.to_lowercase()
}

fn contains(keys: &HashSet<String>, key: &str) -> bool {
    keys.contains(&key.to_lowercase())
}

fn agent_of(key: &str) -> Option<&str> {
    key.strip_prefix("agent:")?.split(':').next()
}
