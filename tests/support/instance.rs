//! One instance: a pod, the agent, and a gateway that it owns or stands beside.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    Agent, Answer, Client, GATEWAY_UID, Gateway, GatewayOptions, Pod, Version, eventually, is_root,
};

/// A pod with an agent, and perhaps a gateway of its own.
pub struct Instance {
    /// The agent; declared first, so that it ends first.
    pub agent: Agent,
    /// The gateway beside it, when the agent is a sidecar.
    pub gateway: Option<Gateway>,
    /// The folders.
    pub pod: Pod,
}

impl Instance {
    /// The agent as supervisor of a real gateway; waits until its document is settled.
    #[must_use]
    pub fn supervised(pod: Pod, options: GatewayOptions, more: &[&str]) -> Self {
        let agent = supervise(&pod, options, more);
        let instance = Self {
            agent,
            gateway: None,
            pod,
        };
        instance.settled(Duration::from_secs(180));
        instance
    }

    /// The agent as sidecar of a real gateway; waits until its document is settled.
    #[must_use]
    pub fn sidecar(pod: Pod, options: GatewayOptions, more: &[&str]) -> Self {
        let mut more = more.to_vec();
        if options.read_only_mount {
            more.extend(["--protection", "mount"]);
        }
        let agent = Agent::start(&pod, &arguments(&pod, &more));
        let instance = Self {
            agent,
            gateway: None,
            pod,
        };
        instance.document_in_place();
        let mut gateway = Gateway::launch(&instance.pod, options);
        gateway.wait_ready(Duration::from_secs(180));
        let instance = Self {
            gateway: Some(gateway),
            ..instance
        };
        instance.settled(Duration::from_secs(120));
        instance
    }

    /// Another agent on the same pod, after the one before has ended.
    #[must_use]
    pub fn successor(&self, more: &[&str]) -> Agent {
        let mount = ["--protection", "mount"];
        let more = [more, &mount].concat();
        Agent::start(&self.pod, &arguments(&self.pod, &more))
    }

    /// The agent alone.
    #[must_use]
    pub fn alone(pod: Pod, more: &[&str]) -> Self {
        let agent = Agent::start(&pod, &arguments(&pod, more));
        Self {
            agent,
            gateway: None,
            pod,
        }
    }

    /// A client of the API with the role `operate`.
    #[must_use]
    pub fn api(&self) -> Client {
        self.agent.api().with_timeout(Duration::from_secs(200))
    }

    /// `GET /v1/config`.
    #[must_use]
    pub fn config(&self) -> Value {
        self.api().get("/v1/config").json()
    }

