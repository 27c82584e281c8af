//! A supervised gateway with a daemon, a guard and a model, under the tightest limits that there are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Output;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{
    Client, Daemon, DaemonVersion, GATEWAY_UID, Instance, Model, Pod, Rpc, eventually, newest,
};

/// Longer than anything takes, however busy the machine is.
pub(crate) const LONG: Duration = Duration::from_secs(240);

/// Nothing is kept but what is live. Zero would switch the first two off, and take any number for the next two.
const TIGHTEST: [&str; 14] = [
    "--sandbox-idle",
    "1ms",
    "--sandbox-max-age",
    "1ms",
    "--sandbox-max-count",
    "1",
    "--sandbox-max-per-scope",
    "1",
    "--sandbox-exited-after",
    "0s",
    "--sandbox-orphan-grace",
    "0s",
    "--sandbox-grace",
    "0s",
];

/// Everything that a pod with sandboxes has.
pub(crate) struct Stage {
    /// Declared first, so that it ends first.
    instance: Instance,
    model: Model,
    daemon: Daemon,
}

impl Stage {
    /// Sets it up, with things of others in the daemon; waits until the agent knows the daemon.
    pub(crate) fn set(version: DaemonVersion) -> Self {
        let daemon = Daemon::start(version);
        daemon.load_sandbox_image();
        let raw = fs::Permissions::from_mode(0o600);
        fs::set_permissions(daemon.socket(), raw).unwrap();
        crate::foreign::furnish(&daemon);
        let model = Model::start();
        let mut pod = Pod::new();
        let guard = pod.path("guard.sock").display().to_string();
        pod.set_docker_host(&format!("unix://{guard}"));
        pod.set_model(&model);
        // As many runs at a time as there are in this story.
        pod.set_plan("pro");
        let [socket, state, workspace] =
            [daemon.socket(), pod.path("state"), pod.path("workspace")]
                .map(|path| path.display().to_string());
        let paths = [
            "--docker-socket",
            &socket,
            "--guard-socket",
            &guard,
            "--gateway-state",
            &state,
            "--workspace-root",
            &workspace,
        ];
        let arguments = [&paths[..], &TIGHTEST].concat();
        let stage = Self {
            instance: Instance::supervised(pod, newest(), &arguments),
            model,
            daemon,
        };
        let up = eventually(LONG, || {
            (stage.sandboxes()["daemon"]["state"] == "up").then_some(())
        });
        assert!(
            up.is_some(),
            "the daemon is not up: {:#}",
            stage.sandboxes()
        );
        stage
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// What `DOCKER_HOST` says to the gateway.
    pub(crate) fn guard(&self) -> String {
        format!("unix://{}", self.instance.pod.path("guard.sock").display())
    }

    pub(crate) fn gateway_pid(&self) -> i64 {
        self.instance.gateway_pid()
    }

    /// Runs the gateway's docker command as the gateway's user, against a socket.
    pub(crate) fn docker_as_gateway(&self, host: &str, arguments: &[&str]) -> Output {
        let mut command = self.daemon.docker_command();
        command
            .env("DOCKER_HOST", host)
            .env("DOCKER_CONFIG", self.instance.pod.path("home/.docker"))
            .current_dir(self.instance.pod.path("home"))
            .uid(GATEWAY_UID)
            .gid(GATEWAY_UID);
        command.args(arguments).output().unwrap()
    }

    /// Sends the model a message in a session of its own.
    pub(crate) fn ask(&self, session: &str, message: &str) -> Run {
        let mut rpc = self.instance.rpc();
        let key = format!("agent:main:{session}");
        let request = json!({ "sessionKey": key, "message": message, "idempotencyKey": session });
        let id = rpc.call("chat.send", &request).unwrap()["runId"].take();
        Run { rpc, id }
    }

    /// Whether a tool's result with this text came back to the model.
    pub(crate) fn model_was_told(&self, text: &str) -> bool {
        self.model
            .results()
            .iter()
            .any(|result| result.trim() == text)
    }

    /// `GET /v1/sandboxes`.
    pub(crate) fn sandboxes(&self) -> Value {
        self.instance.api().get("/v1/sandboxes").json()
    }

    /// The sandboxes that the agent knows.
    pub(crate) fn listed(&self) -> Vec<Value> {
        let answer = self.sandboxes();
        answer["sandboxes"].as_array().cloned().unwrap_or_default()
    }

    /// The id of the only sandbox of a session, once it runs.
    pub(crate) fn sandbox(&self, session: &str) -> String {
        let key = format!("agent:main:{session}");
        let found = eventually(LONG, || {
            let listed = self.listed();
            let mut own = listed.iter().filter(|sandbox| {
                sandbox["session"] == key.as_str() && sandbox["state"] == "running"
            });
            let id = own.next()?["id"].as_str()?.to_owned();
            assert!(own.next().is_none(), "{session} has two: {listed:#?}");
            Some(id)
        });
        found.unwrap_or_else(|| {
            panic!(
                "no sandbox of {session} within {LONG:?}: {:#}\n{:#?}",
                self.sandboxes(),
                self.model.results()
            )
        })
    }
}

/// A message that the gateway works on.
pub(crate) struct Run {
    rpc: Rpc,
    id: Value,
}

impl Run {
    /// The text of its answer.
    pub(crate) fn answer(&mut self) -> String {
        let end = Instant::now() + LONG;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some(event) = self.rpc.event("chat", left) else {
                break;
            };
            if event["runId"] != self.id {
                continue;
            }
            let state = event["state"].as_str().unwrap_or_default();
            assert!(!["error", "aborted"].contains(&state), "{event:#}");
            if state == "final" {
                let text = event["message"]["content"][0]["text"].as_str();
                return text.unwrap_or_default().to_owned();
            }
        }
        panic!("no answer to the run {} within {LONG:?}", self.id);
    }
}

/// Somebody who asks for a pass every second.
pub(crate) struct Passes {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Value>>,
}

impl Passes {
    pub(crate) fn every_second(stage: &Stage) -> Self {
        let (stop, stopped) = mpsc::channel();
        let api = stage.instance.api();
        let thread = std::thread::spawn(move || {
            let mut passes = Vec::new();
            let second = Duration::from_secs(1);
            while stopped.recv_timeout(second) == Err(RecvTimeoutError::Timeout) {
                passes.push(pass(&api));
            }
            passes
        });
        Self { stop, thread }
    }

    /// What each pass said.
    pub(crate) fn end(self) -> Vec<Value> {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

fn pass(api: &Client) -> Value {
    let answer = api.send("POST", "/v1/sandboxes/prune", &[], b"").unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["pass"].take()
}
