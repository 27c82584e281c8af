//! What several answers say of the gateway's event loop.

use std::time::Duration;

use serde::Deserialize;

use crate::clip::NAME;
use crate::lenient::{Few, Maybe};

/// More reasons than these are dropped.
const REASONS: usize = 8;

/// The event loop over the last second or so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventLoop {
    /// Whether the gateway itself calls it too busy.
    pub degraded: bool,
    /// For how long it has.
    pub degraded_for: Option<Duration>,
    /// Why, in the gateway's words, such as `cpu`.
    pub reasons: Vec<String>,
    /// How late it was, at the 99th percentile.
    pub delay_p99: Option<Duration>,
    /// How late it was at most.
    pub delay_max: Option<Duration>,
    /// The part of the time in which it was busy, 0 to 1.
    pub utilization: Option<f64>,
    /// Cores that the whole process uses.
    pub cpu_core_ratio: Option<f64>,
}

/// The same on the wire.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireLoop {
    degraded: Maybe<bool>,
    degraded_since_ms: Maybe<f64>,
    reasons: Maybe<Few<String, REASONS>>,
    delay_p99_ms: Maybe<f64>,
    delay_max_ms: Maybe<f64>,
    utilization: Maybe<f64>,
    cpu_core_ratio: Maybe<f64>,
}

impl From<WireLoop> for EventLoop {
    fn from(wire: WireLoop) -> Self {
        let ratio = |value: Maybe<f64>| value.0.filter(|value| *value >= 0.0);
        let reasons = wire.reasons.or_default().kept;
        Self {
            degraded: wire.degraded.or_default(),
            degraded_for: millis(wire.degraded_since_ms.0),
            reasons: reasons
                .iter()
                .map(|reason| crate::clip::clip(reason, NAME))
                .collect(),
            delay_p99: millis(wire.delay_p99_ms.0),
            delay_max: millis(wire.delay_max_ms.0),
            utilization: ratio(wire.utilization),
            cpu_core_ratio: ratio(wire.cpu_core_ratio),
        }
    }
}

/// A number of milliseconds that can be one.
pub(crate) fn millis(value: Option<f64>) -> Option<Duration> {
    value.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> EventLoop {
        serde_json::from_str::<WireLoop>(text).unwrap().into()
    }

    #[test]
    fn reads_what_the_gateway_says_under_load() {
        let said = read(
            r#"{"degraded":true,"degradedSinceMs":1145,"reasons":["cpu"],"intervalMs":1145.3,
            "delayP99Ms":210.5,"delayMaxMs":210.5,"utilization":0.755,"cpuCoreRatio":1.525,
            "cpuBreakdown":{"mainThreadCoreRatio":0.358,"hostCpuCount":2}}"#,
        );
        let late = Some(Duration::from_micros(210_500));
        let want = EventLoop {
            degraded: true,
            degraded_for: Some(Duration::from_millis(1145)),
            reasons: vec!["cpu".into()],
            delay_p99: late,
            delay_max: late,
            utilization: Some(0.755),
            cpu_core_ratio: Some(1.525),
        };
        assert_eq!(said, want);
    }

    #[test]
    fn odd_numbers_are_absent() {
        let said = read(
            r#"{"degraded":"no","degradedSinceMs":null,"reasons":[7],"delayP99Ms":-1,"delayMaxMs":1e300,
            "utilization":-0.5,"cpuCoreRatio":"1"}"#,
        );
        assert_eq!(said, EventLoop::default());
    }
}
