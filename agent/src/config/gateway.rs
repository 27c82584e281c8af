//! What the config component asks of a gateway. `crate::gateway` can do it; nothing here knows how.

use std::time::Duration;

use agent_api::{Proof, Reload};
use async_trait::async_trait;
use config_merge::KeyPath;
use std::sync::Arc;
use tokio::sync::watch;

use super::document::Document;

/// Whether the gateway can be asked anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does not answer.
    Absent {
        /// Why, as far as it is known.
        reason: String,
    },
    /// It answers and does not let us in.
    Refused {
        /// What it said.
        reason: String,
    },
    /// It answers.
    Up {
        /// Its version.
        version: String,
        /// The life it is in, where it says so.
        boot_id: Option<String>,
    },
}

impl Presence {
    /// The version of a gateway that is up.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Up { version, .. } => Some(version),
            _ => None,
        }
    }
}

/// One thing that the gateway does not like in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its key path.
    pub path: String,
    /// Its words.
    pub message: String,
}

/// What the gateway says of a document before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It would take it.
    Accepted,
    /// It would not.
    Refused(Vec<Issue>),
    /// It was not asked.
    Unasked {
        /// Why not.
        why: String,
    },
}

/// Who asks for a check: the gateway answers 30 a minute, and applies come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A document is about to be written.
    Apply,
    /// Somebody wants to know.
    Ask,
}

/// A document on its way, for the one who proves it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The document.
    pub document: Arc<Document>,
    /// What it changes.
    pub paths: Vec<KeyPath>,
    /// Whether the gateway restarts for it.
    pub requires_restart: bool,
    /// Whether the gateway may be dead and must be brought back: the document undoes another.
    pub revive: bool,
    /// Whether only empty objects come or go: the gateway sees no difference, and its hash need not move.
    pub hollow: bool,
}

/// What the gateway made of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs with it.
    Proved {
        /// How we know.
        proof: Proof,
        /// Whether it restarted for it.
        restarted: bool,
    },
    /// It runs, and this release cannot say with what.
    NotProvable {
        /// What we do know.
        proof: Proof,
    },
    /// It read the document and said no.
    Refused {
        /// What it does not like.
        issues: Vec<Issue>,
        /// Its words.
        reason: String,
    },
    /// It took the document and cannot live with it.
    Failed {
        /// What was seen.
        reason: String,
    },
}

/// What a probation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing that the change touches got worse.
    Held,
    /// Something did.
    Worse {
        /// What.
        reason: String,
    },
}

/// What a reload of the secrets came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Every owner of a secret has it.
    All,
    /// These do not.
    Degraded(Vec<String>),
    /// The gateway could not be asked.
    Unasked {
        /// Why not.
        why: String,
    },
}

/// What came of writing through the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It wrote the document.
    Written,
    /// Its document is another than we thought.
    Stale,
    /// It did not.
    Refused {
        /// Why not.
        reason: String,
    },
}

/// Says whether the file still holds what we know: asked after the gateway has named its base.
pub type Still = Box<dyn Fn() -> bool + Send + Sync>;

/// A change under observation, from just before it is written.
#[async_trait]
pub trait Trial: Send {
    /// Lasts until the gateway runs with the document or will not. Absence is no verdict.
    async fn prove(&mut self) -> Verdict;
    /// Lasts as long as told, or until something got worse.
    async fn probation(&mut self, lasts: Duration) -> Health;
}

/// The gateway.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Whether it is there.
    fn presence(&self) -> watch::Receiver<Presence>;
    /// The document is in place: the gateway may start.
    fn release(&self, document: &Document);
    /// Whether some gateway answers right now.
    async fn is_alive(&self, document: &Document) -> bool;
    /// Whether we can bring a dead one back. A sidecar cannot: the kubelet does.
    fn can_revive(&self) -> bool;
    /// Asks what it would say to a document.
    async fn check(&self, document: &Document, purpose: Purpose) -> Check;
    /// How it would take changes of these paths.
    async fn reload_kinds(&self, paths: &[KeyPath]) -> Vec<Reload>;
    /// Looks at how it is before a change is written.
    async fn begin(&self, change: Change) -> Box<dyn Trial>;
    /// Lets it write the document itself (shared mode).
    async fn hand(&self, document: &Document, still: Still) -> Handed;
    /// Makes it read its secrets again.
    async fn reload_secrets(&self) -> Reloaded;
    /// Whether everybody in it has the secrets that were reloaded.
    async fn secrets_taken(&self) -> Reloaded;
}
