//! SIGKILL at every system call of `merge`, by injection.
//!
//! Each call that can change a disk or name a file is counted in an undisturbed run; then a run is killed before each
//! one of them. Whatever the point: the document is the old or the new one, whole; the next start works; the generation
//! never goes back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Agent, Pod, document_arguments};

use crate::scene::{COLOR, LONG, color};

/// Calls that change what is on disk, or open the way to it.
pub const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,ftruncate,fchmod,fchown,unlink,unlinkat,mkdir,mkdirat,linkat";

/// How often each call was made, from strace's log.
pub fn counted(trace: &Path) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        let call = line
            .split_once(' ')
            .and_then(|(_, call)| call.trim_start().split_once('('));
        if let Some((name, _)) =
            call.filter(|(name, _)| CALLS.split(',').any(|known| known == *name))
        {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

fn merge_line(pod: &Pod) -> Vec<String> {
    std::iter::once("merge".to_owned())
        .chain(document_arguments(pod))
        .collect()
}

/// `history` on the state directory: it is readable, and this is its newest generation.
fn newest_generation(pod: &Pod) -> u64 {
    let state = pod.path("agent-state");
    let history = Agent::once(
        pod,
        &["history", "--json", "--state", state.to_str().unwrap()],
    );
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    history["generations"][0]["generation"]
        .as_u64()
        .unwrap_or_default()
}

pub fn colored(pod: &Pod) -> Option<Value> {
    let document: Value =
        serde_json::from_slice(&fs::read(pod.document()).ok()?).expect("never torn");
    Some(document.pointer(COLOR).cloned().unwrap_or_default())
}

#[test]
fn merge_killed_at_every_call_leaves_the_old_document_or_the_new_one() {
    let pod = Pod::new();
    let trace = pod.path("home/trace");
    let under = |more: &[&str]| -> Option<i32> {
        let mut program = vec!["strace", "-f", "-qq", "-o", trace.to_str().unwrap()];
        program.extend(more);
        Agent::start_under(&pod, &program, &merge_line(&pod))
            .wait(LONG)
            .unwrap()
            .code()
    };
    pod.edit_user(&color(1).0);
    assert_eq!(Agent::once(&pod, &merge_line(&pod)).code, Some(0));
    pod.edit_user(&color(2).0);
    assert_eq!(under(&[&format!("-etrace={CALLS}")]), Some(0));
    let calls = counted(&trace);
    assert!(
        calls["fsync"] >= 3 && calls.keys().any(|call| call.starts_with("rename")),
        "{calls:?}"
    );

    let (mut old, mut new, mut round) = (0, 0, 2);
    for (call, count) in calls {
        for when in 1..=count {
            let point = format!("{call} number {when} of {count}");
            let generation = newest_generation(&pod);
            round += 1;
            pod.edit_user(&color(round).0);
            let ended = under(&[
                &format!("-etrace={call}"),
                &format!("-einject={call}:signal=KILL:when={when}"),
            ]);
            assert_ne!(ended, Some(0), "{point}: not killed");
            match colored(&pod) {
                Some(value) if value == color(round).1 => new += 1,
                Some(value) if value == color(round - 1).1 => old += 1,
                other => panic!("{point}: {other:?}"),
            }
            assert!(
                newest_generation(&pod) >= generation,
                "{point}: the generation went back"
            );
            let next = Agent::once(&pod, &merge_line(&pod));
            assert_eq!(next.code, Some(0), "{point}: {}", next.stderr);
            assert_eq!(colored(&pod), Some(color(round).1), "{point}");
            assert_eq!(
                fs::read_dir(pod.path("doc")).unwrap().count(),
                1,
                "{point}: litter"
            );
            assert!(newest_generation(&pod) > generation, "{point}");
        }
    }
    assert!(old > 20 && new >= 1, "{old} old, {new} new");
}

#[test]
fn the_first_merge_killed_at_every_call_leaves_nothing_or_a_whole_document() {
    let trace_of = |pod: &Pod, more: &[&str]| {
        let trace = pod.path("home/trace");
        let mut program = vec![
            "strace".to_owned(),
            "-f".to_owned(),
            "-qq".to_owned(),
            "-o".to_owned(),
            trace.display().to_string(),
        ];
        program.extend(more.iter().map(ToString::to_string));
        let code = Agent::start_under(pod, &program, &merge_line(pod))
            .wait(LONG)
            .unwrap()
            .code();
        (code, trace)
    };
    let fresh = || {
        let pod = Pod::new();
        pod.edit_user(&color(1).0);
        pod
    };
    let pod = fresh();
    let (code, trace) = trace_of(&pod, &[&format!("-etrace={CALLS}")]);
    assert_eq!(code, Some(0));
    let whole = fs::read(pod.document()).unwrap().len();
    // Opening and reading was had above: here, what changes a disk.
    for (call, count) in counted(&trace)
        .into_iter()
        .filter(|(call, _)| call != "openat")
    {
        for when in 1..=count {
            let point = format!("{call} number {when} of {count}");
            let pod = fresh();
            let (code, _) = trace_of(
                &pod,
                &[
                    &format!("-etrace={call}"),
                    &format!("-einject={call}:signal=KILL:when={when}"),
                ],
            );
            assert_ne!(code, Some(0), "{point}");
            assert!(
                colored(&pod).is_none() || colored(&pod) == Some(color(1).1),
                "{point}"
            );
            let next = Agent::once(&pod, &merge_line(&pod));
            assert_eq!(next.code, Some(0), "{point}: {}", next.stderr);
            assert_eq!(colored(&pod), Some(color(1).1), "{point}");
            assert!(
                fs::read(pod.document()).unwrap().len() + 16 > whole,
                "{point}"
            );
        }
    }
}
