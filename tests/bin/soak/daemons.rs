//! The sandbox daemon is killed while sandboxes come and go.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use support::{Daemon, DaemonVersion, Instance, Pod, SANDBOX_IMAGE, docker_command, until};

use crate::chance::Chance;
use crate::result::Part;

/// Both daemons, with their titles.
pub const ALL: &[(&str, DaemonVersion)] = &[
    (
        "Debian's Docker daemon killed while sandboxes come and go",
        DaemonVersion::Oldest,
    ),
    (
        "the current Docker daemon killed while sandboxes come and go",
        DaemonVersion::Newest,
    ),
];

const LABEL: &str = "openclaw.sandbox=1";

/// How soon after the daemon is back what is known of it has to be right.
const PROMISE: Duration = Duration::from_secs(5);

/// The longest life of a daemon.
const LIFE: Duration = Duration::from_secs(2);

/// So many kills of one daemon.
pub fn run(version: DaemonVersion, kills: usize, part: &mut Part) {
    let mut chance = Chance::new();
    let mut daemon = Daemon::start(version);
    daemon.load_sandbox_image();
    let pod = Pod::new();
    let mut arguments = daemon.owned_in(&pod);
    arguments.extend(["--sandbox-prune", "off"].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let instance = Instance::alone(pod, &arguments);
    instance.document_in_place();
    let made = AtomicUsize::new(0);
    let mut slowest = Duration::ZERO;
    for _ in 0..kills {
        let over = AtomicBool::new(false);
        scope(|scope| {
            let host = daemon.host();
            let (made, over) = (&made, &over);
            scope.spawn(move || come_and_go(&host, made, over));
            sleep(LIFE / 4 + chance.time(LIFE));
            daemon.kill();
            over.store(true, Ordering::Relaxed);
        });
        until("the daemon is known to be lost", PROMISE * 12, || {
            instance.api().get("/v1/sandboxes").json()["daemon"]["state"] == "down"
        });
        daemon.start_again();
        let began = Instant::now();
        until("the inventory is right", PROMISE, || {
            known(&instance) == there(&daemon)
        });
        slowest = slowest.max(began.elapsed());
        part.step();
    }
    part.note(format!(
        "{} sandboxes made, the inventory right {:.1} s after the daemon's return at most",
        made.load(Ordering::Relaxed),
        slowest.as_secs_f64()
    ));
}

/// Makes sandboxes and removes the last but one, until it is over, whatever becomes of them.
fn come_and_go(host: &str, made: &AtomicUsize, over: &AtomicBool) {
    let docker = |arguments: &[&str]| {
        let mut command = Command::new(docker_command());
        let output = command.env("DOCKER_HOST", host).args(arguments).output();
        let output = output.unwrap();
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(id)
    };
    let run = [
        "run",
        "-d",
        "--network",
        "none",
        "--stop-signal",
        "KILL",
        "--label",
        LABEL,
    ];
    let run = [&run[..], &[SANDBOX_IMAGE, "sleep", "infinity"]].concat();
    let mut last: Option<String> = None;
    while !over.load(Ordering::Relaxed) {
        let Some(id) = docker(&run) else { continue };
        made.fetch_add(1, Ordering::Relaxed);
        if let Some(old) = last.replace(id) {
            let _ = docker(&["rm", "-f", &old]);
        }
    }
}

fn known(instance: &Instance) -> BTreeSet<String> {
    let answer = instance.api().get("/v1/sandboxes").json();
    let up = answer["daemon"]["state"] == "up";
    let listed = answer["sandboxes"]
        .as_array()
        .filter(|_| up)
        .into_iter()
        .flatten();
    listed
        .filter_map(|sandbox| sandbox["id"].as_str().map(str::to_owned))
        .collect()
}

fn there(daemon: &Daemon) -> BTreeSet<String> {
    let filter = format!("label={LABEL}");
    let ids = daemon.docker(&["ps", "-aq", "--no-trunc", "--filter", &filter]);
    ids.lines().map(str::to_owned).collect()
}
