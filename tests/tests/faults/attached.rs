//! SIGKILL at every system call that a running agent makes for one change of a layer.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Agent, Knobs, arguments, until};

use crate::kill::{CALLS, colored, counted};
use crate::scene::{COLOR, LONG, Scene, color};

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
            until(
                "it dies, or is through with fewer calls this time",
                LONG,
                || scene.instance.agent.wait(Duration::ZERO).is_some() || is_through(&scene, round),
            );
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
