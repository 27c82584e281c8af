//! What is needed of a container daemon, whoever it is.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::{ExecId, Found, Id, Listing, Target, Usage};

/// What a daemon's refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// There is no such thing (any more).
    Gone,
    /// Somebody is removing it already.
    InProgress,
    /// Something uses it.
    InUse,
    /// The daemon failed, or is too busy.
    Failed,
    /// No answer within the time.
    Timeout,
    /// There is no daemon to ask.
    Unreachable,
    /// The daemon does not want what we asked for, or answers in a way that we do not understand.
    Refused,
}

impl Meaning {
    /// All meanings.
    pub const ALL: [Self; 7] = [
        Self::Gone,
        Self::InProgress,
        Self::InUse,
        Self::Failed,
        Self::Timeout,
        Self::Unreachable,
        Self::Refused,
    ];

    /// The meaning as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::InProgress => "in_progress",
            Self::InUse => "in_use",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

/// Why the daemon did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the daemon could not {action}: {}", meaning.as_str())]
pub struct EngineError {
    /// What we were doing, as a verb with its object.
    pub action: String,
    /// What the refusal means.
    pub meaning: Meaning,
    /// What the daemon or the system said.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl EngineError {
    /// The label of this error in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.meaning.as_str()
    }
}

/// Something that the daemon says about a container that carries the sandbox label, or about what is beside it.
///
/// Only a hint: what it means for a state is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A container was made, started, ended, renamed, or changed in another way.
    Changed(Id),
    /// A container was started, restarted or unpaused: changed, and active.
    Started(Id),
    /// A container was removed.
    Destroyed(Id),
    /// An exec was started.
    ExecBegan(Id, ExecId),
    /// An exec ended.
    ExecEnded(Id, ExecId),
}

/// What becomes of a container that runs when it is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// It stays, and the removal is refused as in use. The daemon looks and removes in one step.
    Stays,
    /// It is ended at once.
    Ends,
}

/// An image as it was looked at by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageFacts {
    /// Its id, `sha256:` included.
    pub id: String,
    /// Its digests, with their repositories.
    pub digests: Vec<String>,
    /// The user that its processes run as, where it names one.
    pub user: Option<String>,
}

/// What the daemon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineVersion {
    /// Its version.
    pub version: String,
    /// The API version that is spoken with it.
    pub api: String,
}

/// A container daemon, as far as the owner of its sandboxes needs it.
///
/// Every method but `events`, `load_image` and `pull` answers within a time of the implementation's own.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Asks for nothing but an answer.
    async fn ping(&self) -> Result<(), EngineError>;

    /// Asks for its versions.
    async fn version(&self) -> Result<EngineVersion, EngineError>;

    /// Follows what happens, from before the return of this call on.
    async fn events(&self) -> Result<BoxStream<'static, Result<Event, EngineError>>, EngineError>;

    /// Lists everything.
    async fn list(&self) -> Result<Listing, EngineError>;

    /// Looks at one container; nothing where it is gone or no sandbox.
    async fn inspect(&self, id: Id) -> Result<Option<Found>, EngineError>;

    /// Measures what one container uses.
    async fn stats(&self, id: Id) -> Result<Usage, EngineError>;

    /// Tells the bytes that a container wrote into its own layer.
    async fn written(&self, id: Id) -> Result<u64, EngineError>;

    /// Asks a container to end, and ends it once the grace is over. One that is not running is no error.
    async fn stop(&self, id: Id, grace: Duration) -> Result<(), EngineError>;

    /// Removes, and tells the bytes that were freed where the daemon says so. A container's anonymous volumes go with it.
    async fn remove(&self, target: &Target, running: Running) -> Result<u64, EngineError>;

    /// Looks at an image by its name, digest or id; nothing where the daemon does not have it.
    async fn image(&self, name: &str) -> Result<Option<ImageFacts>, EngineError>;

    /// Runs a script with the `sh` of an image, without a network, and tells its exit code.
    async fn trial(&self, image: &str, script: &str) -> Result<i64, EngineError>;

    /// Loads an image from an archive.
    async fn load_image(&self, archive: &Path) -> Result<(), EngineError>;

    /// Pulls an image by its name or digest.
    async fn pull(&self, name: &str) -> Result<(), EngineError>;
}
