//! The platform's families, of which the gateway is the source.
//!
//! A family is always named on the page; a sample is there once something is known, and gone when it no longer is.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry,
};

use super::counters::{Amounts, Model};
use super::labels::OTHER;

/// Seconds that a model takes to answer. As many as `labels.rs` counts.
const ANSWERS: [f64; 7] = [0.1, 0.5, 2.0, 5.0, 15.0, 60.0, 120.0];

/// Seconds that a webhook takes.
const WEBHOOKS: [f64; 7] = [0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The one value of a family without labels.
const NO_LABELS: [&str; 0] = [];

/// The families of this room.
#[derive(Clone, Debug)]
pub struct Metrics {
    calls: IntCounterVec,
    tokens: IntCounterVec,
    cost: CounterVec,
    latency: HistogramVec,
    failures: GaugeVec,
    webhooks: IntCounterVec,
    webhook_seconds: HistogramVec,
    missed: IntCounterVec,
    sessions: GaugeVec,
    active_sessions: GaugeVec,
    channels: GaugeVec,
    cpu: GaugeVec,
    cpu_seconds: CounterVec,
    memory: GaugeVec,
    memory_bytes: GaugeVec,
    memory_limit: GaugeVec,
    memory_index: GaugeVec,
    plan: GaugeVec,
    build: GaugeVec,
}

impl Metrics {
    /// Makes the families and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self::new()?;
        metrics.register_models(registry)?;
        metrics.register_pod(registry)?;
        let version = env!("CARGO_PKG_VERSION");
        metrics.build.with_label_values(&[version]).set(1.0);
        metrics.missed.with_label_values(&NO_LABELS);
        Ok(metrics)
    }

    fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            calls: counters(
                "openclaw_llm_api_calls_total",
                "Calls of models that ended, by outcome.",
                &["provider", "model", "status"],
            )?,
            tokens: counters(
                "openclaw_llm_tokens_total",
                "Tokens that went in, those of a cache included, and that came out.",
                &["provider", "model", "type"],
            )?,
            cost: CounterVec::new(
                Opts::new(
                    "openclaw_llm_cost_usd_total",
                    "Cost in US dollars, by the prices in the gateway's document.",
                ),
                &["provider", "model"],
            )?,
            latency: histogram(
                "openclaw_llm_api_latency_seconds",
                "Time from a call of a model to the end of its answer; failures are not measured.",
                &ANSWERS,
                "provider",
            )?,
            failures: gauge(
                "openclaw_llm_consecutive_errors",
                "Calls of a provider's models that failed in a row.",
                &["provider"],
            )?,
            webhooks: counters(
                "openclaw_webhook_requests_total",
                "Calls of webhooks that were answered or failed.",
                &["platform", "status"],
            )?,
            webhook_seconds: histogram(
                "openclaw_webhook_duration_seconds",
                "Time that the answer to a webhook took.",
                &WEBHOOKS,
                "platform",
            )?,
            missed: counters(
                "pilotfish_usage_missed_total",
                "Records of the gateway that were gone before they were read: calls and webhooks among them are not counted.",
                &NO_LABELS,
            )?,
            sessions: gauge(
                "openclaw_session_count",
                "Sessions that the gateway has.",
                &NO_LABELS,
            )?,
            active_sessions: gauge(
                "openclaw_session_active_count",
                "Sessions in which a run is active or waits.",
                &NO_LABELS,
            )?,
            channels: gauge(
                "openclaw_channel_up",
                "Whether all accounts of a channel that should be connected are.",
                &["channel"],
            )?,
            cpu: gauge(
                "openclaw_pod_cpu_usage",
                "Cores that the gateway uses.",
                &NO_LABELS,
            )?,
            cpu_seconds: CounterVec::new(
                Opts::new(
                    "openclaw_pod_cpu_usage_seconds_total",
                    "CPU time of the gateway's control group.",
                ),
                &NO_LABELS,
            )?,
            memory: gauge(
                "openclaw_pod_memory_usage",
                "Memory that the gateway uses, in bytes.",
                &NO_LABELS,
            )?,
            memory_bytes: gauge(
                "openclaw_pod_memory_usage_bytes",
                "Memory that the gateway uses.",
                &NO_LABELS,
            )?,
            memory_limit: gauge(
                "pilotfish_memory_limit_bytes",
                "Memory that the gateway may use.",
                &NO_LABELS,
            )?,
            memory_index: gauge(
                "openclaw_memory_index_size_bytes",
                "Size of the memory's index; no release tells it apart from what else is in the same file.",
                &NO_LABELS,
            )?,
            plan: gauge(
                "pilotfish_plan_limit",
                "What the instance's plan allows.",
                &["resource"],
            )?,
            build: gauge("pilotfish_build_info", "The agent's version.", &["version"])?,
        })
    }

    fn register_models(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.calls.clone()))?;
        registry.register(Box::new(self.tokens.clone()))?;
        registry.register(Box::new(self.cost.clone()))?;
        registry.register(Box::new(self.latency.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.webhooks.clone()))?;
        registry.register(Box::new(self.webhook_seconds.clone()))?;
        registry.register(Box::new(self.missed.clone()))
    }

    fn register_pod(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.sessions.clone()))?;
        registry.register(Box::new(self.active_sessions.clone()))?;
        registry.register(Box::new(self.channels.clone()))?;
        registry.register(Box::new(self.cpu.clone()))?;
        registry.register(Box::new(self.cpu_seconds.clone()))?;
        registry.register(Box::new(self.memory.clone()))?;
        registry.register(Box::new(self.memory_bytes.clone()))?;
        registry.register(Box::new(self.memory_limit.clone()))?;
        registry.register(Box::new(self.plan.clone()))?;
        registry.register(Box::new(self.build.clone()))
    }

    /// The families that the page names even without a sample.
    pub fn declared(&self) -> [&dyn Collector; 17] {
        [
            &self.calls,
            &self.tokens,
            &self.cost,
            &self.latency,
            &self.failures,
            &self.webhooks,
            &self.webhook_seconds,
            &self.sessions,
            &self.active_sessions,
            &self.channels,
            &self.cpu,
            &self.cpu_seconds,
            &self.memory,
            &self.memory_bytes,
            &self.memory_limit,
            &self.memory_index,
            &self.plan,
        ]
    }

    /// A call of a model ended. `provider` has a label of its own, or nothing more is measured of it.
    pub(super) fn called(
        &self,
        model: &Model,
        provider: Option<&str>,
        ok: bool,
        took: Option<Duration>,
    ) {
        // Both are there from the first call on: a rate needs to see the step from zero.
        for (status, is_it) in [("ok", ok), ("error", !ok)] {
            let labels = [model.provider.as_str(), model.model.as_str(), status];
            self.calls
                .with_label_values(&labels)
                .inc_by(u64::from(is_it));
        }
        let Some(provider) = provider else { return };
        let failures = self.failures.with_label_values(&[provider]);
        failures.set(if ok { 0.0 } else { failures.get() + 1.0 });
        if let Some(took) = took.filter(|_| ok) {
            let latency = self.latency.with_label_values(&[provider]);
            latency.observe(took.as_secs_f64());
        }
    }

    /// Models were used for so much more.
    pub(super) fn used(&self, more: &Amounts) {
        for (model, used) in more {
            let Model { provider, model } = model;
            for (kind, tokens) in [("input", used.input), ("output", used.output)] {
                let labels = [provider.as_str(), model.as_str(), kind];
                self.tokens.with_label_values(&labels).inc_by(tokens);
            }
            let labels = [provider.as_str(), model.as_str()];
            self.cost.with_label_values(&labels).inc_by(used.cost_usd);
        }
    }

    /// A webhook was answered or failed.
    pub(super) fn webhook(&self, platform: Option<&str>, ok: bool, took: Option<Duration>) {
        for (status, is_it) in [("ok", ok), ("error", !ok)] {
            let labels = [platform.unwrap_or(OTHER), status];
            self.webhooks
                .with_label_values(&labels)
                .inc_by(u64::from(is_it));
        }
        if let (Some(platform), Some(took)) = (platform, took) {
            let seconds = self.webhook_seconds.with_label_values(&[platform]);
            seconds.observe(took.as_secs_f64());
        }
    }

    pub(super) fn missed(&self, records: u64) {
        self.missed.with_label_values(&NO_LABELS).inc_by(records);
    }

    /// The sessions, as far as they are known.
    pub(super) fn sessions(&self, all: Option<u64>, active: Option<u64>) {
        show(&self.sessions, all.map(|count| count as f64));
        show(&self.active_sessions, active.map(|count| count as f64));
    }

    /// The channels that should be up, and whether they are.
    pub(super) fn channels(&self, channels: &[(&str, bool)]) {
        self.channels.reset();
        for (channel, is_up) in channels {
            let gauge = self.channels.with_label_values(&[channel]);
            gauge.set(f64::from(u8::from(*is_up)));
        }
    }

    /// What the gateway uses, as far as it is known.
    pub(super) fn pod(&self, cores: Option<f64>, memory_bytes: Option<u64>) {
        show(&self.cpu, cores);
        let bytes = memory_bytes.map(|bytes| bytes as f64);
        show(&self.memory, bytes);
        show(&self.memory_bytes, bytes);
    }

    /// It used so much more processor time.
    pub(super) fn processor(&self, more: Duration) {
        let seconds = self.cpu_seconds.with_label_values(&NO_LABELS);
        seconds.inc_by(more.as_secs_f64());
    }

    pub(super) fn memory_limit(&self, bytes: Option<u64>) {
        show(&self.memory_limit, bytes.map(|bytes| bytes as f64));
    }

    pub(super) fn plan(&self, resource: &str, limit: f64) {
        self.plan.with_label_values(&[resource]).set(limit);
    }
}

fn show(gauge: &GaugeVec, value: Option<f64>) {
    match value {
        Some(value) => gauge.with_label_values(&NO_LABELS).set(value),
        None => gauge.reset(),
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn gauge(name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(Opts::new(name, help), labels)
}

fn histogram(
    name: &str,
    help: &str,
    buckets: &[f64],
    label: &str,
) -> Result<HistogramVec, prometheus::Error> {
    let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    HistogramVec::new(opts, &[label])
}
