//! What the guard counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The families of the guard.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    pub(crate) streams: IntGauge,
    pub(crate) stream_bytes: IntCounter,
}

/// What a request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    System,
    Events,
    List,
    Create,
    Container,
    Start,
    Remove,
    Attach,
    Exec,
    Image,
    Network,
    Other,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Refused,
    Invalid,
    Absent,
    Busy,
    Failed,
}

impl Label {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Events => "events",
            Self::List => "list",
            Self::Create => "create",
            Self::Container => "container",
            Self::Start => "start",
            Self::Remove => "remove",
            Self::Attach => "attach",
            Self::Exec => "exec",
            Self::Image => "image",
            Self::Network => "network",
            Self::Other => "other",
        }
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Absent => "absent",
            Self::Busy => "busy",
            Self::Failed => "failed",
        }
    }
}

impl Metrics {
    /// Makes the families and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = Opts::new(
            "pilotfish_guard_requests_total",
            "Requests on the guard's Docker socket by route and verdict.",
        );
        let metrics = Self {
            requests: IntCounterVec::new(requests, &["route", "verdict"])?,
            streams: IntGauge::new(
                "pilotfish_guard_streams",
                "Attached streams that pass through the guard.",
            )?,
            stream_bytes: IntCounter::new(
                "pilotfish_guard_stream_bytes_total",
                "Bytes of attached streams that passed the guard, in both directions.",
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.streams.clone()))?;
        registry.register(Box::new(metrics.stream_bytes.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, route: Label, verdict: Verdict) {
        let labels = [route.name(), verdict.name()];
        self.requests.with_label_values(&labels).inc();
    }
}
