//! The pod's health as it goes over the wire, to callers and into the journal.

use ::health::cure::{Cure, Grade, Mode, Outcome, Standing};
use ::health::death::{Death, DeathCause};
use ::health::facts::Disk;
use ::health::{Cause, Component, Severity, Verdict};
use agent_api::{
    CauseView, ChannelState, ChannelView, CureBudgetView, CureKind, CureMode, CureOutcome,
    CureView, CuresView, DeathView, DiskUsageView, HealthResponse, ResourcesView,
};
use jiff::Timestamp;
use openclaw::ChannelAccount;

use super::view::{Given, Resources, View};

/// All of it.
pub fn response(view: &View) -> HealthResponse {
    let causes = view.causes.iter().map(|cause| cause_view(cause, view));
    let channels = view
        .channels
        .accounts
        .iter()
        .map(|account| channel(account, view));
    HealthResponse {
        verdict: verdict(view.verdict),
        since: view.time(view.since).to_string(),
        causes: causes.collect(),
        channels: channels.collect(),
        resources: resources(&view.resources),
        cures: cures(view),
        last_death: view.last_death.as_ref().map(|told| death(&told.0, told.1)),
    }
}

/// A cause, with its times by the wall clock.
pub fn cause_view(cause: &Cause, view: &View) -> CauseView {
    CauseView {
        component: component(cause.component()),
        subject: cause.subject().map(ToOwned::to_owned),
        severity: severity(cause.severity()),
        since: view.time(cause.since).to_string(),
        evidence: cause.evidence.clone(),
        remedy: Some(cause.remedy.clone()).filter(|remedy| !remedy.is_empty()),
    }
}

/// An end of the gateway.
pub fn death(death: &Death, at: Timestamp) -> DeathView {
    DeathView {
        at: at.to_string(),
        cause: death_cause(death.cause),
        inferred: !death.certain,
        code: death.code,
        signal: death.signal,
        meaning: death.meaning.clone(),
        evidence: death.evidence.clone(),
        last_verdict: death.last_verdict.map(verdict),
        lived_seconds: death.lived.map(|lived| lived.as_secs()),
    }
}

/// The pod in one word.
pub fn verdict(verdict: Verdict) -> agent_api::Verdict {
    match verdict {
        Verdict::Healthy => agent_api::Verdict::Healthy,
        Verdict::Degraded => agent_api::Verdict::Degraded,
        Verdict::Failing => agent_api::Verdict::Failing,
        Verdict::Starting => agent_api::Verdict::Starting,
        Verdict::Draining => agent_api::Verdict::Draining,
        Verdict::Suspended => agent_api::Verdict::Suspended,
    }
}

/// What a cause is about.
pub fn component(component: Component) -> agent_api::Component {
    match component {
        Component::Gateway => agent_api::Component::Gateway,
        Component::Startup => agent_api::Component::Startup,
        Component::EventLoop => agent_api::Component::EventLoop,
        Component::Channel => agent_api::Component::Channel,
        Component::Plugin => agent_api::Component::Plugin,
        Component::Secrets => agent_api::Component::Secrets,
        Component::Sandbox => agent_api::Component::Sandbox,
        Component::Disk => agent_api::Component::Disk,
        Component::Memory => agent_api::Component::Memory,
        Component::Config => agent_api::Component::Config,
        Component::Clock => agent_api::Component::Clock,
        Component::Journal => agent_api::Component::Journal,
    }
}

/// Which cure.
pub fn cure_kind(grade: Grade) -> CureKind {
    match grade {
        Grade::RestartChannel => CureKind::ChannelRestart,
        Grade::ReloadSecrets => CureKind::SecretsReload,
        Grade::RestartGateway => CureKind::GatewayRestart,
        Grade::RestartInside => CureKind::GatewaySignal,
        Grade::EndGateway => CureKind::GatewayEnd,
        Grade::LeaveToKubelet => CureKind::LeftToKubelet,
    }
}

/// For whom.
pub fn subject(cure: &Cure) -> Option<String> {
    match cure {
        Cure::RestartChannel { channel, account } => Some(match account {
            Some(account) => format!("{channel}/{account}"),
            None => channel.clone(),
        }),
        _ => None,
    }
}

/// What came of a cure.
pub fn outcome(given: &Given) -> CureOutcome {
    match given.outcome {
        _ if given.observed => CureOutcome::Observed,
        None => CureOutcome::Pending,
        Some(Outcome::Helped) => CureOutcome::Helped,
        Some(Outcome::NoHelp) => CureOutcome::NoHelp,
        Some(Outcome::Worse) => CureOutcome::Worse,
        Some(Outcome::Failed) => CureOutcome::Failed,
    }
}

