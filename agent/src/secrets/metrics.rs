//! What the secrets component counts.

use prometheus::{IntCounterVec, Opts, Registry};

/// The families of the secrets component.
#[derive(Clone, Debug)]
pub struct Metrics {
    reloads: IntCounterVec,
}

impl Metrics {
    /// Makes the families and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new(
            "pilotfish_secrets_reloads_total",
            "Reloads of the gateway's secrets by what came of them.",
        );
        let metrics = Self {
            reloads: IntCounterVec::new(opts, &["outcome"])?,
        };
        registry.register(Box::new(metrics.reloads.clone()))?;
        for outcome in ["all", "degraded", "unasked", "failed"] {
            metrics.reloads.with_label_values(&[outcome]);
        }
        Ok(metrics)
    }

    pub(super) fn reloaded(&self, outcome: &str) {
        self.reloads.with_label_values(&[outcome]).inc();
    }
}
