//! A page of metrics, read as Prometheus reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use support::{Instance, complaints, eventually};

/// The samples of a page.
#[derive(Debug)]
pub struct Page {
    pub text: String,
    samples: BTreeMap<String, f64>,
}

impl Page {
    pub fn of(instance: &Instance) -> Self {
        let answer = instance.agent.probe().get("/metrics");
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        let samples = lines.map(sample).collect();
        Self {
            text: answer.body,
            samples,
        }
    }

    /// Waits for one that shows this.
    #[track_caller]
    pub fn wait(instance: &Instance, sample: &str, value: f64, within: Duration) -> Self {
        let found = eventually(within, || {
            let page = Self::of(instance);
            (page.value(sample) == Some(value)).then_some(page)
        });
        found.unwrap_or_else(|| {
            panic!(
                "{sample} is not {value} within {within:?}:\n{}",
                Self::of(instance).text
            )
        })
    }

    pub fn value(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.samples.len()
    }

    /// How many of them have a name that begins so.
    pub fn beginning_with(&self, heads: &[&str]) -> usize {
        let names = self.samples.keys();
        let found = names.filter(|name| heads.iter().any(|head| name.starts_with(head)));
        found.count()
    }

    /// The samples of a family.
    pub fn family(&self, name: &str) -> Vec<&str> {
        let samples = self.samples.keys().map(String::as_str);
        let of_it = samples.filter(|sample| sample.split('{').next() == Some(name));
        of_it.collect()
    }

    /// Whether Prometheus' own checker takes it.
    pub fn is_well_formed(&self) {
        assert_eq!(complaints(&self.text), [""; 0], "{}", self.text);
    }
}
