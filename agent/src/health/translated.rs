//! From the gateway's words and other components' views to facts.

use std::time::Duration;

use ::health::facts::{
    Account, Channels, Child, ChildState, Config, ConfigState, EventLoop, Healthz, Issue,
    IssueKind, Sandbox, Startup,
};
use agent_api::{ConfigState as Doing, DriftAction, Outcome};
use openclaw::probe::{Probe, Startup as Said};
use sandbox::{Daemon, Presence, Step};
use supervisor::State;

use crate::config;

/// More images than these are not named.
const IMAGES: usize = 8;

/// A fight over the document is over when so long nobody edited it: nobody tells that it is.
const FIGHT: Duration = Duration::from_secs(300);

/// The accounts of all channels; `now_ms` is the wall clock, by which the gateway counts.
pub(super) fn channels(said: &openclaw::Channels, now_ms: u64) -> Channels {
    Channels {
        accounts: said
            .accounts
            .iter()
            .map(|said| account(said, now_ms))
            .collect(),
        issues: said.issues.iter().map(issue).collect(),
    }
}

fn account(said: &openclaw::ChannelAccount, now_ms: u64) -> Account {
    let ago = |ms: Option<u64>| ms.map(|ms| Duration::from_millis(now_ms.saturating_sub(ms)));
    Account {
        channel: said.channel.clone(),
        account: said.account.clone(),
        enabled: said.enabled,
        configured: said.configured,
        running: said.running,
        connected: said.connected,
        linked: said.linked,
        lifecycle: said.lifecycle.clone(),
        health_state: said.health_state.clone(),
        started: ago(said.last_start_ms),
        last_error: said.last_error.clone(),
        last_inbound: ago(said.last_inbound_ms),
        reconnects: said.reconnect_attempts,
    }
}

fn issue(said: &openclaw::ChannelIssue) -> Issue {
    Issue {
        channel: said.channel.clone(),
        account: said.account.clone(),
        kind: IssueKind::parse(&said.kind),
        message: said.message.clone(),
    }
}

pub(super) fn event_loop(said: &openclaw::EventLoop) -> EventLoop {
    EventLoop {
        delay_p99: said.delay_p99,
        delay_max: said.delay_max,
        utilization: said.utilization,
        degraded: Some(said.degraded),
    }
}

/// What `/healthz` said; a release without that page says nothing.
pub(super) fn healthz(probe: &Probe) -> Option<Healthz> {
    match probe {
        Probe::Ready { .. } | Probe::NotReady { .. } => Some(Healthz::Live),
        Probe::Closed => Some(Healthz::Closed),
        // A conversation that breaks off is no answer: so it is for a moment when a process is killed.
        Probe::Blocked | Probe::Foreign { status: None } => Some(Healthz::Late),
        Probe::NoPage | Probe::Foreign { .. } => Some(Healthz::Foreign),
    }
}

/// What `/startupz` said; a release that does not know it answers its page for people.
pub(super) fn startup(probe: &Probe) -> Option<Startup> {
    match probe.startup() {
        Some(Said::Started) => Some(Startup::Started),
        Some(Said::Starting { reason }) => Some(Startup::Starting {
            reason: reason.unwrap_or_default(),
        }),
        Some(Said::Draining) => Some(Startup::Draining),
        None => matches!(probe, Probe::NoPage).then_some(Startup::Foreign),
    }
}

/// The child; `in_a_row` counts its exits without a life worth the name.
pub(super) fn child(status: &supervisor::Status, in_a_row: u32) -> Child {
    let state = match status.state {
        State::Held => ChildState::Held,
        State::Starting => ChildState::Starting,
        State::Running { .. } | State::Ending { .. } => ChildState::Running,
        State::BackingOff { .. } => ChildState::BackingOff {
            exits_in_a_row: in_a_row,
        },
        State::Stopped => ChildState::Stopped,
    };
    let last_exit = status.last_exit.as_ref().map(|exit| exit.how.to_string());
    Child { state, last_exit }
}

/// The document; `since` when it is as it is, `edited` how long ago somebody else wrote it.
pub(super) fn document(view: &config::View, since: Duration, edited: Option<Duration>) -> Config {
    let last = view
        .drift
        .last
        .as_ref()
        .filter(|_| edited.is_some_and(|ago| ago < FIGHT));
    Config {
        state: state(view),
        since: Some(since),
        generation: Some(view.generation).filter(|generation| *generation > 0),
        proved: view.proved,
        problems: view.problems.len(),
        quarantined: usize::try_from(view.quarantined).unwrap_or(usize::MAX),
        paused: view.paused_until.is_some(),
        drift_fight: last.is_some_and(|edit| edit.action == DriftAction::Fight),
    }
}

/// A change that was undone stays the state of things until the next one.
fn state(view: &config::View) -> Option<ConfigState> {
    let last = view.last_report.as_ref().map(|report| report.outcome);
    Some(match view.state {
        Doing::Starting => ConfigState::Starting,
        Doing::Checking
        | Doing::Writing
        | Doing::Proving
        | Doing::Probation
        | Doing::RollingBack => ConfigState::Pending,
        Doing::Pending => ConfigState::Pending,
        Doing::Refused => ConfigState::Refused,
        Doing::Settled | Doing::Paused => match last {
            Some(Outcome::RolledBack) => ConfigState::RolledBack,
            Some(Outcome::Failed) => ConfigState::Failed,
            _ => ConfigState::InForce,
        },
        Doing::Unknown => return None,
    })
}

/// Whether a change is on its way, so that nothing else should be done to the gateway.
pub(super) fn busy(view: &config::View) -> bool {
    matches!(
        view.state,
        Doing::Checking | Doing::Writing | Doing::Proving | Doing::Probation | Doing::RollingBack
    )
}

/// The sandbox daemon, as its owner sees it.
pub(super) fn sandbox(view: &sandbox::View, since: Duration) -> Sandbox {
    let (daemon_up, why) = match &view.daemon {
        Daemon::Unknown => (None, None),
        Daemon::Up(_) => (Some(true), None),
        Daemon::Down { why, .. } => (Some(false), Some(why.clone())),
    };
    let missing = view.images.iter();
    let missing = missing.filter(|(_, presence)| !matches!(presence, Presence::Present { .. }));
    let step = Step::ALL.iter().position(|step| *step == view.step);
    Sandbox {
        daemon_up,
        since,
        why,
        images_missing: missing.map(|(name, _)| name.clone()).take(IMAGES).collect(),
        disk_step: step.and_then(|step| u8::try_from(step).ok()),
        full_of_live: Some(view.full_of_live),
    }
}
