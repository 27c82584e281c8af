//! The real gateway with a model: what the page says is what was used.

use std::time::Duration;

use support::{Gateway, Instance, Model, Pod, newest, until};

use crate::page::Page;

/// The gateway counts in the background, for minutes after a run.
const COUNTED: Duration = Duration::from_secs(420);

/// What the model says that each of its answers takes.
const INPUT: f64 = 1234.0;
const OUTPUT: f64 = 56.0;

fn llm(name: &str, more: &str) -> String {
    format!("openclaw_llm_{name}{{model=\"m1\",provider=\"mock\"{more}}}")
}

#[test]
fn the_page_says_what_was_used() {
    let model = Model::start();
    let pod = Pod::new();
    pod.set_model(&model);
    // There is no daemon for sandboxes here, and no run that needs one.
    let bare = "{ agents: { defaults: { sandbox: { mode: \"off\" } } } }";
    pod.layers.policy.set("92-bare.json5", bare);
    let mut instance = Instance::sidecar(pod, newest(), &[]);
    Page::wait(&instance, "openclaw_session_active_count", 0.0, COUNTED);
    for message in ["one", "two", "three"] {
        let mut rpc = instance.rpc();
        let run = rpc.ask("agent:main:usage", message);
        assert_eq!(rpc.answer(&run, Duration::from_secs(120)), "nothing to run");
    }
    let calls = llm("api_calls_total", ",status=\"ok\"");
    let page = Page::wait(&instance, &calls, 3.0, COUNTED);
    assert_eq!(model.asked().len(), 3, "the model was asked otherwise, too");
    let measured = page.value("openclaw_llm_api_latency_seconds_count{provider=\"mock\"}");
    assert_eq!(measured, Some(3.0));
    assert!(page.value("openclaw_pod_memory_usage_bytes") > Some(1e8));
    assert!(page.value("openclaw_pod_cpu_usage").is_some());

    let input = llm("tokens_total", ",type=\"input\"");
    let page = Page::wait(&instance, &input, 3.0 * INPUT, COUNTED);
    let output = llm("tokens_total", ",type=\"output\"");
    assert_eq!(page.value(&output), Some(3.0 * OUTPUT));
    let cost = page.value(&llm("cost_usd_total", "")).unwrap();
    let want = 3.0 * (INPUT * 3.0 + OUTPUT * 15.0) / 1e6;
    assert!((cost - want).abs() < 1e-9, "{cost} instead of {want}");

    let mut rpc = instance.rpc();
    let _run = rpc.ask("agent:main:fails", "FAIL");
    let failed = llm("api_calls_total", ",status=\"error\"");
    until("the failure is counted", COUNTED, || {
        Page::of(&instance).value(&failed) > Some(0.0)
    });
    let page = Page::of(&instance);
    assert!(page.value("openclaw_llm_consecutive_errors{provider=\"mock\"}") > Some(0.0));

    let before = page;
    instance.gateway.take().unwrap().kill();
    until("it is seen that the gateway is gone", COUNTED, || {
        Page::of(&instance)
            .value("openclaw_session_count")
            .is_none()
    });
    let mut gateway = Gateway::launch(&instance.pod, newest());
    gateway.wait_ready(Duration::from_secs(180));
    instance.gateway = Some(gateway);
    until("it is known again", COUNTED, || {
        Page::of(&instance)
            .value("openclaw_session_count")
            .is_some()
    });
    let after = Page::of(&instance);
    for sample in [&calls, &input, &output] {
        assert_eq!(after.value(sample), before.value(sample), "{sample}");
    }
    after.is_well_formed();
}
