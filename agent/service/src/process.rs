//! Metrics of the process itself, from `/proc`.

use std::fs;

use prometheus::{
    Counter, Gauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::Error;

/// Ticks per second in `/proc/self/stat`: fixed by the kernel for user space on what we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, CPU time, open files and start time under the names that every dashboard knows.
///
/// Read from the kernel when the page is read, so an idle process does nothing for them.
#[derive(Debug)]
pub struct ProcessMetrics {
    resident: Gauge,
    cpu: Counter,
    open_files: Gauge,
    started: Gauge,
}

impl ProcessMetrics {
    /// Adds them to `registry`.
    pub fn register(registry: &Registry) -> Result<(), Error> {
        let add = || registry.register(Box::new(Self::new()?));
        add().map_err(|source| Error::Metrics { source })
    }

    fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            resident: Gauge::new(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
            )?,
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?,
            open_files: Gauge::new("process_open_fds", "Number of open file descriptors.")?,
            started: Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
        })
    }

    /// What cannot be read keeps its last value.
    fn read(&self) {
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes);
        }
        if let Some(count) = open_files() {
            self.open_files.set(count);
        }
        if let Some((cpu, started)) = times() {
            self.cpu.inc_by((cpu - self.cpu.get()).max(0.0));
            self.started.set(started);
        }
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        let gauges = [&self.resident, &self.open_files, &self.started];
        let descriptions = gauges.into_iter().flat_map(|gauge| gauge.desc());
        descriptions.chain(self.cpu.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.read();
        let gauges = [&self.resident, &self.open_files, &self.started];
        let families = gauges.into_iter().flat_map(|gauge| gauge.collect());
        families.chain(self.cpu.collect()).collect()
    }
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The one that this very listing opens does not count.
fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(count.saturating_sub(1) as f64)
}

/// CPU seconds, and the start in seconds since 1970.
fn times() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may have spaces and parentheses of its own; what follows has not.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_whitespace().collect();
    let seconds = |index: usize| -> Option<f64> {
        let ticks: f64 = fields.get(index)?.parse().ok()?;
        Some(ticks / TICKS_PER_SECOND)
    };
    let kernel = fs::read_to_string("/proc/stat").ok()?;
    let boot = kernel
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let boot: f64 = boot.trim().parse().ok()?;
    Some((seconds(11)? + seconds(12)?, boot + seconds(19)?))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, time::SystemTime};

    use super::*;

    fn value(registry: &Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metric = &family.unwrap().get_metric()[0];
        metric.get_gauge().get_value() + metric.get_counter().get_value()
    }

    #[test]
    fn the_kernel_is_asked_at_every_reading() {
        let registry = Registry::new();
        ProcessMetrics::register(&registry).unwrap();
        assert!(value(&registry, "process_resident_memory_bytes") > 1e6);
        let started = value(&registry, "process_start_time_seconds");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        assert!((now.unwrap().as_secs_f64() - started).abs() < 600.0);

        let before = value(&registry, "process_cpu_seconds_total");
        let mut sum = 0_u64;
        while value(&registry, "process_cpu_seconds_total") < before + 0.02 {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
    }

    #[test]
    fn open_files_are_counted() {
        let before = open_files().unwrap();
        let files: Vec<File> = (0..64).map(|_| File::open("/dev/null").unwrap()).collect();
        let during = open_files().unwrap();
        drop(files);
        assert!((during - before - 64.0).abs() < 16.0, "{before} {during}");
    }

    #[test]
    fn twice_is_an_error_and_no_panic() {
        let registry = Registry::new();
        ProcessMetrics::register(&registry).unwrap();
        let error = ProcessMetrics::register(&registry).unwrap_err();
        assert_eq!(error.reason(), "metrics");
    }
}
