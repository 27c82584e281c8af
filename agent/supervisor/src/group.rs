//! The control group of the child, looked at while it lives.
//!
//! The kernel counts whom it kills for want of memory, but does not say whom: it may have been
//! another process of the group, hours ago. So the count is looked at again and again, and a kill
//! is told of the child only when the count has risen since the look before the last. The last
//! look alone is too near: a large process takes a while to end, and the count rises before.

use std::sync::Arc;
use std::time::Duration;

use cgroup::Cgroup;
use tokio::time::{Instant, sleep_until};

use crate::{Killer, OomKill};

/// The group of one child, and what the last looks at it have told.
#[derive(Debug)]
pub(crate) struct Group {
    pid: i32,
    cgroup: Arc<Cgroup>,
    before: Option<u64>,
    last: Option<u64>,
    used: Option<u64>,
    every: Duration,
    due: Instant,
}

impl Group {
    /// The group that a living process is in.
    pub(crate) fn of(pid: i32, every: Duration) -> Group {
        Group::new(pid, Cgroup::of(pid), every)
    }

    fn new(pid: i32, cgroup: Cgroup, every: Duration) -> Group {
        let kills = cgroup.oom_kills();
        Group {
            pid,
            before: kills,
            last: kills,
            used: cgroup.memory().used_bytes,
            cgroup: Arc::new(cgroup),
            every,
            due: Instant::now() + every,
        }
    }

    /// The group itself.
    pub(crate) fn cgroup(&self) -> Arc<Cgroup> {
        self.cgroup.clone()
    }

    /// Returns when a look is due. Cancel-safe.
    pub(crate) async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// Looks, and says whether the process has moved to another group.
    pub(crate) fn look(&mut self) -> bool {
        let moved = !self.cgroup.holds(self.pid);
        if moved {
            *self = Group::of(self.pid, self.every);
        } else {
            self.before = self.last;
            self.last = self.cgroup.oom_kills();
            self.used = self.cgroup.memory().used_bytes;
            self.due = Instant::now() + self.every;
        }
        moved
    }

    /// Where a SIGKILL just now came from that we did not send.
    pub(crate) fn killer(&self) -> Killer {
        match self.before.zip(self.cgroup.oom_kills()) {
            Some((before, now)) if now > before => Killer::Oom(OomKill {
                limit_bytes: self.cgroup.memory().limit_bytes,
                used_bytes: self.used,
            }),
            Some(_) => Killer::Foreign,
            None => Killer::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A group of version 2 in a folder, which nobody is in.
    fn group(dir: &Path) -> Group {
        for (name, text) in [
            ("cgroup.events", "populated 1\nfrozen 0\n"),
            ("memory.current", "60000000\n"),
            ("memory.max", "67108864\n"),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
        killed(dir, 2);
        let mounts = format!("42 31 0:38 / {} rw - cgroup2 cgroup2 rw", dir.display());
        let cgroup = Cgroup::told_by("0::/\n", &mounts);
        Group::new(i32::MAX, cgroup, Duration::from_secs(10))
    }

    fn killed(dir: &Path, number: u64) {
        let events = format!("low 0\nhigh 0\nmax 9\noom {number}\noom_kill {number}\n");
        fs::write(dir.join("memory.events"), events).unwrap();
    }

    #[test]
    fn a_kill_is_lately_for_two_looks() {
        let dir = tempfile::tempdir().unwrap();
        let mut group = group(dir.path());
        let kernel = Killer::Oom(OomKill {
            limit_bytes: Some(67_108_864),
            used_bytes: Some(60_000_000),
        });
        assert_eq!(group.killer(), Killer::Foreign, "kills before its time");
        killed(dir.path(), 3);
        assert_eq!(group.killer(), kernel, "the kill of a moment ago");
        assert!(!group.look());
        assert_eq!(group.killer(), kernel, "a child that takes long to end");
        assert!(!group.look());
        assert_eq!(group.killer(), Killer::Foreign, "an older kill");
        killed(dir.path(), 4);
        assert_eq!(group.killer(), kernel, "and another");
    }

    #[test]
    fn nobody_is_blamed_over_a_group_that_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut group = group(dir.path());
        killed(dir.path(), 3);
        fs::remove_file(dir.path().join("memory.events")).unwrap();
        assert_eq!(group.killer(), Killer::Unknown);
        group.look();
        group.look();
        killed(dir.path(), 3);
        assert_eq!(group.killer(), Killer::Unknown, "since when is not known");
    }
}
