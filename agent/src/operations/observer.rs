//! Looks at the activity when somebody asks, and shares one look among all who ask within two seconds. While nobody asks,
//! nothing is looked at.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{ActivityResponse, ConfigState, SuspensionView};
use jiff::Timestamp;
use sandbox::{Clock, Daemon, Shown, Why};
use service::Drain;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::activity::{Around, Memory, Sandboxes, judge};
use super::gateway::Gateway;
use crate::config;
use crate::sandbox::Owner;

/// How long an answer is good for others too.
const FRESH: Duration = Duration::from_secs(2);
/// Callers that are answered at once.
const CALLERS: usize = 64;

/// One who asks.
pub type Asked = oneshot::Sender<ActivityResponse>;

/// Looks at the activity.
pub struct Observer {
    gateway: Arc<dyn Gateway>,
    document: config::Handle,
    sandboxes: Option<Owner>,
    suspension: watch::Receiver<Option<SuspensionView>>,
    asked: mpsc::Receiver<Asked>,
    memory: Memory,
    last: Option<(Instant, ActivityResponse)>,
}

impl Observer {
    /// Nothing is looked at yet.
    pub fn new(
        gateway: Arc<dyn Gateway>,
        document: config::Handle,
        sandboxes: Option<Owner>,
        suspension: watch::Receiver<Option<SuspensionView>>,
        asked: mpsc::Receiver<Asked>,
    ) -> Self {
        let memory = Memory {
            began: Timestamp::now(),
            busy: None,
        };
        Self {
            gateway,
            document,
            sandboxes,
            suspension,
            asked,
            memory,
            last: None,
        }
    }

    /// Answers until the drain.
    pub async fn run(mut self, drain: Drain) {
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                () = drain.signalled() => return,
                count = self.asked.recv_many(&mut waiting, CALLERS) => if count == 0 {
                    return;
                },
            }
            let answer = self.answer().await;
            for caller in waiting.drain(..) {
                // One who has gone needs no answer.
                let _ = caller.send(answer.clone());
            }
        }
    }

    async fn answer(&mut self) -> ActivityResponse {
        let fresh = self.last.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        let answer = match fresh {
            Some((_, answer)) => answer.clone(),
            None => self.look().await,
        };
        // The suspension is our own: of it, the newest is known.
        ActivityResponse {
            suspension: self.suspension.borrow().clone(),
            ..answer
        }
    }

    async fn look(&mut self) -> ActivityResponse {
        let told = self.gateway.look().await;
        let around = Around {
            sandboxes: self.sandboxes.as_ref().map_or(Sandboxes::None, sandboxes),
            changing: under_way(self.document.view().state).is_some(),
            suspension: self.suspension.borrow().clone(),
        };
        let answer = judge(told, around, &mut self.memory, Timestamp::now());
        self.last = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// How far a change of the document is that somebody should not get into the way of.
pub fn under_way(state: ConfigState) -> Option<&'static str> {
    match state {
        ConfigState::Checking => Some("checking"),
        ConfigState::Writing => Some("writing"),
        ConfigState::Proving => Some("proving"),
        ConfigState::Probation => Some("probation"),
        ConfigState::RollingBack => Some("rolling_back"),
        ConfigState::Starting
        | ConfigState::Settled
        | ConfigState::Pending
        | ConfigState::Refused
        | ConfigState::Paused
        | ConfigState::Unknown => None,
    }
}

fn sandboxes(owner: &Owner) -> Sandboxes {
    let view = owner.handle.view().borrow().clone();
    match view.daemon {
        Daemon::Unknown => Sandboxes::Unknown {
            why: "the daemon is not known yet".to_owned(),
        },
        Daemon::Down { why, .. } => Sandboxes::Unknown { why },
        Daemon::Up(_) => Sandboxes::Known {
            live: live(&view.sandboxes),
            streams: owner.streams(),
            last: last(&view.sandboxes, &owner.clock),
        },
    }
}

fn live(sandboxes: &[Shown]) -> u64 {
    let runs = |shown: &&Shown| matches!(shown.live, Some(Why::Exec | Why::Run | Why::Creating));
    sandboxes.iter().filter(runs).count() as u64
}

fn last(sandboxes: &[Shown], clock: &Clock) -> Option<Timestamp> {
    let last = sandboxes
        .iter()
        .map(|shown| shown.sandbox.last_active)
        .max()?;
    Timestamp::from_millisecond(clock.unix_ms(last)).ok()
}
