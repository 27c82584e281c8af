//! The writer is killed before each of its system calls, and each of them is made to fail: the file is old or new, and whole.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::SystemTime;

use durable::{Target, read_regular};
use tempfile::TempDir;

const OLD: &[u8] = &[b'o'; 5_000];
const NEW: &[u8] = &[b'n'; 300_000];

/// The write path in order: the bytes on the disk before the rename, and the rename before we say so.
const EXPECTED: [&str; 5] = ["fchmod", "write", "fsync", "renameat", "fsync"];

/// The example binary. `cargo test` builds it beside the tests, but `cargo test --test NAME` does not.
fn write_once() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let beside = test.parent().unwrap().parent().unwrap();
    let binary = beside.join("examples/write_once");
    let built = modified(&binary).expect("build the examples first");
    let sources = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    for source in sources {
        let source = source.unwrap().path();
        let fresh = modified(&source).unwrap() <= built;
        assert!(
            fresh,
            "build the examples again: {} is newer",
            source.display()
        );
    }
    binary
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    path.metadata()?.modified()
}

/// Runs the writer under strace.
fn traced(dir: &Path, options: &[String]) -> ExitStatus {
    Command::new("strace")
        .args(["-f", "-qq", "-o"])
        .arg(dir.with_extension("trace"))
        .args(options)
        .arg(write_once())
        .arg(dir)
        .args(["document", &NEW.len().to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("strace must be installed")
}

/// A directory beside its trace, with the old document in it.
fn stage() -> (TempDir, Target) {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("state");
    fs::create_dir(&dir).unwrap();
    let target = Target {
        dir,
        name: "document".to_owned(),
        mode: 0o600,
        owner: None,
    };
    target.write(OLD).unwrap();
    (home, target)
}

fn document(target: &Target) -> Vec<u8> {
    read_regular(&target.dir.join(&target.name), 1_000_000).unwrap()
}

fn entries(target: &Target) -> usize {
    fs::read_dir(&target.dir).unwrap().count()
}

/// How often the undisturbed writer makes each system call, from the start of the process to its end.
fn calls() -> BTreeMap<String, usize> {
    let (_home, target) = stage();
    assert!(traced(&target.dir, &[]).success());
    assert_eq!(document(&target), NEW);
    let trace = fs::read_to_string(target.dir.with_extension("trace")).unwrap();
    let mut calls = BTreeMap::new();
    let mut order = Vec::new();
    for line in trace.lines() {
        let call = line
            .split_once(' ')
            .and_then(|(_, call)| call.trim_start().split_once('('));
        if let Some((name, _)) = call
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            *calls.entry(name.to_owned()).or_default() += 1;
            order.extend(EXPECTED.into_iter().find(|expected| *expected == name));
        }
    }
    assert_eq!(order, EXPECTED);
    calls
}

#[test]
fn a_killed_writer_leaves_the_old_document_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for (call, count) in calls() {
        // The start of the process is not ours to inject into.
        for when in (1..=count).filter(|_| call != "execve") {
            let (_home, target) = stage();
            let status = traced(
                &target.dir,
                &[format!("-einject={call}:signal=KILL:when={when}")],
            );
            let point = format!("killed at {call} number {when}");
            assert!(
                status.signal() == Some(9) || status.code() == Some(137),
                "{point}: {status:?}"
            );
            match document(&target) {
                found if found == OLD => old += 1,
                found if found == NEW => new += 1,
                found => panic!("{point}: torn, {} bytes", found.len()),
            }
            let stale = entries(&target) - 1;
            assert_eq!(target.sweep().unwrap(), stale, "{point}");
            assert_eq!(entries(&target), 1, "{point}");
        }
    }
    // At the least: before the first open and after the rename.
    assert!(old > 10 && new >= 1, "{old} old, {new} new");
}

#[test]
fn a_failed_call_leaves_the_old_document_and_no_litter() {
    let failures = [
        ("openat", "EIO"),
        ("fchmod", "EPERM"),
        ("write", "ENOSPC"),
        ("write", "EDQUOT"),
        ("fsync", "EIO"),
        ("renameat", "EACCES"),
    ];
    let calls = calls();
    for (call, error) in failures {
        for when in 1..=calls[call] {
            let (_home, target) = stage();
            let status = traced(
                &target.dir,
                &[format!("-einject={call}:error={error}:when={when}")],
            );
            let point = format!("{error} at {call} number {when}");
            assert_eq!(entries(&target), 1, "{point}");
            // Only the last fsync, of the directory, comes after the rename.
            let renamed = status.success() || (call == "fsync" && when == calls["fsync"]);
            assert_eq!(
                document(&target),
                if renamed { NEW } else { OLD },
                "{point}: {status:?}"
            );
        }
    }
}
