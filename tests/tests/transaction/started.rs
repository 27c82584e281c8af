//! Starts and ends of both: what runs first, and what exit 78 is answered with.

use nix::sys::signal::Signal;
use serde_json::json;
use support::{Instance, newest, supervise};

use crate::scene::{EXTRA, LONG, QUICK, bytes, status};

/// Ends both, and starts them again with `more` on the agent's line.
fn anew(instance: &mut Instance, meanwhile: impl FnOnce(&Instance), more: &[&str]) {
    let ended = instance.agent.stop(LONG);
    assert_eq!(ended.code(), Some(0), "{ended}");
    meanwhile(instance);
    let more = [QUICK.as_slice(), more].concat();
    instance.agent = supervise(&instance.pod, newest(), &more);
    instance.document_in_place();
    instance.settled(LONG);
}

/// Somebody edits the file while nobody looks.
pub fn by_hand(instance: &mut Instance) {
    let (ours, generation) = (bytes(instance), instance.generation());
    let edit = |instance: &Instance| {
        let mut edited = instance.document();
        edited["logging"]["level"] = json!("loudest");
        edited["gateway"]["auth"]["mode"] = json!("none");
        instance.pod.write_document(&edited);
    };
    anew(instance, edit, &[]);
    assert_eq!(bytes(instance), ours);
    assert!(instance.generation() >= generation);
    assert!(instance.gateway_is_well());
    let child = status(instance)["supervisor"].clone();
    assert_eq!(
        (&child["starts"], child.get("last_exit")),
        (&json!(1), None),
        "{child}"
    );
}

/// Another version of the gateway starts with what the layers say.
pub fn new_version(instance: &mut Instance) {
    let ours = bytes(instance);
    anew(instance, |_| (), &["--gateway-version", "2026.9.5"]);
    assert_eq!(bytes(instance), ours);
}

/// With another version of the gateway the candidate goes first, unchecked.
pub fn exit_78(instance: &mut Instance) {
    let (ours, generation) = (instance.document(), instance.generation());
    let break_it = |instance: &Instance| {
        instance
            .pod
            .layers
            .base
            .set(EXTRA, "{ logging: { level: \"loudest\" } }");
    };
    anew(instance, break_it, &["--gateway-version", "2026.9.4"]);
    assert_eq!(instance.document(), ours, "the last good one");
    assert!(instance.generation() > generation);
    assert!(instance.gateway_is_well());
    let child = status(instance)["supervisor"].clone();
    assert_eq!(
        child["last_exit"],
        json!({ "kind": "code", "code": 78 }),
        "{child}"
    );
    let history = instance.api().get("/v1/config/history").json();
    let undone = history["generations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["outcome"]["kind"] == "rolled_back");
    let reason = undone.unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("Invalid config"), "{reason}");
}

/// The gateway ends by itself, with 0, and the agent after it.
pub fn drained(instance: &mut Instance) {
    let gateway = instance.gateway_pid();
    let from = instance.said();
    instance.agent.signal(Signal::SIGINT);
    let ended = instance.agent.wait(LONG).unwrap();
    assert_eq!(ended.code(), Some(0), "{ended}");
    let (line, _) = instance.says(from, "the child has ended", LONG);
    assert!(
        line.contains("asked=true") && line.contains("how=exit code 0"),
        "{line}"
    );
    assert!(!std::path::Path::new(&format!("/proc/{gateway}")).exists());
}
