//! The budget of each grade.

use std::time::Duration;

use crate::Component;
use crate::cure::Grade;

/// How often a cure may be given, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The grade.
    pub grade: Grade,
    /// Between two of them for one cause.
    pub cool_down: Duration,
    /// How often in any hour, for one cause.
    pub per_hour: u32,
    /// How often in any hour, for the whole pod.
    pub per_hour_in_all: u32,
    /// After so long it is asked whether it helped.
    pub helps_within: Duration,
    /// What it hopes for.
    pub hopes: &'static str,
    /// Where a new trouble after it is laid to it.
    pub touches: &'static [Component],
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a restart of the gateway touches: all that lives in it.
const GATEWAY: &[Component] = &[
    Component::Gateway,
    Component::Startup,
    Component::EventLoop,
    Component::Channel,
    Component::Plugin,
    Component::Secrets,
];

/// In the order of [`Grade`].
pub const RULES: [Rule; 6] = [
    Rule {
        grade: Grade::RestartChannel,
        cool_down: seconds(120),
        per_hour: 3,
        per_hour_in_all: 30,
        helps_within: seconds(150),
        hopes: "a new connection of this account",
        touches: &[
            Component::Channel,
            Component::Gateway,
            Component::Startup,
            Component::EventLoop,
        ],
    },
    Rule {
        grade: Grade::ReloadSecrets,
        cool_down: seconds(300),
        per_hour: 4,
        per_hour_in_all: 6,
        helps_within: seconds(60),
        hopes: "the gateway reads the secrets as they are now",
        touches: GATEWAY,
    },
    Rule {
        grade: Grade::RestartGateway,
        cool_down: seconds(600),
        per_hour: 2,
        per_hour_in_all: 2,
        helps_within: seconds(360),
        hopes: "a new life of the gateway, after its runs have ended",
        touches: GATEWAY,
    },
    Rule {
        grade: Grade::RestartInside,
        cool_down: seconds(600),
        per_hour: 2,
        per_hour_in_all: 2,
        helps_within: seconds(60),
        hopes: "a new life of the gateway in the same process",
        touches: GATEWAY,
    },
    Rule {
        grade: Grade::EndGateway,
        cool_down: seconds(600),
        per_hour: 3,
        per_hour_in_all: 3,
        helps_within: seconds(400),
        hopes: "a new process",
        touches: GATEWAY,
    },
    Rule {
        grade: Grade::LeaveToKubelet,
        cool_down: seconds(600),
        per_hour: 1,
        per_hour_in_all: 2,
        helps_within: seconds(900),
        hopes: "the kubelet's liveness probe restarts the container",
        touches: &[],
    },
];
