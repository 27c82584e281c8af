//! The sandbox daemons that we drive, the sandbox's image in them, and the real gateway in front of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{
    Daemon, DaemonVersion, GATEWAY_UID, Gateway, Model, Pod, Rpc, SANDBOX_IMAGE, Version, until,
};

/// Longer than anything takes, however busy the machine is.
const LONG: Duration = Duration::from_secs(180);

/// What `docker inspect` says.
fn inspect(daemon: &Daemon, name: &str) -> Value {
    let text = daemon.docker(&["inspect", name]);
    serde_json::from_str::<Value>(&text).unwrap()[0].take()
}

/// The containers that carry the sandbox's label, running or not.
fn sandboxes(daemon: &Daemon) -> Vec<Value> {
    let filter = [
        "ps",
        "--all",
        "--quiet",
        "--filter",
        "label=openclaw.sandbox=1",
    ];
    let ids = daemon.docker(&filter);
    ids.lines().map(|id| inspect(daemon, id)).collect()
}

fn the_image_is_built_and_has_what_the_gateway_needs(version: DaemonVersion) {
    let daemon = Daemon::start(version);
    daemon.build_sandbox_image();
    let config = inspect(&daemon, SANDBOX_IMAGE)["Config"].take();
    assert_eq!(config["User"], "sandbox");
    assert_eq!(config["Cmd"], json!(["sleep", "infinity"]));
    for label in [
        "title",
        "description",
        "source",
        "licenses",
        "version",
        "revision",
    ] {
        let label = format!("org.opencontainers.image.{label}");
        let value = config["Labels"][&label].as_str().unwrap_or_default();
        assert!(!value.is_empty(), "{label}: {config:#}");
    }
    let inside = "command -v sleep >/dev/null && id -u && python3 -c 'print(6 * 7)'";
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        SANDBOX_IMAGE,
        "sh",
        "-c",
        inside,
    ];
    assert_eq!(daemon.docker(&run), format!("{GATEWAY_UID}\n42"));
}

#[test]
fn the_image_is_built_by_the_oldest_daemon() {
    the_image_is_built_and_has_what_the_gateway_needs(DaemonVersion::Oldest);
}

#[test]
fn the_image_is_built_by_the_newest_daemon() {
    the_image_is_built_and_has_what_the_gateway_needs(DaemonVersion::Newest);
}

fn a_daemon_is_started_again_and_leaves_nothing(version: DaemonVersion) {
    let mut daemon = Daemon::start(version);
    daemon.load_sandbox_image();
    let started = [
        "run",
        "--detach",
        "--init",
        "--network",
        "none",
        SANDBOX_IMAGE,
    ];
    let first = daemon.docker(&started);
    daemon.kill();
    assert!(
        !daemon.try_docker(&["ps"]).status.success(),
        "it answers though it was killed"
    );
    daemon.start_again();
    let second = daemon.docker(&started);
    let listed = daemon.docker(&["ps", "--all", "--quiet", "--no-trunc"]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), [second, first]);
    daemon.stop();
    daemon.start_again();
    let third = daemon.docker(&started);

    let folder = daemon.folder().to_path_buf();
    let inside = inspect(&daemon, &third)["State"]["Pid"].to_string();
    let process = Path::new("/proc").join(inside);
    let is_mounted = || {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        mounts.contains(folder.to_str().unwrap())
    };
    assert!(process.exists() && is_mounted() && !control_groups(&folder).is_empty());
    drop(daemon);
    assert!(!process.exists(), "a container lives on");
    assert!(
        !is_mounted(),
        "something is mounted below {}",
        folder.display()
    );
    assert_eq!(control_groups(&folder), Vec::<PathBuf>::new());
    assert!(!folder.exists(), "{} is still there", folder.display());
}

/// The control groups that have the name of this folder, in any hierarchy.
fn control_groups(folder: &Path) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut groups: Vec<_> = hierarchies.chain([root.to_path_buf()]).collect();
    for group in &mut groups {
        group.push(folder.file_name().unwrap());
    }
    groups.retain(|group| group.is_dir());
    groups
}