    /// The generation on disk.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.config()["generation"].as_u64().unwrap_or_default()
    }

    /// The document on disk.
    #[must_use]
    pub fn document(&self) -> Value {
        let bytes = std::fs::read(self.pod.document()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Waits until a document is in place.
    pub fn document_in_place(&self) {
        let probe = self.agent.probe();
        let found = eventually(Duration::from_secs(30), || {
            probe
                .try_get("/startupz")
                .ok()
                .filter(|answer| answer.status == 200)
        });
        assert!(
            found.is_some(),
            "no document:\n{}",
            self.agent.stderr.all().join("\n")
        );
    }

    /// Waits until nothing is on its way, and the gateway answers.
    pub fn settled(&self, within: Duration) {
        let api = self.api();
        let found = eventually(within, || {
            let config = api
                .try_get("/v1/config")
                .ok()
                .filter(|answer| answer.status == 200)?
                .json();
            let status = api.try_get("/v1/status").ok()?.json();
            let quiet = config["state"] == "settled" || config["state"] == "refused";
            (quiet && status["gateway"]["state"] == "up").then_some(())
        });
        assert!(
            found.is_some(),
            "not settled within {within:?}: {}\n{}",
            self.config(),
            self.agent.stderr.all().join("\n")
        );
    }

    /// Waits for a state of the config.
    pub fn state(&self, state: &str, within: Duration) {
        let found = eventually(within, || (self.config()["state"] == state).then_some(()));
        assert!(
            found.is_some(),
            "not {state} within {within:?}: {}",
            self.config()
        );
    }

    /// Does something, and waits for a newer report of such an outcome.
    #[track_caller]
    pub fn reported(&self, outcome: &str, within: Duration, act: impl FnOnce()) -> Value {
        let before = self.config()["last_report"]["started_at"].clone();
        act();
        let newer = || {
            let report = self.config()["last_report"].clone();
            (report["started_at"] != before && report["outcome"]["kind"] == outcome)
                .then_some(report)
        };
        eventually(within, newer)
            .unwrap_or_else(|| panic!("no {outcome}: {}", self.config()["last_report"]))
    }

    /// Changes the user layer over the API, whatever is in it, and waits for the outcome.
    #[must_use]
    pub fn put_user(&self, text: &str, wait: &str) -> Answer {
        let path = format!("/v1/config/user?wait={wait}&timeout_seconds=180");
        self.api()
            .send("PUT", &path, &[("if-match", "*")], text.as_bytes())
            .unwrap()
    }

    /// Waits for a line on the agent's standard error, from line `from` on, and says how long that took.
    #[must_use]
    pub fn says(&self, from: usize, text: &str, within: Duration) -> (String, Duration) {
        let started = Instant::now();
        let line = self.agent.stderr.wait_from(from, text, within);
        (line, started.elapsed())
    }

    /// How many lines the agent has said.
    #[must_use]
    pub fn said(&self) -> usize {
        self.agent.stderr.len()
    }

    /// The revision that the gateway runs with, by its own word.
    #[must_use]
    pub fn applied(&self) -> String {
        let mut rpc = Rpc::of(&self.pod);
        let config = rpc.call("config.get", &serde_json::json!({})).unwrap();
        config["appliedConfigHash"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The gateway's process id, when the agent is its parent.
    #[must_use]
    pub fn gateway_pid(&self) -> i64 {
        self.api().get("/v1/status").json()["supervisor"]["pid"]
            .as_i64()
            .unwrap_or_default()
    }

    /// Whether the gateway says of itself that it has started.
    #[must_use]
    pub fn gateway_is_well(&self) -> bool {
        let answer = Client::new(self.pod.ports.gateway).try_get("/startupz");
        answer.is_ok_and(|answer| answer.status == 200 && answer.body.contains("started"))
    }

    /// A client of the gateway.
    #[must_use]
    pub fn rpc(&self) -> crate::Rpc {
        Rpc::of(&self.pod)
    }
}

struct Rpc;

impl Rpc {
    fn of(pod: &Pod) -> crate::Rpc {
        crate::Rpc::connect(pod.ports.gateway, &pod.gateway_token())
            .unwrap_or_else(|why| panic!("the gateway refused us: {why}"))
    }
}

/// The agent as parent of a real gateway, which runs as another user when we are root.
#[must_use]
pub fn supervise(pod: &Pod, options: GatewayOptions, more: &[&str]) -> Agent {
    let user = format!("{GATEWAY_UID}:{GATEWAY_UID}");
    let mut more = more.to_vec();
    if is_root() {
        more.extend(["--child-user", &user]);
    }
    Agent::supervise(pod, options, &arguments(pod, &more))
}

/// The arguments of `run` for a pod; quick where quickness changes nothing that is tested.
#[must_use]
pub fn arguments(pod: &Pod, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["run".to_owned()];
    arguments.extend(document_arguments(pod));
    let listen = |port: u16| format!("127.0.0.1:{port}");
    let tokens = pod.tokens.path();
    for (flag, value) in [
        ("--listen", listen(pod.ports.api)),
        ("--probe-listen", listen(pod.ports.probe)),
        (
            "--read-token-file",
            tokens.join("read").display().to_string(),
        ),
        (
            "--operate-token-file",
            tokens.join("operate").display().to_string(),
        ),
        ("--log-format", "text".to_owned()),
    ] {
        arguments.extend([flag.to_owned(), value]);
    }
    if !more.contains(&"--probation") {
        arguments.extend(["--probation".to_owned(), "4s".to_owned()]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    arguments
}

/// The arguments that say where layers, document and state are: what every command takes.
#[must_use]
pub fn document_arguments(pod: &Pod) -> Vec<String> {
    let layer = |name: &str, path: &std::path::Path| format!("{name}={}", path.display());
    let path = |path: std::path::PathBuf| path.display().to_string();
    [
        ["--layer".to_owned(), layer("base", pod.layers.base.path())],
        ["--layer".to_owned(), layer("plan", pod.layers.plan.path())],
        ["--layer".to_owned(), layer("user", &pod.layers.user)],
        [
            "--layer".to_owned(),
            layer("policy", pod.layers.policy.path()),
        ],
        [
            "--locks".to_owned(),
            path(pod.layers.locks.path().join("locks.json5")),
        ],
        ["--state".to_owned(), path(pod.path("agent-state"))],
        ["--out".to_owned(), path(pod.document())],
        ["--secrets".to_owned(), path(pod.secrets.path().to_owned())],
        ["--secrets-out".to_owned(), path(pod.secrets_file())],
    ]
    .concat()
}

/// As a pod has it, on the newest release.
#[must_use]
pub fn newest() -> GatewayOptions {
    GatewayOptions::in_pod(Version::Newest)
}
