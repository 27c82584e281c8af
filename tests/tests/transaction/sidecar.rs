//! The agent beside a gateway that somebody else starts, on a host that can mount nothing read-only.

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Gateway, GatewayOptions, Instance, Pod, Version};

use crate::scene::{EXTRA, LONG, QUICK, base, bytes, prove, reported, status, tell, text, wait};

const OPTIONS: GatewayOptions = GatewayOptions {
    version: Version::Newest,
    read_only_mount: false,
    read_only_switch: true,
};

#[test]
fn a_gateway_stands_beside_the_agent() {
    let more = [QUICK.as_slice(), &["--protection", "switch"]].concat();
    let mut instance = Instance::sidecar(Pod::new(), OPTIONS, &more);
    tell(
        &mut instance,
        &[
            ("a change is proved while it runs", hot),
            ("a change that needs a restart is proved after it", restart),
            ("a foreign edit is put back before it is applied", foreign),
            (
                "a gateway that is killed during a change is waited for",
                killed,
            ),
            ("a change for an absent gateway waits", absent),
            (
                "a failed restart is undone, and waits for the kubelet",
                failed_restart,
            ),
        ],
    );
}

/// What the kubelet does with a container whose liveness probe fails.
fn kubelet(instance: &mut Instance) {
    drop(instance.gateway.take());
    let mut gateway = Gateway::launch(&instance.pod, OPTIONS);
    gateway.wait_ready(LONG);
    instance.gateway = Some(gateway);
}

fn hot(instance: &mut Instance) {
    let report = prove(instance, "{ tools: { exec: { mode: \"deny\" } } }");
    assert_eq!(report["requires_restart"], false, "{report}");
    let status = status(instance);
    assert_eq!(
        status["gateway"]["protection"]["kind"], "switch",
        "{status}"
    );
    assert_eq!(status["drift"]["mode"], "enforce", "{status}");
    assert!(status.get("supervisor").is_none(), "{status}");
}

fn restart(instance: &mut Instance) {
    let boot = status(instance)["gateway"]["boot_id"].clone();
    let layer = "{ gateway: { controlUi: { basePath: \"/oc\" } } }";
    let report = base(instance, layer, "proved");
    assert_eq!(report["requires_restart"], true, "{report}");
    instance.settled(LONG);
    assert_ne!(status(instance)["gateway"]["boot_id"], boot);
}

/// The gateway looks at its document 500 ms after it changed.
fn foreign(instance: &mut Instance) {
    let (ours, applied) = (bytes(instance), instance.applied());
    let before = instance.config()["drift"]["count"].as_u64().unwrap();
    let mut slowest = Duration::ZERO;
    for level in ["debug", "warn", "error"] {
        let mut edited = instance.document();
        edited["logging"]["level"] = json!(level);
        instance.pod.write_document(&edited);
        let took = support::until("the document is put back", Duration::from_secs(5), || {
            bytes(instance) == ours
        });
        slowest = slowest.max(took);
    }
    eprintln!("          put back within {} ms", slowest.as_millis());
    let end = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < end {
        assert_eq!(instance.applied(), applied, "the gateway never applies it");
    }
    let drift = instance.config()["drift"].clone();
    assert_eq!(drift["count"], before + 3, "{drift}");
    assert_eq!(drift["last"]["action"], "put_back", "{drift}");
    assert_eq!(drift["last"]["paths"], json!(["logging.level"]), "{drift}");
}

fn killed(instance: &mut Instance) {
    let before = instance.document();
    instance
        .pod
        .edit_user("{ tools: { exec: { mode: \"allowlist\" } } }");
    wait("the document is written", || instance.document() != before);
    instance.gateway.as_mut().unwrap().kill();
    let generation = instance.generation();
    kubelet(instance);
    instance.settled(LONG);
    assert_eq!(instance.generation(), generation, "nothing was undone");
    assert_eq!(status(instance)["config"]["proved_generation"], generation);
    assert_eq!(instance.document()["tools"]["exec"]["mode"], "allowlist");
}

fn absent(instance: &mut Instance) {
    let before = bytes(instance);
    instance.gateway.as_mut().unwrap().kill();
    wait("its absence is noticed", || {
        status(instance)["gateway"]["state"] == "absent"
    });
    let report = reported(instance, "pending", || {
        instance.pod.edit_user("{ logging: { level: \"warn\" } }");
    });
    assert_eq!(report["waiting_for"], "the gateway", "{report}");
    assert_eq!(bytes(instance), before, "not behind its back");
    kubelet(instance);
    wait("the change is applied", || bytes(instance) != before);
    instance.settled(LONG);
    let report = instance.config()["last_report"].clone();
    assert_eq!(report["outcome"]["kind"], "proved", "{report}");
    assert_eq!(instance.document()["logging"]["level"], "warn");
}

/// The port stays closed, and no signal of ours reaches the process.
fn failed_restart(instance: &mut Instance) {
    let before = instance.document();
    let layer = r#"{ gateway: { tls: { enabled: true, certPath: "/nowhere/tls.crt", keyPath: "/nowhere/tls.key" } } }"#;
    instance.pod.layers.base.set(EXTRA, layer);
    wait("the agent says what it waits for", || {
        text(&instance.config()["last_report"], "waiting_for").contains("kubelet")
    });
    assert_eq!(
        instance.document(),
        before,
        "the last good document is back"
    );
    let outcome = instance.config()["last_report"]["outcome"].clone();
    assert_eq!(outcome["kind"], "pending", "{outcome}");
    assert!(!instance.gateway_is_well(), "nobody restarted it yet");
    kubelet(instance);
    instance.settled(LONG);
    let report = instance.config()["last_report"].clone();
    assert_eq!(report["outcome"]["kind"], "rolled_back", "{report}");
    assert_eq!(report["proof"], "hash", "{report}");
    assert!(report.get("waiting_for").is_none(), "{report}");
    assert_eq!(instance.document(), before);
    assert!(instance.gateway_is_well());
}
