//! `/proc/PID/stat`: the state, the parent, the session and the start of a process.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::Error;

/// What one line of `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process.
    pub(crate) pid: i32,
    /// Its state, such as `S` or `Z`.
    pub(crate) state: u8,
    /// Its parent.
    pub(crate) parent: i32,
    /// The process that leads its session.
    pub(crate) session: i32,
    /// When it was started, in clock ticks since the machine's boot.
    pub(crate) start_ticks: u64,
}

impl Stat {
    /// Reads the line of a process; `None` when there is no such process.
    pub(crate) fn read(pid: i32) -> Option<Stat> {
        Stat::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in brackets may hold spaces and brackets, so the last `)` ends it.
    fn parse(line: &str) -> Option<Stat> {
        let (pid, rest) = line.split_once(" (")?;
        let (_, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Stat {
            pid: pid.parse().ok()?,
            state: *fields.first()?.as_bytes().first()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether it has ended, and only its parent's look is missing.
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }

    /// When it was started, by the wall clock.
    pub(crate) fn since(&self) -> SystemTime {
        let now = SystemTime::now();
        let age = uptime().map(|up| up.saturating_sub(since_boot(self.start_ticks)));
        age.and_then(|age| now.checked_sub(age)).unwrap_or(now)
    }
}

/// Every process that `/proc` shows.
pub(crate) fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
        .collect()
}

/// Names this boot of the machine: process ids and start times mean nothing beyond it.
pub(crate) fn boot_id() -> Result<String, Error> {
    let path = PathBuf::from("/proc/sys/kernel/random/boot_id");
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(id.trim().to_owned()),
        Err(source) => Err(Error::Proc { path, source }),
    }
}

fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn since_boot(ticks: u64) -> Duration {
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .and_then(|hertz| u64::try_from(hertz).ok())
        .filter(|hertz| *hertz > 0)
        .unwrap_or(100);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_spaces_do_not_shift_the_fields() {
        let tail = "S 41 42 43 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 0 0";
        for name in ["sh", "a b", "x) R 1 (y", ") ", "((("] {
            let stat = Stat::parse(&format!("42 ({name}) {tail}")).unwrap();
            let expected = Stat {
                pid: 42,
                state: b'S',
                parent: 41,
                session: 43,
                start_ticks: 98765,
            };
            assert_eq!(stat, expected, "{name}");
        }
    }

    #[test]
    fn broken_lines_are_no_process() {
        for line in [
            "",
            "42",
            "42 (sh",
            "42 (sh) ",
            "42 (sh) S 1 2",
            "x (sh) S 1",
        ] {
            assert_eq!(Stat::parse(line), None, "{line}");
        }
    }

    #[test]
    fn we_find_ourselves_with_a_start_in_the_recent_past() {
        let me = Stat::read(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(!me.is_zombie());
        assert!(all().contains(&me) || all().iter().any(|stat| stat.pid == me.pid));
        let age = me.since().elapsed().unwrap();
        assert!(age < Duration::from_secs(600), "{age:?}");
    }
}
