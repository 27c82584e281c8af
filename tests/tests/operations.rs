//! The life of a real gateway as callers want it: whether it is idle, suspended, begun anew.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Client, Gateway, Instance, Model, Pod, eventually, newest};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(240);

const SUSPEND: &str = "/v1/gateway/suspend";
const RESUME: &str = "/v1/gateway/resume";
const RESTART: &str = "/v1/gateway/restart";

/// A step of the story, by its name.
type Step = (&'static str, fn(&mut Stage));

/// An instance with a model that thinks as long as it is told.
struct Stage {
    instance: Instance,
    _model: Model,
}

impl Stage {
    fn start() -> Self {
        let model = Model::start();
        let pod = Pod::new();
        pod.set_model(&model);
        Self {
            instance: Instance::sidecar(pod, newest(), &["--probation", "1s"]),
            _model: model,
        }
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("x-pilotfish-actor", "tests"),
        ];
        let body = body.to_string();
        let api = self.instance.api();
        api.send("POST", path, &headers, body.as_bytes()).unwrap()
    }

    #[track_caller]
    fn did(&self, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        answer.json()
    }

    #[track_caller]
    fn refused(&self, path: &str, body: &Value, status: u16, code: &str) {
        let problem = self.did(path, body, status);
        assert_eq!(problem["code"], code, "{problem}");
    }

    fn activity(&self) -> Value {
        self.instance.api().get("/v1/activity").json()
    }

    #[track_caller]
    fn idle(&self) -> Value {
        let idle = || Some(self.activity()).filter(|activity| activity["idle"] == true);
        eventually(LONG, idle).unwrap_or_else(|| panic!("not idle: {}", self.activity()))
    }

    /// What the gateway itself says of whether it takes work.
    fn readyz(&self) -> String {
        let gateway = Client::new(self.instance.pod.ports.gateway);
        gateway
            .try_get("/readyz")
            .map_or_else(|why| why.to_string(), |answer| answer.body)
    }

    fn rests(&self) -> bool {
        self.readyz().contains("gateway-draining")
    }

    #[track_caller]
    fn awake(&self, within: Duration) {
        let awake = || self.readyz().contains("\"ready\":true").then_some(());
        assert!(eventually(within, awake).is_some(), "{}", self.readyz());
    }

    /// A run that thinks for so long; waits until the gateway counts it.
    fn run(&self, session: &str, seconds: u64) {
        let mut rpc = self.instance.rpc();
        let message = format!("RUN PAUSE {seconds} THEN true END");
        let _ = rpc.ask(session, &message);
        let active = || {
            self.activity()["active_runs"]
                .as_u64()
                .filter(|&runs| runs > 0)
        };
        assert!(eventually(LONG, active).is_some(), "{}", self.activity());
    }

    fn boot_id(&self) -> Value {
        let status = self.instance.api().get("/v1/status").json();
        status["gateway"]["boot_id"].clone()
    }

    /// What the journal holds of what callers did, in words.
    fn operations(&self) -> Vec<String> {
        let journal = self.instance.api().get("/v1/journal?limit=1000").json();
        let entries = journal["entries"].as_array().unwrap();
        let of = |entry: &Value| {
            let event = &entry["event"];
            (event["kind"] == "operation").then(|| {
                let word = |key: &str| event[key].as_str().unwrap().to_owned();
                format!("{} {}", word("what"), word("actor"))
            })
        };
        entries.iter().filter_map(of).collect()
    }
}

#[test]
fn an_instance_is_idle_suspended_and_begun_anew() {
    let mut stage = Stage::start();
    let steps: [Step; 8] = [
        ("what runs is told, and idle is since it ended", idleness),
        ("a run refuses a suspension and a restart", busy),
        ("a suspension waits for a run", drained),
        ("a hold that nobody renews ends", expired),
        ("a restart changes the boot id", restarted),
        (
            "a gateway that is killed is suspended again while the hold lasts",
            killed,
        ),
        ("somebody else's suspension is left alone", elsewhere),
        (
            "a killed agent leaves no gateway suspended, and its successor takes the lease over",
            succeeded,
        ),
    ];
    let only = std::env::var("PILOTFISH_STEP").unwrap_or_default();
    let mut failed = Vec::new();
    for (title, step) in steps.iter().filter(|(title, _)| title.contains(&only)) {
        let started = Instant::now();
        let seen = catch_unwind(AssertUnwindSafe(|| step(&mut stage)));
        let _ = stage.post(RESUME, &json!({}));
        eprintln!("{:6.1} s  {title}", started.elapsed().as_secs_f64());
        if seen.is_err() {
            failed.push(*title);
        }
    }
    assert!(failed.is_empty(), "not seen: {failed:#?}");
}

fn idleness(stage: &mut Stage) {
    let before = stage.idle();
    assert_eq!(before["losses"], json!([]), "{before}");
    stage.run("agent:main:idle", 3);
    let busy = stage.activity();
    assert_eq!(busy["idle"], false, "{busy}");
    assert!(!busy["losses"].as_array().unwrap().is_empty(), "{busy}");
    let after = stage.idle();
    assert_eq!(after["active_sessions"], 0, "{after}");
    let since = |activity: &Value| activity["idle_since"].as_str().unwrap().to_owned();
    assert!(since(&after) > since(&before), "{before} {after}");
}

