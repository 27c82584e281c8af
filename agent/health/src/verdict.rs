//! The pod in one word.

use std::time::Duration;

use crate::facts::{ChildState, Healthz, Link, Startup};
use crate::{Cause, Facts, Severity};

/// How long a start may take.
pub const START_BUDGET: Duration = Duration::from_secs(300);

/// The pod in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// All that is known is as it should be.
    Healthy,
    /// It serves, and something is broken.
    Degraded,
    /// It does not serve.
    Failing,
    /// It does not serve yet.
    Starting,
    /// It is told to end.
    Draining,
    /// It takes no new work until it is resumed.
    Suspended,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Healthy,
        Self::Degraded,
        Self::Failing,
        Self::Starting,
        Self::Draining,
        Self::Suspended,
    ];

    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::Suspended => "suspended",
        }
    }

    /// Whether the pod may get traffic: one broken channel takes nobody out of service.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Healthy | Self::Degraded | Self::Suspended)
    }
}

/// The first that holds:
///
/// 1. draining: we were told to end. Whatever breaks now is no news, and nobody should act on it.
/// 2. failing: something says so for certain. A lease and a start live in the gateway, and a dead one has neither.
/// 3. draining: the gateway itself ends or restarts.
/// 4. suspended: by lease.
/// 5. starting, within its budget. What is not up yet is not broken.
/// 6. degraded, else healthy.
pub fn verdict(facts: &Facts, causes: &[Cause]) -> Verdict {
    let worst = causes.iter().map(Cause::severity).max();
    if facts.agent.draining {
        Verdict::Draining
    } else if worst == Some(Severity::Failing) {
        Verdict::Failing
    } else if facts.gateway.leaving_since.is_some() {
        Verdict::Draining
    } else if facts.gateway.suspended.is_some() {
        Verdict::Suspended
    } else if starts(facts) {
        Verdict::Starting
    } else if worst == Some(Severity::Degraded) {
        Verdict::Degraded
    } else {
        Verdict::Healthy
    }
}

/// Whether the gateway is on its way up and may still be. What nobody has heard of is not up.
pub(crate) fn starts(facts: &Facts) -> bool {
    let gateway = &facts.gateway;
    let within = gateway
        .starting_since
        .is_none_or(|since| facts.at.saturating_sub(since) < START_BUDGET);
    let child = gateway.child.as_ref().map(|child| child.state);
    if matches!(child, Some(ChildState::Held | ChildState::Starting)) {
        return true;
    }
    // What comes up beside the agent has to be heard of once before its closed port is news.
    let awaited = gateway.last_answer.is_none() && facts.at < START_BUDGET;
    let announced = gateway.starting_since.is_some() && within;
    if gateway.healthz == Some(Healthz::Closed) {
        return announced || awaited;
    }
    match &gateway.startup {
        Some(Startup::Started) => false,
        Some(Startup::Starting { .. }) => within,
        _ if matches!(gateway.link, Some(Link::Up { .. })) => false,
        _ => announced || awaited,
    }
}
