//! What the config component counts.

use std::time::Duration;

use agent_api::{DriftAction, Outcome};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Seconds from a change to its proof: a hot key takes about one, a restart a few.
const BUCKETS: [f64; 10] = [0.05, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 90.0];

/// The families of the config component.
#[derive(Clone, Debug)]
pub struct Metrics {
    generation: IntGauge,
    applies: IntCounterVec,
    rollbacks: IntCounter,
    absences: IntCounter,
    drift: IntCounterVec,
    proof_seconds: Histogram,
    write_seconds: Histogram,
}

impl Metrics {
    /// Makes the families and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            generation: IntGauge::new(
                "pilotfish_config_generation",
                "Generation of the document on disk.",
            )?,
            applies: IntCounterVec::new(
                Opts::new(
                    "pilotfish_config_applies_total",
                    "Changes of the document by what became of them.",
                ),
                &["outcome"],
            )?,
            rollbacks: IntCounter::new(
                "pilotfish_config_rollbacks_total",
                "Changes that were undone.",
            )?,
            absences: IntCounter::new(
                "pilotfish_gateway_absences_total",
                "Times that the gateway was absent for longer than absent-after.",
            )?,
            drift: IntCounterVec::new(
                Opts::new(
                    "pilotfish_config_drift_total",
                    "Edits of the document by others, by what was done.",
                ),
                &["action"],
            )?,
            proof_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "pilotfish_config_proof_seconds",
                    "Time from a change to its proof.",
                )
                .buckets(BUCKETS.to_vec()),
            )?,
            write_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "pilotfish_config_write_seconds",
                    "Time from a change to the document on disk.",
                )
                .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0]),
            )?,
        };
        registry.register(Box::new(metrics.generation.clone()))?;
        registry.register(Box::new(metrics.applies.clone()))?;
        registry.register(Box::new(metrics.rollbacks.clone()))?;
        registry.register(Box::new(metrics.absences.clone()))?;
        registry.register(Box::new(metrics.drift.clone()))?;
        registry.register(Box::new(metrics.proof_seconds.clone()))?;
        registry.register(Box::new(metrics.write_seconds.clone()))?;
        for outcome in [
            Outcome::Proved,
            Outcome::NotProvable,
            Outcome::Refused,
            Outcome::RolledBack,
            Outcome::Quarantined,
            Outcome::Superseded,
            Outcome::Failed,
        ] {
            let label = outcome_label(outcome);
            label.map(|label| metrics.applies.with_label_values(&[label]));
        }
        for action in [
            DriftAction::PutBack,
            DriftAction::Adopted,
            DriftAction::Conflict,
            DriftAction::Fight,
        ] {
            metrics.drift.with_label_values(&[action_label(action)]);
        }
        Ok(metrics)
    }

    pub(super) fn written(&self, generation: u64, took: Duration) {
        self.generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.write_seconds.observe(took.as_secs_f64());
    }

    /// Counts a change that ended; what goes on, or changed nothing, is not counted.
    pub(super) fn applied(&self, outcome: Outcome) {
        if let Some(label) = outcome_label(outcome) {
            self.applies.with_label_values(&[label]).inc();
        }
    }

    pub(super) fn proved(&self, seconds: f64) {
        self.proof_seconds.observe(seconds);
    }

    pub(super) fn rolled_back(&self) {
        self.rollbacks.inc();
    }

    pub(super) fn absent(&self) {
        self.absences.inc();
    }

    pub(super) fn drifted(&self, action: DriftAction) {
        self.drift.with_label_values(&[action_label(action)]).inc();
    }
}

fn outcome_label(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Proved => "proved",
        Outcome::NotProvable => "not_provable",
        Outcome::Refused => "refused",
        Outcome::RolledBack => "rolled_back",
        Outcome::Quarantined => "quarantined",
        Outcome::Superseded => "superseded",
        Outcome::Failed => "failed",
        Outcome::Pending | Outcome::Unchanged | Outcome::Unknown => return None,
    })
}

fn action_label(action: DriftAction) -> &'static str {
    match action {
        DriftAction::PutBack => "put_back",
        DriftAction::Adopted => "adopted",
        DriftAction::Conflict => "conflict",
        DriftAction::Fight => "fight",
        DriftAction::LeftAlone | DriftAction::Unknown => "left_alone",
    }
}
