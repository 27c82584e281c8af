//! What the kernel counts of a process.

use std::fs;
use std::path::Path;
use std::time::Instant;

/// What it has done so far, with all its threads.
pub struct Count {
    at: Instant,
    switches: u64,
    nanoseconds: u64,
}

/// What it did between two counts.
pub struct Work {
    /// How long that was.
    pub seconds: f64,
    /// How often it woke, in a second.
    pub wakeups: f64,
    /// Millionths of a core.
    pub ppm: f64,
    /// Processor time in seconds.
    pub cpu: f64,
}

impl Count {
    /// What it has done up to now.
    pub fn of(pid: i32) -> Self {
        let threads: Vec<_> = fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        Self {
            at: Instant::now(),
            switches: threads.iter().map(|thread| switches(thread)).sum(),
            nanoseconds: threads.iter().map(|thread| running(thread)).sum(),
        }
    }

    /// What it did since.
    pub fn work(&self, pid: i32) -> Work {
        let now = Self::of(pid);
        let seconds = (now.at - self.at).as_secs_f64();
        let cpu = now.nanoseconds.saturating_sub(self.nanoseconds) as f64 / 1e9;
        Work {
            seconds,
            wakeups: now.switches.saturating_sub(self.switches) as f64 / seconds,
            ppm: cpu / seconds * 1e6,
            cpu,
        }
    }
}

fn switches(thread: &Path) -> u64 {
    let status = read(thread, "status");
    status
        .lines()
        .filter(|line| line.contains("ctxt_switches"))
        .map(number)
        .sum()
}

fn running(thread: &Path) -> u64 {
    let stat = read(thread, "schedstat");
    number(stat.split(' ').next().unwrap_or_default())
}

/// A thread may end meanwhile.
fn read(thread: &Path, name: &str) -> String {
    fs::read_to_string(thread.join(name)).unwrap_or_default()
}

/// What is its own alone, in KiB.
pub fn private(pid: i32) -> f64 {
    memory(pid, "Private_Clean") + memory(pid, "Private_Dirty")
}

/// A line of the memory's sums, in KiB.
pub fn memory(pid: i32, name: &str) -> f64 {
    let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    sums.lines()
        .find(|line| line.starts_with(name))
        .map_or(0.0, |line| number(line) as f64)
}

fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}
