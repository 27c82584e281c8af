//! What the gateway is asked, how often, and what that may cost it.
//!
//! It pushes a snapshot of its health every minute; between those its channels are asked for, since a dead one has to be
//! named soon. Each answer costs it CPU: 2.0 ms for its channels, 0.4 ms for its process (2026.9.6), so in all less than
//! 300 millionths of a core.

use std::time::Duration;

use openclaw::probe::{self, Page, Probe};
use openclaw::{Channels, Connection, Error, Health, LinkHandle, SystemInfo};
use service::{BEAT, next_beat};
use tokio::time::Instant;

/// Between two looks at one that does not.
const ABSENT: Duration = Duration::from_millis(500);
/// The gateway blocks for 3 s at times.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that took long is asked for less often, so that it takes at most this part of the time.
const SHARE: u32 = 200;
/// The longest time between two looks.
const LONGEST: Duration = Duration::from_secs(60);

/// In which rounds what is asked besides the channels.
const SYSTEM: u32 = 3;
const READY: u32 = 6;
const STATUS: u32 = 30;

/// What there is to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The connection stands.
    pub up: bool,
    /// Counts from the begin of its life.
    pub round: u32,
    /// We are not its parent: only its own word tells of its memory.
    pub beside: bool,
    /// Something may have to be cured: is a user's run active?
    pub runs: bool,
}

/// What it answered. What was not asked, or not answered, is absent.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// It answered something.
    pub spoke: bool,
    pub healthz: Option<Probe>,
    pub startup: Option<Probe>,
    pub failing: Option<Vec<String>>,
    pub suspended: Option<bool>,
    pub health: Option<Health>,
    pub channels: Option<Channels>,
    pub system: Option<SystemInfo>,
    pub degraded: Option<Vec<String>>,
    pub runs: Option<u32>,
    took: Duration,
}

impl Answers {
    /// When to ask again: at the next beat, unless the answer took long.
    pub(super) fn next(&self, up: bool) -> Instant {
        match up {
            true => next_beat((self.took * SHARE).clamp(BEAT, LONGEST) - BEAT),
            false => Instant::now() + ABSENT,
        }
    }
}

/// Asks it all that is due.
pub(super) async fn ask(link: LinkHandle, question: Question) -> Answers {
    let mut answers = Answers::default();
    if let (true, Ok(connection)) = (question.up, link.connection()) {
        talk(&connection, question, &mut answers).await;
    }
    let ready = question.up && answers.spoke && due(question.round, READY);
    if let Some(endpoint) = link.endpoint() {
        if !answers.spoke {
            let healthz = probe::get(&endpoint, Page::Healthz, PATIENCE).await;
            answers.spoke = matches!(healthz, Probe::Ready { .. } | Probe::NotReady { .. });
            if answers.spoke {
                answers.startup = Some(probe::get(&endpoint, Page::Startupz, PATIENCE).await);
            }
            answers.healthz = Some(healthz);
        } else if ready {
            answers.failing = match probe::get(&endpoint, Page::Readyz, PATIENCE).await {
                Probe::Ready { .. } => Some(Vec::new()),
                Probe::NotReady { failing, .. } => Some(failing),
                _ => None,
            };
        }
    }
    answers
}

/// The first round of a life asks everything.
fn due(round: u32, every: u32) -> bool {
    round.is_multiple_of(every)
}

async fn talk(connection: &Connection, question: Question, answers: &mut Answers) {
    let began = Instant::now();
    let channels = connection.channels().await;
    answers.took = began.elapsed();
    match channels {
        Ok(channels) => {
            answers.channels = Some(channels);
            answers.suspended = Some(false);
            answers.spoke = true;
        }
        Err(error) if error.is_suspended() => {
            answers.suspended = Some(true);
            answers.spoke = true;
            return;
        }
        Err(Error::Unsupported { .. }) => answers.spoke = true,
        Err(_) => return,
    }
    if question.round == 0 {
        answers.health = connection.health().await.ok();
    }
    if question.beside && due(question.round, SYSTEM) {
        answers.system = connection.system_info().await.ok();
    }
    if due(question.round, STATUS) {
        let status = connection.status().await.ok();
        let owners = status.and_then(|status| status.degraded_secret_owners);
        let named = |owners: Vec<openclaw::DegradedOwner>| {
            owners
                .into_iter()
                .map(|owner| format!("{} {}", owner.kind, owner.id))
                .collect()
        };
        answers.degraded = owners.map(named);
    }
    if question.runs {
        let preflight = connection.restart_preflight().await.ok();
        answers.runs = preflight.map(|said| u32::try_from(said.work.total).unwrap_or(u32::MAX));
    }
}
