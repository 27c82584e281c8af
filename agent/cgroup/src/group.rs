//! The group of a process.

use std::path::Path;
use std::time::Duration;

use crate::parse::{cores, cpu_max, exiting, keyed, limit, number};
use crate::place::{Place, Version, read, read_in};
use crate::{Cpu, Memory, Pids};

/// Enough for thousands of mounts, as a daemon's host may have.
const MAX_TABLE: u64 = 4 * 1024 * 1024;

/// The control group of a process, or the groups, where the hierarchies of version 1 differ.
///
/// It is found once and read as often as one likes: a reading costs a few system calls. It stays
/// with the group when the process leaves it ([`Cgroup::holds`]) or ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroup {
    groups: String,
    memory: Option<Place>,
    cpu: Option<Place>,
    cpuacct: Option<Place>,
    pids: Option<Place>,
}

impl Cgroup {
    /// The group of a process that lives. Without readings, when it does not.
    pub fn of(pid: i32) -> Cgroup {
        let mounts = read(Path::new("/proc/self/mountinfo"), MAX_TABLE).unwrap_or_default();
        Cgroup::told_by(&groups_of(pid).unwrap_or_default(), &mounts)
    }

    /// The group of this process.
    pub fn of_self() -> Cgroup {
        Cgroup::of(i32::try_from(std::process::id()).unwrap_or_default())
    }

    /// The group of which these tables tell: a `/proc/PID/cgroup`, and the `mountinfo` of the
    /// reader, which says where the hierarchies are mounted.
    pub fn told_by(groups: &str, mounts: &str) -> Cgroup {
        let find = |controller| Place::find(controller, groups, mounts);
        Cgroup {
            groups: groups.to_owned(),
            memory: find("memory"),
            cpu: find("cpu"),
            cpuacct: find("cpuacct"),
            pids: find("pids"),
        }
    }

    /// Whether the process is still in it. One that ends or has ended counts as still there: the
    /// kernel shows it at the roots of version 1.
    pub fn holds(&self, pid: i32) -> bool {
        groups_of(pid).is_none_or(|groups| groups == self.groups) || is_ending(pid)
    }

    /// The memory it uses, and may use.
    pub fn memory(&self) -> Memory {
        let Some(place) = &self.memory else {
            return Memory::default();
        };
        let stat = place.read("memory.stat");
        let of_stat = |key| stat.as_deref().and_then(|stat| keyed(stat, key));
        let (file, inactive) = match place.version {
            Version::One => ("memory.usage_in_bytes", "total_inactive_file"),
            Version::Two => ("memory.current", "inactive_file"),
        };
        let used = place.read(file).as_deref().and_then(number);
        Memory {
            working_set_bytes: used
                .zip(of_stat(inactive))
                .map(|(used, inactive)| used.saturating_sub(inactive)),
            used_bytes: used,
            limit_bytes: match place.version {
                // Of all ancestors, also of those that are not visible.
                Version::One => of_stat("hierarchical_memory_limit").and_then(limit),
                Version::Two => place.tightest(|folder| number(&read_in(folder, "memory.max")?)),
            },
        }
    }

    /// How many of its processes the kernel has killed for want of memory, since it was made. The
    /// count rises before the process dies.
    pub fn oom_kills(&self) -> Option<u64> {
        let place = self.memory.as_ref()?;
        let file = match place.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        keyed(&place.read(file)?, "oom_kill")
    }

    /// The processor time it uses, and may use.
    pub fn cpu(&self) -> Cpu {
        let stat = self.cpu.as_ref().and_then(|place| place.read("cpu.stat"));
        let of_stat = |key| stat.as_deref().and_then(|stat| keyed(stat, key));
        Cpu {
            used: self.cpuacct.as_ref().and_then(cpu_time),
            limit_cores: self
                .cpu
                .as_ref()
                .and_then(|place| place.tightest(|folder| cpu_limit(place.version, folder))),
            throttled: of_stat("throttled_usec")
                .map(Duration::from_micros)
                .or_else(|| of_stat("throttled_time").map(Duration::from_nanos)),
        }
    }

    /// How many processes and threads it has, and may have.
    pub fn pids(&self) -> Pids {
        let Some(place) = &self.pids else {
            return Pids::default();
        };
        Pids {
            current: place.read("pids.current").as_deref().and_then(number),
            limit: place.tightest(|folder| number(&read_in(folder, "pids.max")?)),
        }
    }
}

fn groups_of(pid: i32) -> Option<String> {
    read(Path::new(&format!("/proc/{pid}/cgroup")), MAX_TABLE)
}

fn is_ending(pid: i32) -> bool {
    read(Path::new(&format!("/proc/{pid}/stat")), MAX_TABLE)
        .is_none_or(|line| exiting(&line).unwrap_or(true))
}

/// Version 2 has no `cpuacct`: every group counts its own time.
fn cpu_time(place: &Place) -> Option<Duration> {
    match place.version {
        Version::One => number(&place.read("cpuacct.usage")?).map(Duration::from_nanos),
        Version::Two => keyed(&place.read("cpu.stat")?, "usage_usec").map(Duration::from_micros),
    }
}

fn cpu_limit(version: Version, folder: &Path) -> Option<f64> {
    match version {
        Version::One => cores(
            &read_in(folder, "cpu.cfs_quota_us")?,
            &read_in(folder, "cpu.cfs_period_us")?,
        ),
        Version::Two => cpu_max(&read_in(folder, "cpu.max")?),
    }
}
