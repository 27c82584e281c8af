//! Shared mode: the gateway may write its document, and neither side loses an edit.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, GatewayOptions, Instance, Pod, Version};

use crate::scene::{LONG, QUICK, base, bytes, layer, prove, status, tell, wait};

#[test]
fn the_gateway_writes_its_document_too() {
    let more = [QUICK.as_slice(), &["--drift", "shared"]].concat();
    let options = GatewayOptions::writable(Version::Newest);
    let mut instance = Instance::sidecar(Pod::new(), options, &more);
    assert_eq!(status(&instance)["drift"]["mode"], "shared");
    tell(
        &mut instance,
        &[
            ("an allowed path becomes the runtime layer", adopted),
            ("it survives the user's edits and a restart", survives),
            ("what the gateway removed stays removed", removed),
            ("any other path is put back", put_back),
            ("what the user says later wins", yields),
            ("so does what is only kept for later", yields_unproved),
            ("quick edits of one caller are nobody else's", in_a_row),
            ("the gateway writes for the agent", by_its_hand),
        ],
    );
}

/// A change of the document by the gateway itself.
#[track_caller]
fn patch(instance: &Instance, patch: &Value) {
    let mut rpc = instance.rpc();
    let base = rpc.call("config.get", &json!({})).unwrap()["hash"].clone();
    let params = json!({ "raw": patch.to_string(), "baseHash": base });
    let answer = rpc.call("config.patch", &params);
    assert!(answer.is_ok(), "{patch}: {}", answer.unwrap_err());
}

/// The layer that a key comes from.
fn owner(instance: &Instance, path: &str) -> String {
    let config = instance.config();
    let mut entries = config["provenance"].as_array().unwrap().iter();
    let entry = entries.find(|entry| entry["path"] == path);
    entry.map_or_else(String::new, |entry| {
        entry["layer"].as_str().unwrap().to_owned()
    })
}

const ENABLED: &str = "/plugins/entries/memory-core/enabled";
const PATH: &str = "plugins.entries.memory-core.enabled";

fn enabled(instance: &Instance) -> Option<Value> {
    instance.document().pointer(ENABLED).cloned()
}

fn adopted(instance: &mut Instance) {
    patch(
        instance,
        &json!({ "plugins": { "entries": { "memory-core": { "enabled": false } } } }),
    );
    wait("it is adopted", || owner(instance, PATH) == "runtime");
    assert_eq!(enabled(instance), Some(json!(false)));
    let drift = instance.config()["drift"].clone();
    assert_eq!(drift["last"]["action"], "adopted", "{drift}");
    assert_eq!(
        owner(instance, "meta.lastTouchedVersion"),
        "runtime",
        "its own mark"
    );
    assert_eq!(layer(instance, "runtime")["status"], "ok");
}

fn survives(instance: &mut Instance) {
    prove(instance, "{ tools: { exec: { mode: \"deny\" } } }");
    assert_eq!(enabled(instance), Some(json!(false)), "the gateway's edit");
    let mut gateway = instance.gateway.take().unwrap();
    gateway.stop(LONG);
    drop(gateway);
    let options = GatewayOptions::writable(Version::Newest);
    let mut gateway = Gateway::launch(&instance.pod, options);
    gateway.wait_ready(LONG);
    instance.gateway = Some(gateway);
    instance.settled(LONG);
    let document = instance.document();
    assert_eq!(document["tools"]["exec"]["mode"], "deny", "the user's edit");
    assert_eq!(enabled(instance), Some(json!(false)));
}

fn removed(instance: &mut Instance) {
    let layer = "{ plugins: { entries: { \"memory-core\": { enabled: true } } } }";
    base(
        instance,
        "{ plugins: { entries: { browser: { enabled: false } } } }",
        "proved",
    );
    let browser = |instance: &Instance| {
        instance
            .document()
            .pointer("/plugins/entries/browser")
            .cloned()
    };
    assert!(browser(instance).is_some(), "{layer}");
    patch(
        instance,
        &json!({ "plugins": { "entries": { "browser": null } } }),
    );
    wait("it is gone", || browser(instance).is_none());
    prove(instance, "{ logging: { level: \"warn\" } }");
    assert!(
        browser(instance).is_none(),
        "and stays gone, though base says it"
    );
}

fn put_back(instance: &mut Instance) {
    let before = bytes(instance);
    let count = instance.config()["drift"]["count"].as_u64().unwrap();
    patch(instance, &json!({ "logging": { "level": "debug" } }));
    wait("it is noticed", || {
        instance.config()["drift"]["count"].as_u64().unwrap() > count
    });
    wait("it is put back", || {
        instance.document()["logging"]["level"] == "info"
    });
    let before: Value = serde_json::from_slice(&before).unwrap();
    wait("nothing else is left", || {
        let mut now = instance.document();
        now["meta"] = before["meta"].clone();
        now == before
    });
}

fn yields(instance: &mut Instance) {
    assert_eq!(owner(instance, PATH), "runtime");
    let from = instance.said();
    let user = "{ plugins: { entries: { \"memory-core\": { enabled: true } } } }";
    prove(instance, user);
    let _ = instance.says(from, "taken out of the runtime layer", LONG);
    assert_eq!(owner(instance, PATH), "user");
    assert_eq!(enabled(instance), Some(json!(true)));
    prove(instance, "{}");
    assert_eq!(
        enabled(instance),
        None,
        "it does not come back from runtime"
    );
}

fn yields_unproved(instance: &mut Instance) {
    patch(
        instance,
        &json!({ "plugins": { "entries": { "memory-core": { "enabled": false } } } }),
    );
    wait("it is adopted", || owner(instance, PATH) == "runtime");
    instance.settled(LONG);
    let user = "{ plugins: { entries: { \"memory-core\": { enabled: true } } } }";
    let answer = instance.put_user(user, "none");
    assert_eq!(answer.status, 202, "{}", answer.body);
    wait("the user's word is in force", || {
        enabled(instance) == Some(json!(true)) && owner(instance, PATH) == "user"
    });
}

fn in_a_row(instance: &mut Instance) {
    let foreign = |instance: &Instance| instance.config()["drift"]["count"].as_u64().unwrap();
    let before = foreign(instance);
    for round in 0..4 {
        for value in [true, false, round % 2 == 0] {
            let user = format!(
                "{{ plugins: {{ entries: {{ \"memory-core\": {{ enabled: {value} }} }} }} }}"
            );
            let answer = instance.put_user(&user, "none");
            assert!(answer.status < 300, "{}", answer.body);
            std::thread::sleep(Duration::from_millis(100 + 250 * round));
        }
        let last = json!(round % 2 == 0);
        wait("the last word is in force", || {
            enabled(instance) == Some(last.clone()) && owner(instance, PATH) == "user"
        });
    }
    instance.settled(LONG);
    assert_eq!(foreign(instance), before, "the agent's own writes");
}

fn by_its_hand(instance: &mut Instance) {
    let from = instance.said();
    let report = prove(instance, "{ logging: { level: \"error\" } }");
    assert_eq!(report["requires_restart"], false, "{report}");
    let said = instance.agent.stderr.all()[from..].join("\n");
    assert!(!said.contains("did not write the document"), "{said}");
    let rescued: Vec<_> = fs::read_dir(instance.pod.path("doc"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("clobbered") || name.contains("rejected"))
        .collect();
    assert_eq!(rescued, [""; 0], "the gateway saw no foreign hand");
    let applied = instance.rpc().call("config.get", &json!({})).unwrap();
    assert_eq!(applied["config"]["logging"]["level"], "error");
}
