//! Metrics of the process itself, from `/proc`.

use std::fs::{self, File};
use std::io::Read;

use prometheus::{
    Counter, Gauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::Error;

/// Ticks per second in `/proc/self/stat`: fixed by the kernel for user space on what we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// A page of memory on what we run on.
const PAGE_BYTES: f64 = 4096.0;

/// More than `/proc/self/stat` has, so that it is read at once.
const STAT_BYTES: usize = 1024;

/// One entry for each open file.
const OPEN_FILES: &str = "/proc/self/fd";

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
        if let Some(count) = open_files() {
            self.open_files.set(count);
        }
        let Some(stat) = Stat::read() else { return };
        self.resident.set(stat.resident_bytes);
        self.cpu
            .inc_by((stat.cpu_seconds - self.cpu.get()).max(0.0));
        // It does not change, and the file that tells when the machine came up is a long one.
        if self.started.get() == 0.0
            && let Some(boot) = boot_seconds()
        {
            self.started.set(boot + stat.started_seconds);
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

/// What one short file tells.
struct Stat {
    cpu_seconds: f64,
    resident_bytes: f64,
    /// Since the machine came up.
    started_seconds: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let mut stat = String::with_capacity(STAT_BYTES);
        File::open("/proc/self/stat")
            .and_then(|mut file| file.read_to_string(&mut stat))
            .ok()?;
        // The name in parentheses may have spaces and parentheses of its own; what follows has not.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
        let number = |index: usize| -> Option<f64> { fields.get(index)?.parse().ok() };
        Some(Self {
            cpu_seconds: (number(11)? + number(12)?) / TICKS_PER_SECOND,
            started_seconds: number(19)? / TICKS_PER_SECOND,
            resident_bytes: number(21)? * PAGE_BYTES,
        })
    }
}

/// Newer kernels tell the number as the size of the folder. Where there is a listing instead, the
/// one file that it opens itself does not count.
fn open_files() -> Option<f64> {
    let told = fs::metadata(OPEN_FILES).ok()?.len();
    if told > 0 {
        return Some(told as f64);
    }
    let count = fs::read_dir(OPEN_FILES).ok()?.count();
    Some(count.saturating_sub(1) as f64)
}

/// When the machine came up, in seconds since 1970.
fn boot_seconds() -> Option<f64> {
    let kernel = fs::read_to_string("/proc/stat").ok()?;
    let boot = kernel
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    boot.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

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
