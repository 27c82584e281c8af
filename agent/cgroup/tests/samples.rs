//! Folders as the kernel fills them, of both versions, and what is read from them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use cgroup::{Cgroup, Cpu, Memory, Pids};

const MIB: u64 = 1024 * 1024;

/// A container of version 2 whose pod has a tighter limit than itself.
const POD_2: &[(&str, &str)] = &[
    ("cgroup.events", "populated 1\nfrozen 0\n"),
    ("memory.max", "536870912\n"),
    ("cpu.max", "max 100000\n"),
    ("pids.max", "1024\n"),
];
const CONTAINER_2: &[(&str, &str)] = &[
    ("cgroup.events", "populated 1\nfrozen 0\n"),
    ("memory.current", "251658240\n"),
    ("memory.max", "1073741824\n"),
    (
        "memory.stat",
        "anon 188743680\nfile 41943040\nkernel 8388608\nkernel_stack 524288\nshmem 0\n\
         file_mapped 12582912\ninactive_anon 188743680\nactive_anon 0\ninactive_file 31457280\n\
         active_file 10485760\nunevictable 0\nworkingset_refault_file 12\n",
    ),
    (
        "memory.events",
        "low 0\nhigh 0\nmax 731\noom 4\noom_kill 3\noom_group_kill 0\n",
    ),
    (
        "cpu.stat",
        "usage_usec 66123456\nuser_usec 50000000\nsystem_usec 16123456\nnice_usec 0\n\
         core_sched.force_idle_usec 0\nnr_periods 900\nnr_throttled 12\nthrottled_usec 1500000\n\
         nr_bursts 0\nburst_usec 0\n",
    ),
    ("cpu.max", "150000 100000\n"),
    ("pids.current", "37\n"),
    ("pids.max", "max\n"),
];

/// A container of version 1.
const CONTAINER_1: &[(&str, &str)] = &[
    ("cgroup.procs", "1\n"),
    ("memory.usage_in_bytes", "134791168\n"),
    ("memory.limit_in_bytes", "9223372036854771712\n"),
    (
        "memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
    ),
    (
        "memory.stat",
        "cache 32309248\nrss 1835008\nswap 0\ninactive_file 1\nhierarchical_memory_limit 268435456\n\
         hierarchical_memsw_limit 9223372036854771712\ntotal_cache 32309248\n\
         total_inactive_file 22228992\ntotal_active_file 10080256\n",
    ),
    ("cpuacct.usage", "54113174671762\n"),
    ("cpu.cfs_quota_us", "50000\n"),
    ("cpu.cfs_period_us", "100000\n"),
    (
        "cpu.stat",
        "nr_periods 10\nnr_throttled 2\nthrottled_time 2500000000\n",
    ),
    ("pids.current", "12\n"),
    ("pids.max", "max\n"),
];

fn fill(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn mounted(point: &Path, filesystem: &str) -> String {
    let point = point.display();
    format!("35 31 0:32 / {point} rw,relatime shared:4 - {filesystem}\n")
}

fn version_2(point: &Path) -> String {
    mounted(point, "cgroup2 cgroup2 rw,nsdelegate")
}

#[test]
fn version_2_is_read_up_to_the_tightest_ancestor() {
    let dir = tempfile::tempdir().unwrap();
    fill(&dir.path().join("pod"), POD_2);
    fill(&dir.path().join("pod/container"), CONTAINER_2);
    let group = Cgroup::told_by("0::/pod/container\n", &version_2(dir.path()));
    assert_eq!(
        group.memory(),
        Memory {
            working_set_bytes: Some(210 * MIB),
            used_bytes: Some(240 * MIB),
            limit_bytes: Some(512 * MIB),
        }
    );
    assert_eq!(
        group.cpu(),
        Cpu {
            used: Some(Duration::from_micros(66_123_456)),
            limit_cores: Some(1.5),
            throttled: Some(Duration::from_millis(1500)),
        }
    );
    let pids = Pids {
        current: Some(37),
        limit: Some(1024),
    };
    assert_eq!((group.pids(), group.oom_kills()), (pids, Some(3)));
}

#[test]
fn version_1_is_read_with_the_limit_of_ancestors_that_are_not_visible() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), CONTAINER_1);
    let all = "memory,cpu,cpuacct,pids";
    let mounts = mounted(dir.path(), &format!("cgroup cgroup rw,{all}"));
    let mounts = mounts.replace(" / ", " /docker/abc ");
    let group = Cgroup::told_by(&format!("4:{all}:/docker/abc\n0::/\n"), &mounts);
    assert_eq!(
        group.memory(),
        Memory {
            working_set_bytes: Some(134_791_168 - 22_228_992),
            used_bytes: Some(134_791_168),
            limit_bytes: Some(256 * MIB),
        }
    );
    assert_eq!(
        group.cpu(),
        Cpu {
            used: Some(Duration::from_nanos(54_113_174_671_762)),
            limit_cores: Some(0.5),
            throttled: Some(Duration::from_millis(2500)),
        }
    );
    let pids = Pids {
        current: Some(12),
        limit: None,
    };
    assert_eq!((group.pids(), group.oom_kills()), (pids, Some(5)));
}

#[test]
fn the_root_of_the_machine_is_no_group() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), CONTAINER_2);
    fs::remove_file(dir.path().join("cgroup.events")).unwrap();
    let second = Cgroup::told_by("0::/\n", &version_2(dir.path()));
    assert_eq!(second.cpu(), Cpu::default());

    fill(dir.path(), CONTAINER_1);
    fill(dir.path(), &[("cgroup.sane_behavior", "0\n")]);
    let mounts = mounted(dir.path(), "cgroup cgroup rw,memory");
    let first = Cgroup::told_by("4:memory:/\n", &mounts);
    assert_eq!(
        (first.memory(), first.oom_kills()),
        (Memory::default(), None)
    );
}

#[test]
fn a_number_that_is_not_told_is_none() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), &CONTAINER_2[..2]);
    fill(dir.path(), &[("memory.max", "max\n"), ("cpu.stat", "\n")]);
    let group = Cgroup::told_by("0::/\n", &version_2(dir.path()));
    let memory = Memory {
        used_bytes: Some(240 * MIB),
        ..Memory::default()
    };
    assert_eq!(group.memory(), memory);
    assert_eq!(
        (group.cpu(), group.pids(), group.oom_kills()),
        (Cpu::default(), Pids::default(), None)
    );
}

#[test]
fn more_is_given_back_than_used_when_both_are_read_at_different_moments() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path(), CONTAINER_2);
    fill(dir.path(), &[("memory.current", "1048576\n")]);
    let group = Cgroup::told_by("0::/\n", &version_2(dir.path()));
    assert_eq!(group.memory().working_set_bytes, Some(0));
}

#[test]
fn a_group_that_is_gone_is_read_as_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fill(&dir.path().join("a"), CONTAINER_2);
    let group = Cgroup::told_by("0::/a\n", &version_2(dir.path()));
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    assert_eq!(group.oom_kills(), None);
    let deleted = Cgroup::told_by("0::/a (deleted)\n", &version_2(dir.path()));
    assert_eq!(deleted, Cgroup::told_by("0::/a (deleted)\n", ""));
}
