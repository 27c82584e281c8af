//! Counters over restarts of the agent and of the gateway, deleted sessions, and totals that are not complete.

use serde_json::{Value, json};
use support::Knobs;

use crate::Scene;

const INPUT: &str = "openclaw_llm_tokens_total{model=\"m\",provider=\"p\",type=\"input\"}";
const COST: &str = "openclaw_llm_cost_usd_total{model=\"m\",provider=\"p\"}";
const CALLS: &str = "openclaw_llm_api_calls_total{model=\"m\",provider=\"p\",status=\"ok\"}";

fn used(input: u64) -> Vec<Value> {
    let totals =
        json!({ "input": input, "output": 1, "cacheRead": 30, "cacheWrite": 5, "totalCost": 0.25 });
    vec![json!({ "provider": "p", "model": "m", "count": 1, "totals": totals })]
}

fn call() -> Value {
    json!({ "type": "model.call.completed", "provider": "p", "model": "m", "durationMs": 10 })
}

#[test]
fn tokens_are_counted_once_whatever_restarts() {
    let knobs = Knobs {
        usage: used(1000),
        ..Knobs::default()
    };
    let mut scene = Scene::with(knobs, &[]);
    let page = scene.shows(INPUT, 1035.0);
    assert_eq!(page.value(COST), Some(0.25));

    scene.instance.agent.kill();
    scene.fake.set(|knobs| knobs.usage = used(1500));
    scene.reborn();
    scene.shows(INPUT, 1535.0);

    // Numbers that are not complete are none.
    scene.instance.agent.kill();
    scene.fake.set(|knobs| {
        knobs.usage = used(9000);
        knobs.usage_fresh = false;
    });
    scene.reborn();
    let asked = scene.fake.calls().len();
    support::until("totals are asked for", crate::LONG, || {
        scene.fake.calls()[asked..].contains(&"sessions.usage".to_owned())
    });
    assert_eq!(scene.page().value(INPUT), Some(1535.0));

    // A session is gone, then another is used.
    for (left, counted) in [(400, 1535.0), (500, 1635.0)] {
        scene.instance.agent.kill();
        scene.fake.set(|knobs| {
            knobs.usage = used(left);
            knobs.usage_fresh = true;
        });
        let asked = scene.fake.calls().len();
        scene.reborn();
        support::until("totals are asked for", crate::LONG, || {
            scene.fake.calls()[asked..].contains(&"sessions.usage".to_owned())
        });
        scene.shows(INPUT, counted);
    }
}

#[test]
fn records_are_counted_once_and_those_that_are_gone_are_said() {
    let scene = Scene::with(Knobs::default(), &[]);
    scene.shows("openclaw_session_count", 0.0);
    scene.fake.set(|knobs| knobs.diagnostics = vec![call(); 40]);
    scene.happens();
    let page = scene.shows(CALLS, 40.0);
    assert_eq!(
        page.value("openclaw_llm_api_latency_seconds_count{provider=\"p\"}"),
        Some(40.0)
    );
    assert_eq!(page.value("pilotfish_usage_missed_total"), Some(0.0));

    // The process is another: its records are all new.
    scene.fake.set(|knobs| {
        knobs.diagnostics = vec![call(); 2];
        "another".clone_into(&mut knobs.process_instance_id);
    });
    scene.fake.restart();
    scene.shows(CALLS, 42.0);

    scene.fake.set(|knobs| {
        let failure = json!({ "type": "model.call.error", "provider": "p", "model": "m" });
        knobs.diagnostics.extend(vec![failure; 3]);
    });
    scene.happens();
    scene.shows("openclaw_llm_consecutive_errors{provider=\"p\"}", 3.0);

    scene
        .fake
        .set(|knobs| knobs.diagnostics.extend(vec![call(); 1500]));
    scene.happens();
    let page = scene.shows("pilotfish_usage_missed_total", 500.0);
    assert_eq!(page.value(CALLS), Some(1042.0));
    assert_eq!(
        page.value("openclaw_llm_consecutive_errors{provider=\"p\"}"),
        Some(0.0)
    );
}

#[test]
fn an_older_release_tells_less_and_nothing_is_made_up() {
    let knobs = Knobs {
        absent: ["diagnostics.stability", "sessions.usage", "system.info"]
            .map(str::to_owned)
            .into(),
        sessions: 2,
        ..Knobs::older()
    };
    let scene = Scene::with(knobs, &[]);
    let page = scene.shows("openclaw_session_count", 2.0);
    for family in [
        "openclaw_session_active_count",
        "openclaw_pod_memory_usage",
        "openclaw_llm_tokens_total",
    ] {
        assert_eq!(page.family(family), [""; 0]);
    }
}

impl Scene {
    /// A run ends: it is worth a look.
    fn happens(&self) {
        let end = json!({ "runId": "r", "stream": "lifecycle", "data": { "phase": "end" } });
        self.fake.push("agent", end);
    }
}
