//! The scenes about health: a bot that dies and is cured, an instance that is idle, a gateway that is killed.
//!
//! They are played on the gateway of the scenes before them, which gets a bot and a model. What came of a cure is told
//! minutes after it: so the last scenes are played when those with sandboxes are over. The agent is killed at the very end: of a
//! gateway that it only adopted it cannot see how it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Agent, Answer, Instance, Model, Mood, Pod, Telegram, eventually, until};

use crate::{LONG, Scenes, Tally, play, text, with};

/// An account is restarted when it was dead for a minute.
const UNTIL_CURED: Duration = Duration::from_secs(180);

/// Whether the restart of an account helped is asked 150 s after it.
const UNTIL_TOLD: Duration = Duration::from_secs(300);

/// The conversation in which the model is kept at work.
const SESSION: &str = "agent:main:health";

/// The account that dies.
const BOT: &str = "telegram/default";

const SCENES: &Scenes<Stage> = &[
    ("a channel dies, and is named with its cause", dead),
    ("what people see then: pilotfish-agent status", screen),
    ("the dead channel is cured once its service is back", cured),
    ("while a run is active, a stop would lose it", busy),
    ("an idle gateway is suspended and resumed", suspended),
];

const LAST: &Scenes<Stage> = &[
    ("what the cure came to", helped),
    (
        "the gateway is killed with -9, and its cause of death named",
        died,
    ),
    (
        "the agent is killed with -9 in the middle of a change",
        |stage| crate::killed(&mut stage.instance),
    ),
];

/// Plays the first scenes whose title has this word in it, and gives the stage where it is needed again.
pub(super) fn show(only: &str, tally: &mut Tally, instance: Option<Instance>) -> Option<Stage> {
    let (scenes, last) = (with(only, SCENES), with(only, LAST));
    if scenes.is_empty() && last.is_empty() {
        return None;
    }
    let instance = instance.unwrap_or_else(crate::start);
    println!("\nThe gateway gets a Telegram bot and a model …");
    let started = Instant::now();
    let Ok(mut stage) = catch_unwind(AssertUnwindSafe(|| Stage::set(instance))) else {
        println!("  they do not come up, for the reason above");
        tally.failed += scenes.len() + last.len();
        return None;
    };
    println!("  healthy after {:.1} s\n", started.elapsed().as_secs_f64());
    for (title, scene) in scenes {
        tally.count(play(title, scene, &mut stage));
    }
    Some(stage)
}

/// Plays the last scenes.
pub(super) fn end(only: &str, tally: &mut Tally, mut stage: Stage) {
    let scenes = with(only, LAST);
    if !scenes.is_empty() {
        println!("\nBack at the gateway with the bot …\n");
    }
    for (title, scene) in scenes {
        tally.count(play(title, scene, &mut stage));
    }
}

/// An instance with a bot and a model. What is first ends first.
pub(super) struct Stage {
    instance: Instance,
    telegram: Telegram,
    _model: Model,
}

impl Stage {
    fn set(instance: Instance) -> Self {
        let (telegram, model) = (Telegram::start(), Model::start());
        let pod = &instance.pod;
        pod.secrets.set("telegram-bot-token", "123456:of-the-demo");
        pod.set_model(&model);
        set_bot(pod, &telegram);
        let stage = Self {
            instance,
            telegram,
            _model: model,
        };
        until("the bot is connected", LONG, || stage.bot() == "up");
        stage.instance.settled(LONG);
        stage.wait("healthy", LONG);
        stage
    }

    fn get(&self, path: &str) -> Value {
        self.instance.api().get(path).json()
    }

    fn post(&self, path: &str) -> Answer {
        let json = [("content-type", "application/json")];
        let answer = self.instance.api().send("POST", path, &json, b"{}");
        answer.unwrap()
    }

    /// Waits for a verdict.
    fn wait(&self, verdict: &str, within: Duration) -> Value {
        let found = eventually(within, || {
            let health = self.get("/v1/health");
            (health["verdict"] == verdict).then_some(health)
        });
        found.unwrap_or_else(|| panic!("never {verdict}: {:#}", self.get("/v1/health")))
    }

    /// The state of the bot, by the agent.
    fn bot(&self) -> String {
        let health = self.get("/v1/health");
        text(&health["channels"][0], "state").to_owned()
    }

    /// The answer of the agent's probe.
    fn ready(&self) -> u16 {
        self.instance.agent.probe().get("/readyz").status
    }

    /// What a command prints for people, without its colors.
    fn types(&self, command: &str) -> String {
        let pod = &self.instance.pod;
        let agent = format!("http://127.0.0.1:{}", pod.ports.api);
        let token = pod.tokens.path().join("read").display().to_string();
        let line = [command, "--agent", &agent, "--token-file", &token];
        let finished = Agent::once(pod, &line);
        assert_eq!(finished.stderr, "", "{command}");
        finished.stdout
    }