fn severity(severity: Severity) -> agent_api::Severity {
    match severity {
        Severity::Notice => agent_api::Severity::Notice,
        Severity::Degraded => agent_api::Severity::Degraded,
        Severity::Failing => agent_api::Severity::Failing,
    }
}

fn death_cause(cause: DeathCause) -> agent_api::DeathCause {
    match cause {
        DeathCause::Exit => agent_api::DeathCause::Exit,
        DeathCause::RefusedConfig => agent_api::DeathCause::RefusedConfig,
        DeathCause::Signal => agent_api::DeathCause::Signal,
        DeathCause::Oom => agent_api::DeathCause::Oom,
        DeathCause::OomLikely => agent_api::DeathCause::OomLikely,
        DeathCause::Restart => agent_api::DeathCause::Restart,
        DeathCause::Stopped => agent_api::DeathCause::Stopped,
        DeathCause::Crashed => agent_api::DeathCause::Crashed,
        DeathCause::PodDeleted => agent_api::DeathCause::PodDeleted,
        DeathCause::Unknown => agent_api::DeathCause::Unknown,
    }
}

fn channel(account: &ChannelAccount, view: &View) -> ChannelView {
    let time = |ms: Option<u64>| {
        let at = Timestamp::from_millisecond(i64::try_from(ms?).ok()?).ok()?;
        Some(at.to_string())
    };
    let reasons = [
        &account.last_error,
        &account.state_reason,
        &account.health_state,
    ];
    let state = channel_state(account, view);
    let troubled = !matches!(state, ChannelState::Up | ChannelState::Disabled);
    let reason = reasons.into_iter().flatten().next().filter(|_| troubled);
    ChannelView {
        channel: account.channel.clone(),
        account: account.account.clone(),
        state,
        last_inbound: time(account.last_inbound_ms),
        last_outbound: time(account.last_outbound_ms),
        reconnects: account.reconnect_attempts.unwrap_or_default(),
        reason: reason.map(|reason| ::health::words(reason)),
    }
}

/// By the gateway's words; one that a cause names is down, whatever else is said of it.
fn channel_state(account: &ChannelAccount, view: &View) -> ChannelState {
    let name = format!("{}/{}", account.channel, account.account);
    let dead = view.causes.iter().any(|cause| {
        cause.component() == Component::Channel
            && cause.severity() > Severity::Notice
            && cause.present()
            && cause.subject() == Some(name.as_str())
    });
    if dead {
        ChannelState::Down
    } else if account.enabled == Some(false) || account.configured == Some(false) {
        ChannelState::Disabled
    } else if account.linked == Some(false) {
        ChannelState::Unlinked
    } else if account.lifecycle.as_deref() == Some("starting") {
        ChannelState::Starting
    } else if account.connected == Some(false) || account.running == Some(false) {
        ChannelState::Down
    } else {
        ChannelState::Up
    }
}

fn resources(resources: &Resources) -> ResourcesView {
    let event_loop = resources.event_loop.as_ref();
    ResourcesView {
        memory_bytes: resources.memory,
        memory_limit_bytes: resources.memory_limit,
        cpu_cores: resources.cpu,
        event_loop_delay_seconds: event_loop
            .and_then(|said| said.delay_p99)
            .map(|delay| delay.as_secs_f64()),
        event_loop_utilization: event_loop.and_then(|said| said.utilization),
        disks: resources.disks.iter().filter_map(disk).collect(),
    }
}

fn disk(disk: &Disk) -> Option<DiskUsageView> {
    Some(DiskUsageView {
        volume: disk.volume.word().to_owned(),
        used_ratio: disk.used?,
        inodes_ratio: disk.inodes.unwrap_or_default(),
        free_bytes: disk.free.unwrap_or_default(),
    })
}

fn cures(view: &View) -> CuresView {
    CuresView {
        mode: match view.mode {
            Mode::Act => CureMode::Act,
            Mode::Observe => CureMode::Observe,
        },
        budgets: view.standing.iter().map(budget).collect(),
        recent: view.recent.iter().map(cure_view).collect(),
    }
}

fn budget(standing: &Standing) -> CureBudgetView {
    CureBudgetView {
        cure: cure_kind(standing.grade),
        per_hour: standing.grade.rule().per_hour_in_all,
        left: standing.left,
    }
}

fn cure_view(given: &Given) -> CureView {
    CureView {
        cure: cure_kind(given.cure.grade()),
        subject: subject(&given.cure),
        at: given.at.to_string(),
        component: component(given.cause.kind.row().component),
        reason: given.reason.clone(),
        outcome: outcome(given),
    }
}