#[test]
fn the_oldest_daemon_is_started_again_and_leaves_nothing() {
    a_daemon_is_started_again_and_leaves_nothing(DaemonVersion::Oldest);
}

#[test]
fn the_newest_daemon_is_started_again_and_leaves_nothing() {
    a_daemon_is_started_again_and_leaves_nothing(DaemonVersion::Newest);
}

/// A pod with a daemon beside the gateway, and a model that has it run commands.
struct Stage {
    gateway: Gateway,
    model: Model,
    daemon: Daemon,
    _pod: Pod,
}

impl Stage {
    fn set(version: DaemonVersion) -> Self {
        let daemon = Daemon::start(version);
        daemon.load_sandbox_image();
        let model = Model::start();
        let mut pod = Pod::new();
        pod.set_docker_host(&daemon.host());
        pod.set_model(&model);
        pod.write_document(&pod.plain_merge());
        pod.write_secrets();
        Self {
            gateway: Gateway::start(&pod, Version::Newest),
            model,
            daemon,
            _pod: pod,
        }
    }

    /// Sends a message, and waits for the answer's text.
    fn chat(&self, rpc: &mut Rpc, session: &str, message: &str) -> String {
        let request =
            json!({ "sessionKey": session, "message": message, "idempotencyKey": message });
        let run = rpc.call("chat.send", &request).unwrap()["runId"].take();
        let end = Instant::now() + LONG;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(event) = rpc.event("chat", left) else {
                break;
            };
            if event["runId"] != run {
                continue;
            }
            assert!(
                !["error", "aborted"].contains(&event["state"].as_str().unwrap()),
                "{event:#}"
            );
            if event["state"] == "final" {
                return event["message"]["content"][0]["text"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
        panic!(
            "no answer within {LONG:?}: {:#?}\n{:#?}",
            self.model.results(),
            self.gateway.log()
        );
    }
}

fn the_gateway_runs_tools_in_a_sandbox(version: DaemonVersion) {
    let stage = Stage::set(version);
    let process = fs::metadata(format!("/proc/{}", stage.gateway.pid())).unwrap();
    assert_eq!(process.uid(), GATEWAY_UID, "the gateway's user");
    let mut rpc = stage.gateway.rpc();
    let answer = stage.chat(
        &mut rpc,
        "agent:main:first",
        "RUN echo $((6 * 7)) > /tmp/kept; id -u END",
    );
    assert_eq!(answer, format!("done: {GATEWAY_UID}"));

    let made = sandboxes(&stage.daemon);
    assert_eq!(made.len(), 1, "{made:#?}");
    let labels: HashMap<String, String> =
        serde_json::from_value(made[0]["Config"]["Labels"].clone()).unwrap();
    assert_eq!(labels["openclaw.sandbox"], "1");
    assert!(
        labels["openclaw.sessionKey"].starts_with("agent:main:first"),
        "{labels:?}"
    );
    assert_eq!(made[0]["HostConfig"]["NetworkMode"], "none");

    // Two calls of one run meet in the same sandbox, and so does a later run.
    let message = "RUN cat /tmp/kept THEN PAUSE 1 THEN echo again; cat /tmp/kept END";
    let answer = stage.chat(&mut rpc, "agent:main:first", message);
    assert_eq!(answer, "done: again\n42");
    assert_eq!(stage.model.results().len(), 3);

    let answer = stage.chat(
        &mut rpc,
        "agent:main:second",
        "RUN ls /tmp/kept 2>/dev/null || echo mine END",
    );
    assert!(answer.ends_with("mine"), "{answer}");
    until("a second sandbox", LONG, || {
        sandboxes(&stage.daemon).len() == 2
    });
}

#[test]
fn the_gateway_runs_tools_on_the_oldest_daemon() {
    the_gateway_runs_tools_in_a_sandbox(DaemonVersion::Oldest);
}

#[test]
fn the_gateway_runs_tools_on_the_newest_daemon() {
    the_gateway_runs_tools_in_a_sandbox(DaemonVersion::Newest);
}
