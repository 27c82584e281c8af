//! What the guard counts: at most 32 series, whatever the gateway asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// So many pairs of a route and a verdict that is not `passed` are counted apart. The gateway could ask for all of them;
/// the rest is counted for the route `other`.
const APART: u32 = 13;

/// The families of the guard.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    /// The pairs that are counted apart, a bit for each.
    apart: Arc<AtomicU64>,
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
    Refused,
    Invalid,
    Absent,
    Busy,
    Failed,
    Passed,
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
    /// How many there are but `passed`.
    const COUNT: u64 = 5;

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
            apart: Arc::default(),
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

    /// The streams that are open now.
    pub fn open_streams(&self) -> u64 {
        u64::try_from(self.streams.get()).unwrap_or(0)
    }

    pub(crate) fn answered(&self, route: Label, verdict: Verdict) {
        let route = if self.is_apart(route, verdict) {
            route
        } else {
            Label::Other
        };
        let labels = [route.name(), verdict.name()];
        self.requests.with_label_values(&labels).inc();
    }

    /// Whether this pair has a series of its own: the first that come do.
    fn is_apart(&self, route: Label, verdict: Verdict) -> bool {
        if verdict == Verdict::Passed || route == Label::Other {
            return true;
        }
        let bit = 1 << (route as u64 * Verdict::COUNT + verdict as u64);
        let known = self.apart.load(Ordering::Relaxed);
        if known & bit == 0 && known.count_ones() >= APART {
            return false;
        }
        self.apart.fetch_or(bit, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [Label; 12] = [
        Label::System,
        Label::Events,
        Label::List,
        Label::Create,
        Label::Container,
        Label::Start,
        Label::Remove,
        Label::Attach,
        Label::Exec,
        Label::Image,
        Label::Network,
        Label::Other,
    ];

    const VERDICTS: [Verdict; 6] = [
        Verdict::Refused,
        Verdict::Invalid,
        Verdict::Absent,
        Verdict::Busy,
        Verdict::Failed,
        Verdict::Passed,
    ];

    #[test]
    fn there_are_at_most_thirty_two_series_and_nothing_is_lost() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        for _ in 0..2 {
            for route in ROUTES {
                for verdict in VERDICTS {
                    metrics.answered(route, verdict);
                }
            }
        }
        let families = registry.gather();
        let series: usize = families
            .iter()
            .map(|family| family.get_metric().len())
            .sum();
        assert_eq!(series, 32);
        let requests = families
            .iter()
            .find(|family| family.name().contains("requests"));
        let counts = requests.unwrap().get_metric().iter();
        let sum: f64 = counts.map(|metric| metric.get_counter().get_value()).sum();
        assert_eq!(sum, 144.0);
        let first = ["system", "refused"];
        assert_eq!(metrics.requests.with_label_values(&first).get(), 2);
        assert_eq!(
            metrics
                .requests
                .with_label_values(&["network", "busy"])
                .get(),
            0
        );
    }
}
