//! What a daemon leaves behind when it is gone: shims and their containers, mounts, control groups.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;
use crate::launch::numbered;

/// Kills all that runs in the containers of the daemon whose folder this is.
pub(super) fn kill_containers(folder: &Path) {
    let shims = shims(folder);
    for pid in numbered(Path::new("/proc")) {
        if parent(pid).is_some_and(|parent| shims.contains(&parent)) {
            slay(pid);
        }
    }
}

/// Ends and unmounts what is left once the daemon has ended, so that its folder can be removed.
pub(super) fn clear(folder: &Path, control_group: &str) {
    kill_containers(folder);
    for shim in shims(folder) {
        slay(shim);
    }
    eventually(Duration::from_secs(10), || {
        shims(folder).is_empty().then_some(())
    });
    for place in mounts(folder).iter().rev() {
        let _ = umount2(place, MntFlags::MNT_DETACH);
    }
    for group in control_groups(control_group) {
        remove_groups(&group);
    }
}

fn slay(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// The shims: each is started with the address of the daemon's containerd.
fn shims(folder: &Path) -> Vec<i32> {
    let address = folder.join("containerd.sock");
    let mut pids = numbered(Path::new("/proc"));
    pids.retain(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        program.ends_with(b"containerd-shim-runc-v2")
            && words.any(|word| word == address.as_os_str().as_bytes())
    });
    pids
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // A name may hold anything, brackets and blanks too.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Every mount below a folder, in the order in which they were made.
pub(super) fn mounts(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let places = table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    places
        .map(|place| PathBuf::from(OsStr::from_bytes(place)))
        .filter(|place| place.starts_with(folder))
        .collect()
}

/// The control groups of this name: one in each hierarchy of version 1, or one in that of version 2.
pub(super) fn control_groups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
    let mut groups: Vec<_> = hierarchies
        .map(|entry| entry.path().join(name))
        .chain([root.join(name)])
        .filter(|group| group.is_dir())
        .collect();
    groups.sort();
    groups
}

/// Removes a control group with those below it, as soon as their last process is gone.
fn remove_groups(group: &Path) {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_groups(&entry.path());
    }
    eventually(Duration::from_secs(5), || fs::remove_dir(group).ok());
}