fn busy(stage: &mut Stage) {
    stage.idle();
    stage.run("agent:main:busy", 25);
    stage.refused(SUSPEND, &json!({}), 409, "gateway_busy");
    stage.refused(RESTART, &json!({}), 409, "gateway_busy");
    assert!(!stage.rests());
}

fn drained(stage: &mut Stage) {
    stage.idle();
    stage.run("agent:main:drained", 6);
    let body = json!({ "drain": true, "hold_seconds": 300 });
    let draining = stage.did(SUSPEND, &body, 202);
    assert_eq!(draining["suspension"]["state"], "draining", "{draining}");
    assert!(draining["suspension"]["active"].as_u64() > Some(0));
    assert!(stage.rests());
    let suspended = || {
        let answer = stage.post(SUSPEND, &body);
        (answer.status == 200).then(|| answer.json())
    };
    let suspended = eventually(LONG, suspended).unwrap();
    assert_eq!(suspended["suspension"]["state"], "suspended");
    let activity = stage.activity();
    assert_eq!(activity["active_runs"], 0, "{activity}");
    assert_eq!(activity["idle"], Value::Null, "{activity}");
    stage.refused(RESTART, &json!({}), 409, "gateway_suspended");
    assert_eq!(stage.did(RESUME, &json!({}), 200)["resumed"], true);
    stage.awake(LONG);
    assert_eq!(stage.did(RESUME, &json!({}), 200)["resumed"], false);
}

fn expired(stage: &mut Stage) {
    stage.idle();
    stage.did(SUSPEND, &json!({ "hold_seconds": 10 }), 200);
    assert!(stage.rests());
    stage.awake(LONG);
    let told = || {
        let newest = stage.operations().pop()?;
        (newest == "suspension_expired operate:tests").then_some(())
    };
    assert!(eventually(LONG, told).is_some(), "{:?}", stage.operations());
}

fn restarted(stage: &mut Stage) {
    stage.idle();
    for body in [json!({}), json!({ "force": true })] {
        let before = stage.boot_id();
        let restarted = stage.did(RESTART, &body, 200);
        assert_eq!(restarted["state"], "restarted", "{restarted}");
        assert_eq!(restarted["way"], "rpc");
        assert_ne!(restarted["boot_id"], before);
        assert_eq!(stage.boot_id(), restarted["boot_id"]);
        stage.idle();
    }
    let newest = stage.operations().pop();
    assert_eq!(newest.as_deref(), Some("restart operate:tests"));
}

fn killed(stage: &mut Stage) {
    stage.idle();
    stage.did(SUSPEND, &json!({ "hold_seconds": 600 }), 200);
    drop(stage.instance.gateway.take());
    let state = |stage: &Stage| stage.activity()["suspension"]["state"].clone();
    let seen = eventually(LONG, || (state(stage) == "interrupted").then_some(()));
    assert!(seen.is_some(), "{}", stage.activity());
    stage.instance.gateway = Some(Gateway::launch(&stage.instance.pod, newest()));
    let seen = eventually(LONG, || (state(stage) == "suspended").then_some(()));
    assert!(seen.is_some(), "{}", stage.activity());
    assert!(stage.rests());
    stage.did(RESUME, &json!({}), 200);
    stage.awake(LONG);
    stage.instance.settled(LONG);
}

fn elsewhere(stage: &mut Stage) {
    stage.idle();
    let mut rpc = stage.instance.rpc();
    let request = json!({ "requestId": "somebody-else" });
    let held = rpc.call("gateway.suspend.prepare", &request).unwrap();
    for body in [json!({}), json!({ "drain": true })] {
        stage.refused(SUSPEND, &body, 409, "suspended_elsewhere");
    }
    stage.refused(RESTART, &json!({}), 409, "gateway_suspended");
    assert_eq!(stage.did(RESUME, &json!({}), 200)["resumed"], false);
    assert!(stage.rests());
    let id = json!({ "suspensionId": held["suspensionId"] });
    rpc.call("gateway.suspend.resume", &id).unwrap();
}

fn succeeded(stage: &mut Stage) {
    stage.idle();
    let body = json!({ "hold_seconds": 600 });
    stage.did(SUSPEND, &body, 200);
    stage.instance.agent.kill();
    stage.instance.agent = stage.instance.successor(&["--probation", "1s"]);
    stage.instance.document_in_place();
    let taken_over =
        || (stage.post(SUSPEND, &json!({ "drain": true })).status == 200).then_some(());
    assert!(eventually(LONG, taken_over).is_some(), "not taken over");
    stage.did(RESUME, &json!({}), 200);
    stage.awake(LONG);
    stage.idle();
    stage.did(SUSPEND, &body, 200);
    stage.instance.agent.kill();
    assert!(stage.rests());
    // The lease that nobody renews lasts for two minutes.
    stage.awake(Duration::from_secs(180));
    stage.instance.agent = stage.instance.successor(&["--probation", "1s"]);
    stage.instance.document_in_place();
    stage.idle();
    stage.did(SUSPEND, &body, 200);
    stage.instance.agent.stop(LONG);
    stage.awake(Duration::from_secs(20));
}
