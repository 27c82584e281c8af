//! The scenes with a sandbox daemon: a gateway of its own, whose model has it run commands.
//!
//! Where this machine can run no daemon they are not shown, and why is said.

use std::panic::catch_unwind;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Daemon, DaemonVersion, Instance, Model, Pod, SANDBOX_IMAGE, eventually};

use crate::{LONG, Scenes, Tally, outcome, play, text, with};

/// Longer than any run here takes.
const RUN: Duration = Duration::from_secs(360);

/// Longer than it takes until an idle sandbox goes: it is live for a minute after the last tool, and a pass is made every
/// minute.
const UNTIL_IDLE: Duration = Duration::from_secs(360);

/// Whatever a tool did keeps its sandbox for so long.
const AFTER_A_TOOL: Duration = Duration::from_secs(60);

/// A new sandbox is kept for so long.
const AFTER_CREATION: Duration = Duration::from_secs(120);

/// The conversation that all scenes are about.
const SESSION: &str = "agent:main:demo";

/// What makes the sandbox that all scenes are about.
const FIRST: &str = "RUN echo $((6 * 7)) > /tmp/kept; hostname END";

const SCENES: &Scenes<Stage> = &[
    (
        "a tool of the model runs in a sandbox, behind the guard",
        tool,
    ),
    ("a privileged container is refused by the guard", privileged),
    (
        "a sandbox is kept while it works, though 1 s idle is all that it may be",
        kept,
    ),
    ("a sandbox is removed when it is idle", idle),
];

/// Plays the scenes whose title has this word in it.
pub(super) fn show(only: &str, tally: &mut Tally) {
    let scenes = with(only, SCENES);
    if scenes.is_empty() {
        return;
    }
    if let Some(why) = missing() {
        println!();
        for (title, _) in &scenes {
            println!("  --            {title}: not shown: {why}");
        }
        tally.not_shown += scenes.len();
        return;
    }
    println!("\nA Docker daemon starts, and a gateway whose model has it run commands …");
    let started = Instant::now();
    let Ok(mut stage) = catch_unwind(Stage::set) else {
        println!("  they do not come up, for the reason above");
        tally.failed += scenes.len();
        return;
    };
    println!("  up after {:.1} s\n", started.elapsed().as_secs_f64());
    for (title, scene) in scenes {
        tally.count(play(title, scene, &mut stage));
    }
}

/// Why this machine can run no daemon.
fn missing() -> Option<String> {
    let script = support::repository().join("tests/daemon.sh");
    let check = Command::new(script).arg("--check").output().unwrap();
    assert!(check.status.success(), "{check:?}");
    let said = String::from_utf8_lossy(&check.stdout).trim().to_owned();
    (!said.is_empty()).then_some(said)
}

/// An instance with a daemon, and a model for its gateway. What is first ends first.
struct Stage {
    instance: Instance,
    model: Model,
    daemon: Daemon,
}

impl Stage {
    fn set() -> Self {
        let daemon = Daemon::start(DaemonVersion::Oldest);
        daemon.load_sandbox_image();
        let model = Model::start();
        let mut pod = Pod::new();
        pod.set_docker_host(&pod.guard());
        pod.set_model(&model);
        let arguments = arguments(&pod, &daemon);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let instance = Instance::supervised(pod, support::newest(), &arguments);
        let stage = Self {
            instance,
            model,
            daemon,
        };
        support::until("the agent knows the daemon", LONG, || {
            stage.sandboxes()["daemon"]["state"] == "up"
        });
        stage
    }

    /// Has the model run something, and gives its answer.
    fn chat(&self, message: &str) -> String {
        let mut rpc = self.instance.rpc();
        let run = rpc.ask(SESSION, message);
        rpc.answer(&run, RUN)
    }

    fn sandboxes(&self) -> Value {
        self.instance.api().get("/v1/sandboxes").json()
    }

    /// The only sandbox.
    fn sandbox(&self) -> Value {
        let answer = self.sandboxes();
        let all = answer["sandboxes"].as_array().unwrap();
        assert_eq!(all.len(), 1, "{answer:#}");
        all[0].clone()
    }

    /// The only sandbox, made where a scene is played without those before it.
    fn made(&self) -> Value {
        if self.sandboxes()["sandboxes"] == json!([]) {
            let _ = self.chat(FIRST);
        }
        self.sandbox()
    }

    /// The ids of all containers.
    fn containers(&self) -> String {
        self.daemon.docker(&["ps", "--all", "--quiet"])
    }

