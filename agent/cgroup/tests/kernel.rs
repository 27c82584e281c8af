//! The kernel's own word: a group is made, filled and read. It needs root, and the controllers
//! `memory`, `cpu` and `pids`, of version 1 or 2, whichever the machine has.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cgroup::{Cgroup, Memory, Pids};

const MIB: u64 = 1024 * 1024;

/// A group below the roots of the hierarchies, gone at the end.
struct Group(Vec<PathBuf>);

impl Group {
    fn new(name: &str) -> Group {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies: &[&str] = match root.join("cgroup.controllers").exists() {
            true => &[""],
            false => &["memory", "cpu", "cpuacct", "pids"],
        };
        let folder = |hierarchy: &&str| {
            let name = format!("pilotfish-{name}-{}", std::process::id());
            let folder = root.join(hierarchy).join(name);
            fs::create_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
            folder
        };
        Group(hierarchies.iter().map(folder).collect())
    }

    /// Writes one of these files, by the names of both versions.
    fn write(&self, names: [&str; 2], text: &str) {
        let mut files = self
            .0
            .iter()
            .flat_map(|folder| names.map(|name| folder.join(name)));
        let file = files.find(|file| file.exists());
        fs::write(file.unwrap_or_else(|| panic!("none of {names:?}")), text).unwrap();
    }

    fn limit_memory(&self, bytes: u64) {
        let names = ["memory.limit_in_bytes", "memory.max"];
        self.write(names, &bytes.to_string());
    }

    /// A process of the group that waits for its stdin to close.
    fn waiting(&self) -> Child {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        for folder in &self.0 {
            fs::write(folder.join("cgroup.procs"), child.id().to_string()).unwrap();
        }
        child
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.0 {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn pid(child: &Child) -> i32 {
    child.id().try_into().unwrap()
}

#[test]
fn a_group_is_found_and_its_limits_are_read() {
    let group = Group::new("limits");
    let mut child = group.waiting();
    let found = Cgroup::of(pid(&child));
    let free = found.memory();
    assert_eq!(free.limit_bytes, None);
    assert!(free.used_bytes.is_some() && free.working_set_bytes <= free.used_bytes);
    assert_eq!(found.cpu().limit_cores, None);
    assert_eq!(
        found.pids(),
        Pids {
            current: Some(1),
            limit: None
        }
    );

    group.limit_memory(64 * MIB);
    group.write(["cpu.cfs_quota_us", "cpu.max"], "150000");
    group.write(["pids.max"; 2], "7");
    assert_eq!(found.memory().limit_bytes, Some(64 * MIB));
    assert_eq!(found.cpu().limit_cores, Some(1.5));
    assert_eq!(found.pids().limit, Some(7));
    assert!(found.cpu().used.is_some() && found.cpu().throttled.is_some());
    assert_eq!(found.oom_kills(), Some(0));

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_that_moves_is_no_longer_in_its_group() {
    let group = Group::new("moves");
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let before = Cgroup::of(pid(&child));
    assert!(before.holds(pid(&child)));
    fs::write(group.0[0].join("cgroup.procs"), child.id().to_string()).unwrap();
    assert!(!before.holds(pid(&child)));
    assert!(Cgroup::of(pid(&child)).holds(pid(&child)));
    let after = Cgroup::of(pid(&child));
    child.kill().unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    assert!(after.holds(pid(&child)), "one that has ended");
    child.wait().unwrap();
    assert!(after.holds(pid(&child)), "one that is gone");
}

#[test]
fn a_kill_for_want_of_memory_is_counted_before_its_end_is_seen() {
    let group = Group::new("kill");
    group.limit_memory(16 * MIB);
    let mut waiting = group.waiting();
    let found = Cgroup::of(pid(&waiting));
    let enter = format!(
        "echo $$ > {}/cgroup.procs && exec tail /dev/zero",
        group.0[0].display()
    );
    let ended = Command::new("sh").args(["-c", &enter]).status().unwrap();
    let kills = found.oom_kills();
    drop(waiting.stdin.take());
    waiting.wait().unwrap();
    assert_eq!((ended.signal(), kills), (Some(9), Some(1)));
}

#[test]
fn we_are_in_a_group_as_anybody_else_is() {
    let me = i32::try_from(std::process::id()).unwrap();
    assert_eq!(Cgroup::of_self(), Cgroup::of(me));
    assert!(Cgroup::of_self().holds(me));
}

#[test]
fn nobody_is_in_no_group() {
    assert_eq!(Cgroup::of(i32::MAX).memory(), Memory::default());
    assert_eq!(Cgroup::of(i32::MAX).oom_kills(), None);
}
