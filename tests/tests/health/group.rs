//! A memory cgroup of the kernel's, to have it kill for want of memory.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group, gone when dropped. What is in it goes back to the root first.
pub struct Group {
    folder: PathBuf,
    limit: &'static str,
    usage: &'static str,
}

impl Group {
    /// One with this limit in bytes.
    pub fn new(limit: u64) -> Self {
        assert!(
            support::is_root(),
            "this test makes a cgroup and must run as root"
        );
        let root = Path::new("/sys/fs/cgroup");
        let (root, limit_file, usage) = match root.join("cgroup.controllers").exists() {
            true => (root.to_owned(), "memory.max", "memory.current"),
            false => (
                root.join("memory"),
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            ),
        };
        let group = Self {
            folder: root.join(format!("pilotfish-health-{}", std::process::id())),
            limit: limit_file,
            usage,
        };
        fs::create_dir(&group.folder).unwrap();
        group.set(limit);
        group
    }

    /// Moves a process into it. What it has already stays accounted to the group before.
    pub fn take(&self, pid: i64) {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// Gives it another limit.
    pub fn set(&self, limit: u64) {
        fs::write(self.folder.join(self.limit), limit.to_string()).unwrap();
    }

    /// What is accounted to it.
    pub fn used(&self) -> u64 {
        let used = fs::read_to_string(self.folder.join(self.usage)).unwrap();
        used.trim().parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let inside = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for pid in inside.lines() {
            let _ = fs::write(self.folder.join("../cgroup.procs"), pid);
        }
        let _ = fs::remove_dir(&self.folder);
    }
}
