//! What the owner of the sandboxes counts: at most 70 series, however many sandboxes there are.

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use crate::{Attempt, Disk, Fate, Meaning, Moment, PassReport, Reason, Sandbox, State, Step};

/// Ages that sandboxes are counted up to, in seconds; a minute to a week.
const AGES: [(&str, u64); 6] = [
    ("60", 60),
    ("600", 600),
    ("3600", 3600),
    ("21600", 21_600),
    ("86400", 86_400),
    ("604800", 604_800),
];

/// The age beyond all others.
const OLDER: &str = "+Inf";

/// Seconds that sandboxes lived.
const LIFETIMES: [f64; 6] = [60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 604_800.0];

/// Seconds of a pass: most have nothing to do.
const PASSES: [f64; 4] = [0.01, 0.1, 1.0, 10.0];

/// What may go for which reason.
const REASONS: [(&str, &[Reason]); 7] = [
    (
        "container",
        &[
            Reason::Exited,
            Reason::Orphan,
            Reason::Age,
            Reason::Count,
            Reason::Idle,
            Reason::Stale,
            Reason::Asked,
        ],
    ),
    ("folder", &[Reason::Orphan]),
    ("image", &[Reason::Unused]),
    ("volume", &[Reason::Unused]),
    ("network", &[Reason::Unused]),
    ("layers", &[Reason::Unused]),
    ("build_cache", &[Reason::Unused]),
];

/// The families of the sandbox component.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) sandboxes: IntGaugeVec,
    ages: IntGaugeVec,
    pub(crate) lifetime: Histogram,
    removals: IntCounterVec,
    failures: IntCounterVec,
    bytes_freed: IntCounter,
    pass: Histogram,
    pub(crate) up: IntGauge,
    losses: IntCounter,
    disk: GaugeVec,
    step: IntGauge,
    full_of_live: IntGauge,
    images_missing: Gauge,
}