    /// Asks for a pass, and says why the sandbox stays.
    fn pass(&self) -> Pass {
        let tools = self.model.results().len();
        let api = self.instance.api();
        let made = api.send("POST", "/v1/sandboxes/prune", &[], b"").unwrap();
        Pass {
            at: Instant::now(),
            tools,
            report: made.json()["pass"].take(),
            live: self.sandbox()["live"]["kind"].take(),
        }
    }
}

/// One pass that was asked for.
struct Pass {
    at: Instant,
    /// How many tools had ended before it.
    tools: usize,
    report: Value,
    /// What the sandbox is live by.
    live: Value,
}

/// Zero would switch the idle rule off.
fn arguments(pod: &Pod, daemon: &Daemon) -> Vec<String> {
    let workspace = pod.path("workspace").display().to_string();
    let more = [
        "--workspace-root",
        &workspace,
        "--sandbox-idle",
        "1s",
        "--sandbox-grace",
        "0s",
    ];
    let more = more.map(str::to_owned);
    daemon.owned_in(pod).into_iter().chain(more).collect()
}

fn tool(stage: &mut Stage) -> String {
    let answer = stage.chat(FIRST);
    let sandbox = stage.sandbox();
    let id = text(&sandbox, "id");
    assert_eq!(answer, format!("done: {}", &id[..12]), "another host");
    format!(
        "in container {} for {}, {} cores, {} MiB",
        &id[..12],
        text(&sandbox, "session"),
        sandbox["cpus"],
        sandbox["memory_limit_bytes"].as_u64().unwrap() >> 20
    )
}

fn privileged(stage: &mut Stage) -> String {
    let before = stage.containers();
    let mut command = stage.daemon.docker_command();
    command
        .env("DOCKER_HOST", stage.instance.pod.guard())
        .args(["create", "--privileged", "--network", "none"])
        .args(["--label", "openclaw.sandbox=1", SANDBOX_IMAGE, "id"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert!(
        !output.status.success() && said.to_lowercase().contains("privileged"),
        "{said}"
    );
    assert_eq!(stage.containers(), before);
    said.replace("Error response from daemon: ", "")
}

/// The run thinks for longer than anything else but itself keeps its sandbox; passes are made all the while.
fn kept(stage: &mut Stage) -> String {
    let before = stage.made()["id"].take();
    let stage = &*stage;
    let (done, is_done) = mpsc::channel::<()>();
    let (answer, passes) = std::thread::scope(|scope| {
        let passes = scope.spawn(move || {
            let every = Duration::from_secs(2);
            let mut made = Vec::new();
            while is_done.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                made.push(stage.pass());
            }
            made
        });
        let answer = stage
            .chat("RUN cat /tmp/kept THEN PAUSE 60 THEN true THEN PAUSE 75 THEN cat /tmp/kept END");
        drop(done);
        (answer, passes.join().unwrap())
    });
    assert_eq!(answer, "done: 42");
    assert_eq!(stage.sandbox()["id"], before, "another sandbox");
    for pass in &passes {
        assert_eq!(
            (&pass.report["removals"], &pass.report["kept"]),
            (&json!([]), &json!(1))
        );
    }
    let by_its_run = passes
        .iter()
        .filter(|pass| is_kept_by_its_run(pass, &passes));
    let by_its_run = by_its_run.count();
    assert!(by_its_run > 0, "something else always kept it");
    format!(
        "{} passes left it, {by_its_run} of them for its run alone; the last tool found the first one's /tmp",
        passes.len()
    )
}

/// Whether sandbox and last tool were too old to be why.
fn is_kept_by_its_run(pass: &Pass, all: &[Pass]) -> bool {
    let tool_over = all.iter().find(|one| one.tools == pass.tools);
    let quiet = tool_over.map_or(Duration::ZERO, |one| pass.at - one.at);
    pass.live == "run" && quiet > AFTER_A_TOOL && pass.at - all[0].at > AFTER_CREATION
}

fn idle(stage: &mut Stage) -> String {
    let name = stage.made()["name"].take();
    let found = eventually(UNTIL_IDLE, || {
        std::thread::sleep(Duration::from_secs(1));
        let mut pass = stage.sandboxes()["last_pass"].take();
        let removals = pass["removals"].as_array_mut()?;
        let mut of_it = removals.iter_mut().filter(|one| one["name"] == name);
        of_it.next().map(Value::take)
    });
    let removal = found
        .unwrap_or_else(|| panic!("still there after {UNTIL_IDLE:?}: {:#}", stage.sandboxes()));
    assert_eq!(
        (text(&removal, "reason"), outcome(&removal)),
        ("idle", "removed"),
        "{removal:#}"
    );
    assert_eq!(stage.containers(), "");
    "GET /v1/sandboxes says why: idle; the daemon has no container any more".to_owned()
}
