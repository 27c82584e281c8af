//! SIGKILL at every system call of the write path, by injection.
//!
//! Each call that can change a disk or name a file is counted in an undisturbed run; then a run is killed before each
//! one of them. Whatever the point: the document is the old or the new one, whole; the next start works; the generation
//! never goes back.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Agent, Knobs, Pod, arguments, document_arguments, until};

use crate::scene::{COLOR, LONG, Scene, color};

/// Calls that change what is on disk, or open the way to it.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,ftruncate,fchmod,fchown,unlink,unlinkat,mkdir,mkdirat,linkat";

/// How often each call was made, from strace's log.
fn counted(trace: &Path) -> BTreeMap<String, usize> {
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
    let history = Agent::once(pod, &["history", "--json", "--state", state.to_str().unwrap()]);
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    let history: Value = serde_json::from_str(&history.stdout).unwrap();
    history["generations"][0]["generation"]
        .as_u64()
        .unwrap_or_default()
}

fn colored(pod: &Pod) -> Option<Value> {
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
                matches!(colored(&pod), None) || colored(&pod) == Some(color(1).1),
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

/// strace, attached to a running agent. Dropped, it lets go.
struct Tracer(Child);

impl Tracer {
    fn attach(pid: i32, trace: &Path, more: &[&str]) -> Self {
        let mut command = Command::new("strace");
        command
            .args(["-f", "-o"])
            .arg(trace)
            .args(more)
            .args(["-p", &pid.to_string()]);
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace must be installed");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let attached = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("attached")));
        assert!(attached.is_some(), "strace did not attach");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.0.id().try_into().unwrap()),
            Signal::SIGINT,
        );
        let _ = self.0.wait();
    }
}

const AT_ONCE: [&str; 4] = ["--probation", "0s", "--protection", "switch"];

/// Whether the gateway runs with it and nothing is on its way.
fn is_through(scene: &Scene, round: u32) -> bool {
    let config = scene.instance.api().try_get("/v1/config");
    scene.fake.running().pointer(COLOR) == Some(&color(round).1)
        && config.is_ok_and(|answer| answer.status == 200 && answer.json()["state"] == "settled")
}

#[test]
fn an_agent_killed_at_every_call_of_a_layer_change_leaves_the_old_document_or_the_new_one() {
    let mut scene = Scene::with(
        Knobs {
            detect: Duration::from_millis(5),
            writes_per_minute: usize::MAX,
            ..Knobs::default()
        },
        &AT_ONCE,
    );
    let trace = scene.instance.pod.path("home/trace");
    let calls = {
        let tracer = Tracer::attach(
            scene.instance.agent.pid(),
            &trace,
            &[&format!("-etrace={CALLS}")],
        );
        scene.instance.pod.edit_user(&color(1).0);
        scene.runs_with(COLOR, &color(1).1);
        drop(tracer);
        counted(&trace)
    };
    assert!(
        calls["fsync"] >= 2 && calls.contains_key("renameat"),
        "{calls:?}"
    );
    let (mut old, mut new, mut round) = (0, 0, 1);
    for (call, count) in calls {
        for when in 1..=count {
            round += 1;
            let point = format!("{call} number {when} of {count}");
            let generation = scene.instance.generation();
            let inject = format!("-einject={call}:signal=KILL:when={when}");
            let tracer = Tracer::attach(
                scene.instance.agent.pid(),
                &trace,
                &[&format!("-etrace={call}"), &inject],
            );
            scene.instance.pod.edit_user(&color(round).0);
            until("it dies, or is through with fewer calls this time", LONG, || {
                scene.instance.agent.wait(Duration::ZERO).is_some() || is_through(&scene, round)
            });
            drop(tracer);
            let died = scene.instance.agent.wait(Duration::ZERO).is_some();
            match colored(&scene.instance.pod) {
                Some(value) if value == color(round).1 => new += 1,
                Some(value) if value == color(round - 1).1 && died => old += 1,
                other => panic!("{point}: {other:?}, died: {died}"),
            }
            if died {
                scene.instance.agent = Agent::start(
                    &scene.instance.pod,
                    &arguments(&scene.instance.pod, &AT_ONCE),
                );
                scene.instance.document_in_place();
            }
            scene.runs_with(COLOR, &color(round).1);
            let after = scene.instance.generation();
            assert!(after > generation, "{point}: from {generation} to {after}");
            assert_eq!(
                fs::read_dir(scene.instance.pod.path("doc"))
                    .unwrap()
                    .count(),
                1,
                "{point}: litter"
            );
            assert_eq!(scene.quarantined(), 0, "{point}");
        }
    }
    assert!(old > 5 && new > 5, "{old} old, {new} new");
}

#[test]
fn an_agent_killed_in_an_undo_finishes_it() {
    let more = [
        "--probation",
        "0s",
        "--protection",
        "switch",
        "--hot-deadline",
        "1s",
        "--restart-deadline",
        "2s",
    ];
    let mut scene = Scene::new(&more);
    let before = scene.instance.document();
    for round in 1..=4 {
        scene.fake.set(|knobs| knobs.never_applied = true);
        let (user, value) = color(round);
        scene.instance.pod.edit_user(&user);
        until("the bad one is written", LONG, || {
            scene.instance.document().pointer(COLOR) == Some(&value)
        });
        std::thread::sleep(Duration::from_millis(u64::from(round) * 350));
        scene.reborn(&more);
        until("the last good one is back", LONG, || {
            scene.instance.document() == before
        });
        scene.fake.set(|knobs| knobs.never_applied = false);
        scene.instance.settled(LONG);
        assert!(scene.quarantined() >= 1, "round {round}");
        assert_eq!(scene.instance.document(), before, "round {round}");
    }
}
