//! How a story is told: step by step on one instance, each beginning where nothing is on its way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Answer, Instance, eventually};

/// Longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(240);

/// A probation that is long enough to be seen, and no longer.
pub const QUICK: [&str; 2] = ["--probation", "1s"];

/// The file of the base layer that a step brings its own settings in with.
pub const EXTRA: &str = "95-step.json5";

/// A step and what it shows.
pub type Step = (&'static str, fn(&mut Instance));

/// Plays every step, so that one failure hides no other.
///
/// # Panics
/// When a step failed; the message names all that did.
pub fn tell(instance: &mut Instance, steps: &[Step]) {
    let only = std::env::var("PILOTFISH_STEP").unwrap_or_default();
    let mut failed = Vec::new();
    for (title, step) in steps.iter().filter(|(title, _)| title.contains(&only)) {
        let started = Instant::now();
        let seen = catch_unwind(AssertUnwindSafe(|| step(instance)));
        let calm = catch_unwind(AssertUnwindSafe(|| clear(instance)));
        eprintln!("{:6.1} s  {title}", started.elapsed().as_secs_f64());
        if seen.is_err() || calm.is_err() {
            failed.push(*title);
        }
    }
    assert!(failed.is_empty(), "not seen: {failed:#?}");
}

/// Every step begins with an empty user layer and the shipped base.
fn clear(instance: &Instance) {
    let extra = instance.pod.layers.base.path().join(EXTRA).exists();
    if extra {
        instance.pod.layers.base.remove(EXTRA);
    }
    if instance.api().get("/v1/config/user").body.trim() != "{}" {
        let _ = instance.put_user("{}", "proved");
    }
    let calm = || {
        let config = instance.config();
        (config["document"]["gateway"].is_object() && config["state"] == "settled").then_some(())
    };
    assert!(
        eventually(LONG, calm).is_some(),
        "no peace after a step: {}",
        instance.config()["last_report"]
    );
    instance.settled(LONG);
}

/// A text of a JSON value; empty where there is none.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The bytes on disk.
pub fn bytes(instance: &Instance) -> Vec<u8> {
    std::fs::read(instance.pod.document()).unwrap()
}

/// Puts a user layer, and has it proved.
#[track_caller]
pub fn prove(instance: &Instance, user: &str) -> Value {
    let answer = instance.put_user(user, "proved");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let report = answer.json()["report"].clone();
    assert_eq!(
        (&report["outcome"]["kind"], &report["proof"]),
        (&"proved".into(), &"hash".into()),
        "{report}"
    );
    report
}

/// Does something, and waits for a newer report of such an outcome.
#[track_caller]
pub fn reported(instance: &Instance, outcome: &str, act: impl FnOnce()) -> Value {
    instance.reported(outcome, LONG, act)
}

/// Brings something into the base layer, and waits for the outcome.
#[track_caller]
pub fn base(instance: &Instance, layer: &str, outcome: &str) -> Value {
    reported(instance, outcome, || {
        instance.pod.layers.base.set(EXTRA, layer);
    })
}

/// One of the layers as the agent sees it.
pub fn layer(instance: &Instance, name: &str) -> Value {
    let config = instance.config();
    let mut layers = config["layers"].as_array().unwrap().iter();
    layers
        .find(|layer| layer["name"] == name)
        .cloned()
        .unwrap_or_default()
}

/// The agent, its gateway and what it watches.
pub fn status(instance: &Instance) -> Value {
    instance.api().get("/v1/status").json()
}

/// Posts JSON to the API.
#[track_caller]
pub fn post(instance: &Instance, path: &str, body: &Value) -> Answer {
    let kind = [("content-type", "application/json")];
    let body = body.to_string();
    instance
        .api()
        .send("POST", path, &kind, body.as_bytes())
        .unwrap()
}

/// Waits until something holds.
#[track_caller]
pub fn wait(what: &str, holds: impl FnMut() -> bool) -> Duration {
    support::until(what, LONG, holds)
}
