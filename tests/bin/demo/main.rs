//! `make demo`: what Pilotfish promises, shown on a real gateway, one line for each with its time.
//!
//! Ends with 1 when something that was to be shown is not so, else with 0: scenes that this machine cannot show do not count.
//! A word as argument plays only the scenes that have it in their title.
#![expect(clippy::print_stdout, reason = "a demo prints")]
#![expect(
    clippy::unwrap_used,
    reason = "a stage that cannot be set ends the demo"
)]

mod health;
mod sandboxes;

use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Instance, Pod, Version, newest, supervise};

const LONG: Duration = Duration::from_secs(120);

/// What one sees, in a line; it panics where that is not so.
type Scene<Stage> = fn(&mut Stage) -> String;

/// Scenes on one stage, in their order.
type Scenes<Stage> = [(&'static str, Scene<Stage>)];

const SCENES: &Scenes<Instance> = &[
    ("a change is proved while the gateway runs", hot),
    ("a change that needs a restart is proved after it", restart),
    ("a locked key is refused, with its place", locked),
    (
        "a typo is refused by the gateway before it is written",
        typo,
    ),
    ("TLS without its certificate is undone", tls),
    (
        "a token reference that does not resolve is refused by the gateway before it is written",
        token_reference,
    ),
    ("password mode without a password is undone", password),
    (
        "trusted-proxy mode without a proxy is undone",
        trusted_proxy,
    ),
    ("a port that only root may open is undone", privileged_port),
    (
        "an address that this machine does not have is undone",
        no_such_address,
    ),
    ("a port that is taken is undone", taken_port),
    (
        "the document is mounted read-only: the gateway cannot edit it",
        mounted,
    ),
    (
        "a foreign edit is put back before the gateway applies it",
        foreign,
    ),
    (
        "a secret is rotated, and the gateway's token with it",
        rotated,
    ),
];

fn main() -> ExitCode {
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut tally = Tally::default();
    let scenes = with(&only, SCENES);
    let mut instance = (!scenes.is_empty()).then(start);
    for (title, scene) in scenes {
        let instance = instance.as_mut().unwrap();
        let seen = play(title, scene, instance);
        let calm = catch_unwind(AssertUnwindSafe(|| clear(instance)));
        tally.count(seen && calm.is_ok());
    }
    let stage = health::show(&only, &mut tally, instance);
    sandboxes::show(&only, &mut tally);
    if let Some(stage) = stage {
        health::end(&only, &mut tally, stage);
    }
    tally.end()
}

/// The scenes that have this word in their title.
fn with<Stage>(word: &str, scenes: &Scenes<Stage>) -> Vec<(&'static str, Scene<Stage>)> {
    let has = |(title, _): &&(&str, Scene<Stage>)| title.contains(word);
    scenes.iter().filter(has).copied().collect()
}

fn start() -> Instance {
    println!(
        "A real OpenClaw gateway {} starts under the agent …",
        Version::Newest.number()
    );
    let started = Instant::now();
    let instance = Instance::supervised(Pod::new(), newest(), &[]);
    println!(
        "  up and proved after {:.1} s, generation {}\n",
        started.elapsed().as_secs_f64(),
        instance.generation()
    );
    instance
}

/// What came of the scenes.
#[derive(Default)]
struct Tally {
    seen: usize,
    failed: usize,
    not_shown: usize,
}

impl Tally {
    fn count(&mut self, seen: bool) {
        match seen {
            true => self.seen += 1,
            false => self.failed += 1,
        }
    }

    fn end(&self) -> ExitCode {
        let shown = self.seen + self.failed;
        let rest = match self.not_shown {
            0 => String::new(),
            count => format!(", {count} not shown"),
        };
        println!("\n{} of {shown} seen{rest}", self.seen);
        ExitCode::from(u8::from(self.failed > 0))
    }
}

/// Plays a scene, and says in a line what came of it.
fn play<Stage>(title: &str, scene: Scene<Stage>, stage: &mut Stage) -> bool {
    let terminal = std::io::stdout().is_terminal();
    let (green, red, end) = if terminal {
        ("\x1b[32m", "\x1b[31m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    if terminal {
        print!("  …            {title}\r");
        let _ = std::io::stdout().flush();
    }
    let started = Instant::now();
    let seen = catch_unwind(AssertUnwindSafe(|| scene(stage)));
    let seconds = started.elapsed().as_secs_f64();
    match &seen {
        Ok(note) => println!("  {green}ok{end}  {seconds:6.2} s  {title}: {note}"),
        Err(_) => println!("  {red}NO{end}  {seconds:6.2} s  {title}"),
    }
    seen.is_ok()
}

/// Every scene begins with an empty user layer and the shipped base.
fn clear(instance: &Instance) {
    if instance.pod.layers.base.path().join(EXTRA).exists() {
        instance.pod.layers.base.remove(EXTRA);
    }
    let _ = instance.put_user("{}", "proved");
    instance.settled(LONG);
}

/// The file of the base layer that brings the unlivable settings in.
const EXTRA: &str = "95-demo.json5";

fn outcome(report: &Value) -> &str {
    report["outcome"]["kind"].as_str().unwrap_or_default()
}

fn hot(instance: &mut Instance) -> String {
    proved(instance, r#"{ tools: { exec: { mode: "deny" } } }"#, false)
}

fn restart(instance: &mut Instance) -> String {
    let layer = r#"{ gateway: { controlUi: { basePath: "/oc" } } }"#;
    let report = base(instance, layer, "proved");
    assert_eq!(report["requires_restart"], true, "{report}");
    format!("in {:.2} s", seconds(&report))
}

fn proved(instance: &Instance, user: &str, restarts: bool) -> String {
    let answer = instance.put_user(user, "proved");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let report = answer.json()["report"].clone();
    assert_eq!(
        (outcome(&report), &report["proof"]),
        ("proved", &json!("hash")),
        "{report}"
    );
    assert_eq!(report["requires_restart"], restarts, "{report}");
    format!(
        "{} in {:.2} s",
        report["changes"][0]["path"].as_str().unwrap_or_default(),
        seconds(&report)
    )
}

fn seconds(report: &Value) -> f64 {
    report["duration_seconds"].as_f64().unwrap_or_default()
}

fn locked(instance: &mut Instance) -> String {
    refused(instance, "{\n  gateway: { port: 1 },\n}", "locked")
}

fn typo(instance: &mut Instance) -> String {
    refused(
        instance,
        "{\n  logging: { levle: \"debug\" },\n}",
        "gateway",
    )
}

/// Refused with the place, and the document untouched.
fn refused(instance: &Instance, user: &str, kind: &str) -> String {
    let before = std::fs::read(instance.pod.document()).unwrap();
    let answer = instance.put_user(user, "proved");
    assert_eq!(answer.status, 422, "{}", answer.body);
    let body = answer.json();
    let problem = &body["problems"][0];
    assert_eq!(
        (&problem["kind"], &problem["line"]),
        (&json!(kind), &json!(2)),
        "{body}"
    );
    assert_eq!(std::fs::read(instance.pod.document()).unwrap(), before);
    format!(
        "{}:{}:{} {}",
        text(problem, "file"),
        problem["line"],
        problem["column"],
        text(problem, "message")
    )
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn tls(instance: &mut Instance) -> String {
    undone(
        instance,
        r#"{ gateway: { tls: { enabled: true, certPath: "/proc/nowhere/tls.crt", keyPath: "/proc/nowhere/tls.key" } } }"#,
    )
}

fn token_reference(instance: &mut Instance) -> String {
    let before = std::fs::read(instance.pod.document()).unwrap();
    let layer = r#"{ gateway: { auth: { token: { id: "/no-such-secret" } } } }"#;
    let report = base(instance, layer, "refused");
    assert_eq!(
        std::fs::read(instance.pod.document()).unwrap(),
        before,
        "nothing was written"
    );
    text(&report["problems"][0], "message")
        .chars()
        .take(110)
        .collect()
}

fn password(instance: &mut Instance) -> String {
    undone(instance, r#"{ gateway: { auth: { mode: "password" } } }"#)
}

fn trusted_proxy(instance: &mut Instance) -> String {
    undone(
        instance,
        r#"{ gateway: { auth: { mode: "trusted-proxy" } } }"#,
    )
}

fn privileged_port(instance: &mut Instance) -> String {
    undone(instance, "{ gateway: { port: 80 } }")
}

fn no_such_address(instance: &mut Instance) -> String {
    undone(
        instance,
        r#"{ gateway: { bind: "custom", customBindHost: "203.0.113.7" } }"#,
    )
}

fn taken_port(instance: &mut Instance) -> String {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    undone(
        instance,
        &format!(
            "{{ gateway: {{ port: {} }} }}",
            other.local_addr().unwrap().port()
        ),
    )
}

/// The base layer brings something in that every validator accepts and the gateway cannot live with.
fn undone(instance: &Instance, layer: &str) -> String {
    let before = instance.document();
    let report = base(instance, layer, "rolled_back");
    assert_eq!(
        instance.document(),
        before,
        "the last good document is back"
    );
    instance.settled(LONG);
    assert!(instance.gateway_is_well(), "the gateway serves again");
    let reason: String = text(&report, "reason").chars().take(110).collect();
    format!("{reason} (in {:.1} s)", seconds(&report))
}

/// Brings something into the base layer, and waits for the outcome.
fn base(instance: &Instance, layer: &str, outcome: &str) -> Value {
    instance.reported(outcome, LONG, || instance.pod.layers.base.set(EXTRA, layer))
}

fn mounted(instance: &mut Instance) -> String {
    let pid = instance.gateway_pid();
    let document = instance.pod.document();
    let attempt = std::process::Command::new("nsenter")
        .args(["--target", &pid.to_string(), "--mount", "--", "touch"])
        .arg(document.with_file_name("planted"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&attempt.stderr).trim().to_owned();
    assert!(
        !attempt.status.success() && said.contains("Read-only"),
        "{said}"
    );
    format!(
        "even root in its mount namespace is told: {}",
        said.rsplit(": ").next().unwrap_or_default()
    )
}

fn foreign(instance: &mut Instance) -> String {
    let applied = instance.applied();
    let mut edited = instance.document();
    edited["logging"]["level"] = json!("debug");
    let ours = std::fs::read(instance.pod.document()).unwrap();
    let started = Instant::now();
    instance.pod.write_document(&edited);
    let back = support::until("the document is put back", Duration::from_secs(2), || {
        std::fs::read(instance.pod.document()).is_ok_and(|found| found == ours)
    });
    std::thread::sleep(Duration::from_millis(1500).saturating_sub(started.elapsed()));
    assert_eq!(instance.applied(), applied, "the gateway never applied it");
    format!("in {} ms; the applied hash never moved", back.as_millis())
}

fn rotated(instance: &mut Instance) -> String {
    let token = format!("rotated-{}", std::process::id());
    let from = instance.said();
    instance.pod.secrets.set("gateway-token", &token);
    let (_, took) = instance.says(from, "has read its secrets again", LONG);
    instance.settled(LONG);
    let with = support::Rpc::connect(instance.pod.ports.gateway, &token);
    assert!(with.is_ok(), "the new token is taken");
    format!("taken {:.2} s after the swap", took.as_secs_f64())
}

fn killed(instance: &mut Instance) -> String {
    let gateway = instance.gateway_pid();
    let before = instance.generation();
    instance
        .pod
        .edit_user(r#"{ tools: { exec: { mode: "deny" } } }"#);
    support::until("the document is written", Duration::from_secs(5), || {
        instance.document()["tools"]["exec"]["mode"] == "deny"
    });
    kill(Pid::from_raw(instance.agent.pid()), Signal::SIGKILL).unwrap();
    let _ = instance.agent.wait(Duration::from_secs(5));
    let started = Instant::now();
    instance.agent = supervise(&instance.pod, newest(), &[]);
    instance.settled(LONG);
    assert_eq!(
        instance.gateway_pid(),
        gateway,
        "the gateway was adopted, not started again"
    );
    assert!(instance.generation() > before, "generation never goes back");
    assert_eq!(instance.document()["tools"]["exec"]["mode"], "deny");
    instance.pod.edit_user("{}");
    format!(
        "its successor adopted the gateway and finished the proof in {:.1} s",
        started.elapsed().as_secs_f64()
    )
}
