//! What the observer publishes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ::health::cure::{Cure, Mode, Outcome, Standing};
use ::health::death::Death;
use ::health::facts::Disk;
use ::health::{Cause, Key, Verdict};
use jiff::{SignedDuration, Timestamp};
use openclaw::{Channels, EventLoop};

/// The pod as of one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The moment, since the agent's start.
    pub at: Duration,
    /// The same by the wall clock.
    pub now: Timestamp,
    /// The pod in one word.
    pub verdict: Verdict,
    /// Since when.
    pub since: Duration,
    /// Everything that is not as it should be, the gravest first.
    pub causes: Arc<Vec<Cause>>,
    /// The accounts of channels, as the gateway tells.
    pub channels: Arc<Channels>,
    /// What is used of what there is.
    pub resources: Resources,
    /// Whether causes are cured.
    pub mode: Mode,
    /// How each cure stands.
    pub standing: Vec<Standing>,
    /// Cures of late, the newest first.
    pub recent: VecDeque<Given>,
    /// The gateway's last end, and when it was.
    pub last_death: Option<Arc<(Death, Timestamp)>>,
}

/// What is used of what there is.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Memory of the gateway in bytes.
    pub memory: Option<u64>,
    /// Its limit.
    pub memory_limit: Option<u64>,
    /// Cores that it uses.
    pub cpu: Option<f64>,
    /// Its event loop.
    pub event_loop: Option<EventLoop>,
    /// The disks.
    pub disks: Vec<Disk>,
}

/// A cure that was given, or would have been.
#[derive(Clone, Debug)]
pub struct Given {
    /// Which.
    pub cure: Cure,
    /// For which cause.
    pub cause: Key,
    /// When.
    pub at: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// What came of it; nothing while that is not known.
    pub outcome: Option<Outcome>,
    /// It was only said.
    pub observed: bool,
}

impl View {
    /// A pod of which nothing is known.
    pub fn new(mode: Mode) -> Self {
        Self {
            at: Duration::ZERO,
            now: Timestamp::now(),
            verdict: Verdict::Starting,
            since: Duration::ZERO,
            causes: Arc::default(),
            channels: Arc::default(),
            resources: Resources::default(),
            mode,
            standing: Vec::new(),
            recent: VecDeque::new(),
            last_death: None,
        }
    }

    /// A moment by the wall clock of this view, however that has jumped since.
    pub fn time(&self, moment: Duration) -> Timestamp {
        let ago = self.at.saturating_sub(moment);
        let ago = SignedDuration::try_from(ago).unwrap_or_default();
        self.now.checked_sub(ago).unwrap_or(self.now)
    }
}
