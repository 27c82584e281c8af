//! A release that names no hashes and knows no read-only switch: driven, and nothing claimed that was not seen.

use std::fs;

use serde_json::Value;
use support::{GatewayOptions, Instance, Pod, Version};

use crate::scene::{QUICK, base, bytes, reported, status, tell, text};

#[test]
fn an_older_release_is_driven_without_proof() {
    let options = GatewayOptions::in_pod(Version::Older);
    let mut instance = Instance::supervised(Pod::new(), options, &QUICK);
    tell(
        &mut instance,
        &[
            ("a change is applied, and not called proved", hot),
            ("so is one that needs a restart", restart),
            ("an invalid one is undone", invalid),
            (
                "it is never asked with config.set, which would write",
                never_asked,
            ),
        ],
    );
}

/// Applied, with what was seen of it.
#[track_caller]
fn seen(report: &Value) {
    assert_eq!(report["outcome"]["kind"], "not_provable", "{report}");
    let proof = text(report, "proof");
    assert!(["log", "listener"].contains(&proof), "{report}");
}

fn hot(instance: &mut Instance) {
    let status = status(instance);
    assert_eq!(
        status["gateway"]["version"],
        Version::Older.number(),
        "{status}"
    );
    let answer = instance.put_user(
        "{ agents: { defaults: { heartbeat: { every: \"3h\" } } } }",
        "settled",
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    let report = answer.json()["report"].clone();
    seen(&report);
    assert_eq!(report["proof"], "log", "its log says so: {report}");
    let from = instance.said();
    let _ = instance.put_user("{ logging: { level: \"warn\" } }", "proved");
    let (line, _) = instance.says(from, "wrote generation", crate::scene::LONG);
    assert!(line.contains("cannot prove it"), "{line}");
    let runs = instance
        .rpc()
        .call("config.get", &serde_json::json!({}))
        .unwrap();
    assert_eq!(runs["config"]["logging"]["level"], "warn");
}

fn restart(instance: &mut Instance) {
    let layer = "{ gateway: { controlUi: { basePath: \"/oc\" } } }";
    let report = base(instance, layer, "not_provable");
    seen(&report);
    assert_eq!(report["requires_restart"], true, "{report}");
}

fn invalid(instance: &mut Instance) {
    let before = bytes(instance);
    let report = reported(instance, "rolled_back", || {
        instance
            .pod
            .edit_user("{\n  logging: { levle: \"debug\" },\n}");
    });
    assert_eq!(report["problems"][0]["line"], 2, "{report}");
    assert!(text(&report, "reason").contains("levle"), "{report}");
    assert_eq!(bytes(instance), before, "the last good document is back");
    instance.pod.edit_user("{ /* corrected */ }");
}

fn never_asked(instance: &mut Instance) {
    let mut said = fs::read_to_string(instance.pod.gateway_log()).unwrap();
    said += &instance.agent.stdout.all().join("\n");
    assert!(said.contains("config.get"), "calls are in its log");
    assert!(!said.contains("config.set"), "it was asked");
    let beside: Vec<_> = fs::read_dir(instance.pod.path("doc"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(beside, ["openclaw.json"], "nothing else was written");
}
