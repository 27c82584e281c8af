//! The platform's names for what is counted here: the same numbers, not a second book.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily};

use crate::Metrics;

/// What [`Metrics`] count, under the platform's names.
#[derive(Clone, Debug)]
pub struct Platform {
    metrics: Metrics,
    count: Desc,
    lives: Desc,
}

impl Metrics {
    /// The same numbers under the platform's names.
    ///
    /// # Errors
    /// Never: the names are names.
    pub fn platform(&self) -> Result<Platform, prometheus::Error> {
        Ok(Platform {
            metrics: self.clone(),
            count: described(
                "openclaw_sandbox_container_count",
                "Sandboxes that the daemon has.",
            )?,
            lives: described(
                "openclaw_sandbox_container_lifecycle_seconds",
                "Time from the making of a sandbox to its end.",
            )?,
        })
    }
}

impl Platform {
    /// All states together; no sample while the daemon does not tell.
    fn count(&self) -> MetricFamily {
        let mut family = MetricFamily::default();
        for states in self.metrics.sandboxes.collect() {
            let counts = states.get_metric().iter();
            let sum = counts.map(|state| state.get_gauge().get_value()).sum();
            let samples = if self.metrics.up.get() == 1 {
                vec![sample(sum)]
            } else {
                Vec::new()
            };
            family = states;
            family.set_metric(samples);
        }
        named(family, &self.count)
    }

    fn lives(&self) -> impl Iterator<Item = MetricFamily> {
        let families = self.metrics.lifetime.collect().into_iter();
        families.map(|family| named(family, &self.lives))
    }
}

impl Collector for Platform {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.count, &self.lives]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.lives().chain([self.count()]).collect()
    }
}

fn described(name: &str, help: &str) -> Result<Desc, prometheus::Error> {
    Desc::new(name.to_owned(), help.to_owned(), Vec::new(), HashMap::new())
}

fn named(mut family: MetricFamily, name: &Desc) -> MetricFamily {
    family.set_name(name.fq_name.clone());
    family.set_help(name.help.clone());
    family
}

fn sample(value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(Vec::<LabelPair>::new());
    metric.set_gauge(gauge);
    metric
}

#[cfg(test)]
mod tests {
    use prometheus::{Registry, TextEncoder};

    use super::*;

    fn page(registry: &Registry) -> String {
        let text = TextEncoder::new().encode_to_string(&registry.gather());
        text.unwrap()
    }

    #[test]
    fn the_numbers_are_those_of_the_other_names() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        metrics.sandboxes.with_label_values(&["running"]).set(2);
        metrics.sandboxes.with_label_values(&["exited"]).set(1);
        metrics.lifetime.observe(700.0);
        assert!(!page(&registry).contains("container_count"));
        metrics.daemon_up(true);
        let page = page(&registry);
        for line in [
            "openclaw_sandbox_container_count 3",
            "openclaw_sandbox_container_lifecycle_seconds_bucket{le=\"3600\"} 1",
            "openclaw_sandbox_container_lifecycle_seconds_sum 700",
            "pilotfish_sandbox_lifetime_seconds_sum 700",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
