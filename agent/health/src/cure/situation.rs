//! What has to be known before anything is done.

use std::time::Duration;

use crate::Verdict;
use crate::cure::Grade;

/// After a start the gateway is left alone for so long.
const SETTLING: Duration = Duration::from_secs(60);

/// Whether the agent acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Act,
    /// It only says what it would do.
    Observe,
}

/// What the agent can reach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hands {
    /// It stands beside the gateway: RPC only.
    #[default]
    Sidecar,
    /// It is the gateway's parent.
    Supervisor {
        /// Whether this release takes SIGUSR2 for a restart; an older one dies of it.
        restarts_inside: bool,
    },
}

/// The pod, as far as cures have to mind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// Whether the agent acts.
    pub mode: Mode,
    /// What it can reach.
    pub hands: Hands,
    /// The pod in one word.
    pub verdict: Verdict,
    /// Whether the gateway answers over RPC now.
    pub rpc: bool,
    /// Runs of users, where the gateway tells.
    pub active_runs: Option<u32>,
    /// A change of the document is on its way, or on probation.
    pub config_busy: bool,
    /// When the gateway last came up, where that is known.
    pub started: Option<Duration>,
}

impl Situation {
    /// Why nothing may be done for now, and until when where that is known.
    pub(super) fn forbids(&self, now: Duration) -> Option<(&'static str, Option<Duration>)> {
        let settled = self.started.map(|started| started + SETTLING);
        match self.verdict {
            Verdict::Draining => Some(("it is draining", None)),
            Verdict::Suspended => Some(("it is suspended", None)),
            Verdict::Starting => Some(("it is starting", None)),
            _ if self.config_busy => Some(("a change of the document is on its way", None)),
            _ if settled.is_some_and(|until| now < until) => Some(("it has just started", settled)),
            _ => None,
        }
    }

    /// Whether a user's run may be under way. A gateway that answers and does not tell may have one.
    pub(super) fn may_run(&self) -> bool {
        self.active_runs.map_or(self.rpc, |runs| runs > 0)
    }

    /// Whether this grade is within reach.
    pub(super) fn reaches(&self, grade: Grade) -> bool {
        match (grade, self.hands) {
            (Grade::RestartChannel | Grade::ReloadSecrets | Grade::RestartGateway, _) => self.rpc,
            (Grade::RestartInside, Hands::Supervisor { restarts_inside }) => restarts_inside,
            (Grade::EndGateway, Hands::Supervisor { .. })
            | (Grade::LeaveToKubelet, Hands::Sidecar) => true,
            _ => false,
        }
    }
}
