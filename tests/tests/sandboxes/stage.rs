//! A supervised gateway with a daemon, a guard and a model, under the tightest limits that there are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Output;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use support::{
    Agent, Client, Daemon, DaemonVersion, GATEWAY_UID, Instance, Model, Pod, Rpc, eventually,
    newest, supervise,
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

/// What is not live is idle, and nothing else is wrong with it.
const IDLE_ALONE: [&str; 10] = [
    "--sandbox-idle",
    "1ms",
    "--sandbox-max-age",
    "0s",
    "--sandbox-max-count",
    "0",
    "--sandbox-max-per-scope",
    "0",
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
        pod.set_docker_host(&pod.guard());
        pod.set_model(&model);
        // As many runs at a time as there are in this story.
        pod.set_plan("pro");
        let paths = paths(&daemon, &pod);
        let arguments = with(&paths, &TIGHTEST);
        let stage = Self {
            instance: Instance::supervised(pod, newest(), &arguments),
            model,
            daemon,
        };
        stage.knows_the_daemon();
        stage
    }

    /// Kills the agent, and starts it again under the limits of [`IDLE_ALONE`]; the gateway lives on.
    pub(crate) fn let_only_idle_ones_go(&mut self) {
        let gateway = self.gateway_pid();
        let paths = paths(&self.daemon, &self.instance.pod);
        self.instance.agent.kill();
        self.instance.agent = supervise(&self.instance.pod, newest(), &with(&paths, &IDLE_ALONE));
        self.instance.settled(LONG);
        self.knows_the_daemon();
        assert_eq!(self.gateway_pid(), gateway, "another gateway");
    }

    fn knows_the_daemon(&self) {
        let up = eventually(LONG, || {
            (self.sandboxes()["daemon"]["state"] == "up").then_some(())
        });
        assert!(
            up.is_some(),
            "the daemon is not up within {LONG:?}: {:#}",
            self.sandboxes()
        );
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// What `DOCKER_HOST` says to the gateway.
    pub(crate) fn guard(&self) -> String {
        self.instance.pod.guard()
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

    /// Sends the model a message in a session.
    pub(crate) fn ask(&self, session: &str, message: &str) -> Run {
        let mut rpc = self.instance.rpc();
        let id = rpc.ask(&key(session), message);
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
        let key = key(session);
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

    /// What makes a sandbox live, by the agent's word.
    pub(crate) fn live(&self, id: &str) -> Value {
        let mut listed = self.listed();
        let own = listed.iter_mut().find(|sandbox| sandbox["id"] == id);
        let Some(own) = own else {
            panic!("{id} is gone: {:#}", self.sandboxes());
        };
        own["live"]["kind"].take()
    }

    /// The pass of `pilotfish-agent prune --json`, as an operator types it.
    pub(crate) fn prune(&self, more: &[&str]) -> Value {
        let pod = &self.instance.pod;
        let agent = format!("http://127.0.0.1:{}", pod.ports.api);
        let token = pod.tokens.path().join("operate").display().to_string();
        let typed = ["prune", "--json", "--agent", &agent, "--token-file", &token];
        let ended = Agent::once(pod, &[&typed[..], more].concat());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let mut answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        answer["pass"].take()
    }

    /// The page of metrics.
    pub(crate) fn metrics(&self) -> String {
        self.instance.agent.probe().get("/metrics").body
    }
}

/// Where everything of this stage is: arguments of the agent.
fn paths(daemon: &Daemon, pod: &Pod) -> Vec<String> {
    let workspace = pod.path("workspace").display().to_string();
    let more = ["--workspace-root".to_owned(), workspace];
    daemon.owned_in(pod).into_iter().chain(more).collect()
}

fn with<'a>(paths: &'a [String], limits: &[&'a str]) -> Vec<&'a str> {
    let paths = paths.iter().map(String::as_str);
    paths.chain(limits.iter().copied()).collect()
}

/// The key of a session by its name.
fn key(session: &str) -> String {
    format!("agent:main:{session}")
}

/// A message that the gateway works on.
pub(crate) struct Run {
    rpc: Rpc,
    id: Value,
}

impl Run {
    /// The text of its answer.
    pub(crate) fn answer(mut self) -> String {
        self.rpc.answer(&self.id, LONG)
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