    /// The last line of the journal that has these words, without its date and number.
    fn told(&self, words: &str) -> String {
        let line = eventually(LONG, || {
            let journal = self.types("journal");
            let found = journal.lines().rev().find(|line| line.contains(words));
            found.map(|line| {
                line.split_whitespace()
                    .skip(3)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
        });
        line.unwrap_or_else(|| panic!("no {words} in:\n{}", self.types("journal")))
    }
}

/// A bot whose Bot API is ours.
fn set_bot(pod: &Pod, telegram: &Telegram) {
    let token = json!({ "source": "file", "provider": "pilotfish", "id": "/telegram-bot-token" });
    let bot = json!({ "enabled": true, "botToken": token, "apiRoot": telegram.root() });
    let layer = json!({ "channels": { "telegram": bot } }).to_string();
    pod.layers.base.set("96-bot.json5", layer);
}

/// The bot's token is taken back: the gateway gives the account up, and nothing of it comes back by itself.
fn dead(stage: &mut Stage) -> String {
    let before = stage.get("/v1/health");
    assert_eq!(before["verdict"], "healthy", "{before:#}");
    let started = Instant::now();
    stage.telegram.set(Mood::Refuses);
    let health = stage.wait("degraded", LONG);
    let took = started.elapsed().as_secs_f64();
    let cause = &health["causes"][0];
    let about = (text(cause, "component"), text(cause, "subject"));
    assert_eq!(about, ("channel", BOT), "{health:#}");
    assert_eq!(
        stage.ready(),
        200,
        "one channel takes no pod out of service"
    );
    format!(
        "healthy -> degraded after {took:.1} s: {BOT}: {}; /readyz stays 200",
        text(cause, "evidence")
    )
}

/// Some lines of it, as they are.
fn screen(stage: &mut Stage) -> String {
    let screen = stage.types("status");
    let shown = ["degraded", "gateway", BOT, "the agent:", "memory"];
    for words in shown {
        assert!(screen.contains(words), "no {words} in:\n{screen}");
    }
    let line = |line: &str| format!("\n        {line}").trim_end_matches(' ').to_owned();
    screen.trim_end().lines().map(line).collect()
}

fn cured(stage: &mut Stage) -> String {
    stage.telegram.set(Mood::Well);
    until("the bot is connected", UNTIL_CURED, || stage.bot() == "up");
    let health = stage.get("/v1/health");
    let cure = &health["cures"]["recent"][0];
    let given = (text(cure, "cure"), text(cure, "subject"));
    assert_eq!(given, ("channel_restart", BOT), "{health:#}");
    format!(
        "the agent restarted the account, and it is connected; journal: {}",
        stage.told("restart of the channel account")
    )
}

/// Restart and suspension are refused, with what runs.
fn busy(stage: &mut Stage) -> String {
    let mut rpc = stage.instance.rpc();
    let _ = rpc.ask(SESSION, "RUN PAUSE 10 THEN true END");
    let found = eventually(LONG, || {
        let activity = stage.get("/v1/activity");
        (activity["active_runs"].as_u64() > Some(0)).then_some(activity)
    });
    let activity = found.unwrap_or_else(|| panic!("no run: {:#}", stage.get("/v1/activity")));
    assert_eq!(activity["idle"], false, "{activity:#}");
    let refused = stage.post("/v1/gateway/suspend");
    assert_eq!(refused.status, 409, "{}", refused.body);
    let losses = activity["losses"].as_array().unwrap();
    let losses: Vec<_> = losses.iter().filter_map(Value::as_str).collect();
    format!(
        "{}; to suspend it is refused: {}",
        losses.join(", "),
        text(&refused.json(), "detail")
    )
}

fn suspended(stage: &mut Stage) -> String {
    let idle = eventually(LONG, || {
        let activity = stage.get("/v1/activity");
        (activity["idle"] == true).then_some(activity)
    });
    let idle = idle.unwrap_or_else(|| panic!("not idle: {:#}", stage.get("/v1/activity")));
    let held = stage.post("/v1/gateway/suspend");
    assert_eq!(held.status, 200, "{}", held.body);
    stage.wait("suspended", LONG);
    assert_eq!(stage.ready(), 200);
    let request = json!({ "sessionKey": SESSION, "message": "hello", "idempotencyKey": "hello" });
    let refused = stage.instance.rpc().call("chat.send", &request);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("gateway-suspending"), "{refused}");
    let resumed = stage.post("/v1/gateway/resume");
    assert_eq!(resumed.json()["resumed"], true, "{}", resumed.body);
    stage.wait("healthy", LONG);
    format!(
        "idle since {}; suspended, it took no work (gateway-suspending); resumed, it is healthy",
        text(&idle, "idle_since")
    )
}

/// Where the scenes before were not played, nothing was cured yet.
fn helped(stage: &mut Stage) -> String {
    if stage.get("/v1/health")["cures"]["recent"] == json!([]) {
        dead(stage);
        cured(stage);
    }
    let outcome = |stage: &Stage| stage.get("/v1/health")["cures"]["recent"][0]["outcome"].take();
    until("its outcome is known", UNTIL_TOLD, || {
        outcome(stage) != "pending"
    });
    assert_eq!(outcome(stage), "helped");
    stage.wait("healthy", LONG);
    format!(
        "journal: {}; {}",
        stage.told("healthy, was degraded"),
        stage.told("it helped")
    )
}

fn died(stage: &mut Stage) -> String {
    let gateway = stage.instance.gateway_pid();
    let started = Instant::now();
    kill(Pid::from_raw(gateway.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let health = stage.wait("failing", LONG);
    let took = started.elapsed().as_secs_f64();
    let death = &health["last_death"];
    assert_eq!(
        (text(death, "cause"), &death["signal"], &death["inferred"]),
        ("signal", &json!(9), &json!(false)),
        "{health:#}"
    );
    assert_eq!(stage.ready(), 503);
    stage.wait("healthy", LONG);
    let back = started.elapsed().as_secs_f64();
    assert_ne!(stage.instance.gateway_pid(), gateway);
    format!(
        "failing after {took:.2} s, healthy again after {back:.1} s; journal: {}",
        stage.told("the gateway ended")
    )
}