impl Metrics {
    /// Makes the families and registers them.
    ///
    /// # Errors
    /// Where one of them is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::new()?;
        registry.register(Box::new(metrics.sandboxes.clone()))?;
        registry.register(Box::new(metrics.ages.clone()))?;
        registry.register(Box::new(metrics.lifetime.clone()))?;
        registry.register(Box::new(metrics.removals.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.bytes_freed.clone()))?;
        registry.register(Box::new(metrics.pass.clone()))?;
        registry.register(Box::new(metrics.up.clone()))?;
        registry.register(Box::new(metrics.losses.clone()))?;
        registry.register(Box::new(metrics.disk.clone()))?;
        registry.register(Box::new(metrics.step.clone()))?;
        registry.register(Box::new(metrics.full_of_live.clone()))?;
        registry.register(Box::new(metrics.images_missing.clone()))?;
        registry.register(Box::new(metrics.platform()?))?;
        Ok(metrics)
    }

    fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            sandboxes: gauges(
                "pilotfish_sandboxes",
                "Sandboxes that the daemon has, by state.",
                "state",
            )?,
            ages: gauges(
                "pilotfish_sandboxes_by_age",
                "Sandboxes that the daemon has, by the seconds since they were made.",
                "up_to",
            )?,
            lifetime: histogram(
                "pilotfish_sandbox_lifetime_seconds",
                "Time from the making of a sandbox to its removal.",
                &LIFETIMES,
            )?,
            removals: counters(
                "pilotfish_sandbox_removals_total",
                "What was removed from the sandbox daemon, by kind and reason.",
                &["kind", "reason"],
            )?,
            failures: counters(
                "pilotfish_sandbox_removal_failures_total",
                "Removals that failed, by what the daemon's refusal means.",
                &["reason"],
            )?,
            bytes_freed: IntCounter::new(
                "pilotfish_sandbox_freed_bytes_total",
                "Bytes that removals freed, as far as the daemon tells.",
            )?,
            pass: histogram(
                "pilotfish_sandbox_pass_seconds",
                "Time that a pass over the sandboxes took.",
                &PASSES,
            )?,
            up: IntGauge::new(
                "pilotfish_sandbox_daemon_up",
                "Whether the sandbox daemon answers and its inventory is true.",
            )?,
            losses: IntCounter::new(
                "pilotfish_sandbox_daemon_losses_total",
                "Times that the sandbox daemon was lost, or not to be reached.",
            )?,
            disk: GaugeVec::new(
                Opts::new(
                    "pilotfish_sandbox_disk_used_ratio",
                    "The used part of the sandbox daemon's disk.",
                ),
                &["resource"],
            )?,
            step: IntGauge::new(
                "pilotfish_sandbox_disk_step",
                "How strict the disk makes the rules: 0 normal, 1 tight, 2 strict, 3 critical.",
            )?,
            full_of_live: IntGauge::new(
                "pilotfish_sandbox_disk_full_of_live",
                "Whether the disk is critically full and only live sandboxes are left.",
            )?,
            images_missing: Gauge::new(
                "pilotfish_sandbox_images_missing",
                "Images that sandboxes need and the daemon does not have, or has unfit.",
            )?,
        };
        metrics.fill();
        Ok(metrics)
    }

    /// All series are there from the start.
    fn fill(&self) {
        for state in State::ALL {
            self.sandboxes.with_label_values(&[state.as_str()]);
        }
        for age in AGES.map(|(age, _)| age).into_iter().chain([OLDER]) {
            self.ages.with_label_values(&[age]);
        }
        for (kind, reasons) in REASONS {
            for reason in reasons {
                self.removals.with_label_values(&[kind, reason.as_str()]);
            }
        }
        for meaning in failing() {
            self.failures.with_label_values(&[meaning.as_str()]);
        }
        for resource in ["bytes", "inodes"] {
            self.disk.with_label_values(&[resource]);
        }
    }

    pub(crate) fn shows<'a>(&self, sandboxes: impl Iterator<Item = &'a Sandbox>, now: Moment) {
        let mut states = [0; State::ALL.len()];
        let mut ages = [0; AGES.len() + 1];
        for sandbox in sandboxes {
            let state = State::ALL.iter().position(|state| *state == sandbox.state);
            states[state.unwrap_or_default()] += 1;
            let age = now.since(sandbox.created).as_secs();
            let place = AGES.iter().position(|(_, most)| age <= *most);
            ages[place.unwrap_or(AGES.len())] += 1;
        }
        for (state, count) in State::ALL.iter().zip(states) {
            let gauge = self.sandboxes.with_label_values(&[state.as_str()]);
            gauge.set(count);
        }
        let labels = AGES.iter().map(|(age, _)| *age).chain([OLDER]);
        for (label, count) in labels.zip(ages) {
            self.ages.with_label_values(&[label]).set(count);
        }
    }

    pub(crate) fn lived(&self, created: Moment, now: Moment) {
        let life = now.since(created);
        self.lifetime.observe(life.as_secs_f64());
    }

    pub(crate) fn tried(&self, attempt: &Attempt) {
        let Attempt { removal, fate } = attempt;
        match fate {
            Fate::Removed(bytes) => {
                let labels = [removal.target.kind(), removal.reason.as_str()];
                self.removals.with_label_values(&labels).inc();
                self.bytes_freed.inc_by(*bytes);
            }
            Fate::Failed(error) => self.failures.with_label_values(&[error.reason()]).inc(),
            Fate::Gone | Fate::Live(_) | Fate::InUse | Fate::NotNeeded => {}
        }
    }

    pub(crate) fn passed(&self, report: &PassReport) {
        self.pass.observe(report.took.as_secs_f64());
        self.full_of_live.set(i64::from(report.full_of_live));
    }

    pub(crate) fn daemon_up(&self, is_up: bool) {
        self.up.set(i64::from(is_up));
        if !is_up {
            self.losses.inc();
        }
    }

    pub(crate) fn disk_read(&self, disk: Option<&Disk>, step: Step) {
        let disk = disk.copied().unwrap_or_default();
        for (resource, share) in [("bytes", disk.bytes), ("inodes", disk.inodes)] {
            let gauge = self.disk.with_label_values(&[resource]);
            gauge.set(share.percent() / 100.0);
        }
        let number = Step::ALL.iter().position(|each| *each == step);
        self.step.set(
            number
                .and_then(|number| i64::try_from(number).ok())
                .unwrap_or(0),
        );
    }

    pub(crate) fn images(&self, missing: usize) {
        // A handful.
        self.images_missing.set(missing as f64);
    }
}

/// The meanings that make a removal fail.
fn failing() -> impl Iterator<Item = Meaning> {
    let harmless = [Meaning::Gone, Meaning::InProgress, Meaning::InUse];
    Meaning::ALL
        .into_iter()
        .filter(move |meaning| !harmless.contains(meaning))
}

fn gauges(name: &str, help: &str, label: &str) -> Result<IntGaugeVec, prometheus::Error> {
    IntGaugeVec::new(Opts::new(name, help), &[label])
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, prometheus::Error> {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn there_are_at_most_seventy_series() {
        let registry = Registry::new();
        Metrics::register(&registry).unwrap();
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        assert!(series <= 70, "{series}:\n{text}");
    }

    #[test]
    fn every_kind_has_its_reasons() {
        let mut known: Vec<&str> = REASONS.iter().map(|(kind, _)| *kind).collect();
        let mut kinds = Target::KINDS.to_vec();
        known.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(known, kinds);
    }
}
