//! The verdict and its causes, cures and deaths, disks: what Prometheus reads of them.

use ::health::cure::Grade;
use ::health::death::DeathCause;
use ::health::facts::Volume;
use ::health::{Component, Severity, Verdict};
use agent_api::CureOutcome;
use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::view::View;

/// What can come of a cure, as a label.
const OUTCOMES: [&str; 5] = ["helped", "no_help", "worse", "failed", "observed"];

/// The families of this room.
#[derive(Clone, Debug)]
pub struct Metrics {
    verdict: IntGaugeVec,
    causes: IntGaugeVec,
    up: IntGauge,
    delay: Gauge,
    utilization: Gauge,
    deaths: IntCounterVec,
    cures: IntCounterVec,
    left: IntGaugeVec,
    disk_used: GaugeVec,
    disk_size: GaugeVec,
}

impl Metrics {
    /// Registers them. What is counted is there from the start; what is measured, once it is known.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::new()?;
        registry.register(Box::new(metrics.verdict.clone()))?;
        registry.register(Box::new(metrics.causes.clone()))?;
        registry.register(Box::new(metrics.up.clone()))?;
        registry.register(Box::new(metrics.delay.clone()))?;
        registry.register(Box::new(metrics.utilization.clone()))?;
        registry.register(Box::new(metrics.deaths.clone()))?;
        registry.register(Box::new(metrics.cures.clone()))?;
        registry.register(Box::new(metrics.left.clone()))?;
        registry.register(Box::new(metrics.disk_used.clone()))?;
        registry.register(Box::new(metrics.disk_size.clone()))?;
        Ok(metrics)
    }

    fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            verdict: gauges(
                "pilotfish_health_verdict",
                "1 for the verdict on this pod, 0 for all others.",
                &["verdict"],
            )?,
            causes: gauges(
                "pilotfish_health_causes",
                "Things that are not as they should be.",
                &["component", "severity"],
            )?,
            up: IntGauge::new(
                "pilotfish_gateway_up",
                "Whether the gateway answers over its protocol.",
            )?,
            delay: Gauge::new(
                "pilotfish_gateway_event_loop_delay_seconds",
                "99th percentile of the delay of the gateway's event loop.",
            )?,
            utilization: Gauge::new(
                "pilotfish_gateway_event_loop_utilization_ratio",
                "The part of the time that the gateway's event loop is busy.",
            )?,
            deaths: counters(
                "pilotfish_gateway_deaths_total",
                "Ends of the gateway.",
                &["cause"],
            )?,
            cures: counters(
                "pilotfish_cures_total",
                "Cures, by what came of them.",
                &["cure", "outcome"],
            )?,
            left: gauges(
                "pilotfish_cures_left",
                "How often a cure may still be given in this hour.",
                &["cure"],
            )?,
            disk_used: GaugeVec::new(
                Opts::new("pilotfish_disk_used_ratio", "The used part of a disk."),
                &["volume", "resource"],
            )?,
            disk_size: GaugeVec::new(
                Opts::new("pilotfish_disk_size_bytes", "How large a disk is."),
                &["volume"],
            )?,
        };
        metrics.fill();
        Ok(metrics)
    }

    fn fill(&self) {
        for component in Component::ALL {
            for severity in [Severity::Degraded, Severity::Failing] {
                self.causes
                    .with_label_values(&[component.word(), severity.word()]);
            }
        }
        for cause in DeathCause::ALL {
            self.deaths.with_label_values(&[cause.word()]);
        }
        for grade in Grade::ALL {
            for outcome in OUTCOMES {
                self.cures.with_label_values(&[grade.word(), outcome]);
            }
        }
        self.says(Verdict::Starting);
    }

    fn says(&self, said: Verdict) {
        for verdict in Verdict::ALL {
            self.verdict
                .with_label_values(&[verdict.word()])
                .set(i64::from(verdict == said));
        }
    }

    pub(super) fn shows(&self, view: &View, is_up: bool) {
        self.says(view.verdict);
        self.up.set(i64::from(is_up));
        for component in Component::ALL {
            for severity in [Severity::Degraded, Severity::Failing] {
                let such = view
                    .causes
                    .iter()
                    .filter(|cause| (cause.component(), cause.severity()) == (component, severity));
                let count = i64::try_from(such.count()).unwrap_or(i64::MAX);
                self.causes
                    .with_label_values(&[component.word(), severity.word()])
                    .set(count);
            }
        }
        for standing in &view.standing {
            let left = self.left.with_label_values(&[standing.grade.word()]);
            left.set(i64::from(standing.left));
        }
        if let Some(said) = &view.resources.event_loop {
            self.delay
                .set(said.delay_p99.unwrap_or_default().as_secs_f64());
            self.utilization.set(said.utilization.unwrap_or_default());
        }
        for disk in &view.resources.disks {
            self.disk(disk.volume, disk);
        }
    }

    fn disk(&self, volume: Volume, disk: &::health::facts::Disk) {
        for (resource, used) in [("bytes", disk.used), ("inodes", disk.inodes)] {
            if let Some(used) = used {
                self.disk_used
                    .with_label_values(&[volume.word(), resource])
                    .set(used);
            }
        }
        if let (Some(used), Some(free)) = (disk.used.filter(|used| *used < 1.0), disk.free) {
            // Far below 2^53 for every disk there is.
            self.disk_size
                .with_label_values(&[volume.word()])
                .set(free as f64 / (1.0 - used));
        }
    }

    pub(super) fn died(&self, cause: DeathCause) {
        self.deaths.with_label_values(&[cause.word()]).inc();
    }

    pub(super) fn cured(&self, grade: Grade, outcome: CureOutcome) {
        let word = match outcome {
            CureOutcome::Helped => "helped",
            CureOutcome::NoHelp => "no_help",
            CureOutcome::Worse => "worse",
            CureOutcome::Failed => "failed",
            CureOutcome::Observed => "observed",
            CureOutcome::Pending | CureOutcome::Unknown => return,
        };
        self.cures.with_label_values(&[grade.word(), word]).inc();
    }
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}
