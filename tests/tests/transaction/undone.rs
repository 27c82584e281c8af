//! What every validator accepts and the gateway cannot live with: undone, named, and not tried again.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Instance, shipped};

use crate::scene::{LONG, base, bytes, layer, prove, reported, text, wait};

/// Brings such a layer in, and waits until the last good document is back and the gateway serves.
#[track_caller]
fn undo(instance: &Instance, layer: &str) -> Value {
    let before = instance.document();
    let count = quarantined(instance);
    let report = base(instance, layer, "rolled_back");
    assert_eq!(
        instance.document(),
        before,
        "the last good document is back"
    );
    instance.settled(LONG);
    assert!(instance.gateway_is_well(), "the gateway serves again");
    assert!(!text(&report, "reason").is_empty(), "{report}");
    assert_eq!(report["problems"][0]["layer"], "base", "{report}");
    assert_eq!(
        report["proof"], "hash",
        "the last good one is proved: {report}"
    );
    assert_eq!(quarantined(instance), count + 1);
    report
}

fn quarantined(instance: &Instance) -> usize {
    let config = instance.config();
    config["quarantine"].as_array().unwrap().len()
}

fn tls_at(folder: &str) -> String {
    json!({ "gateway": { "tls": {
        "enabled": true, "certPath": format!("{folder}/tls.crt"), "keyPath": format!("{folder}/tls.key"),
    } } })
    .to_string()
}

/// Undone once; nothing but a changed layer brings it back.
pub fn tls(instance: &mut Instance) {
    undo(instance, &tls_at("/nowhere"));
    let (generation, count) = (instance.generation(), quarantined(instance));
    let policy = &instance.pod.layers.policy;
    policy.publish(&policy.files());
    instance.pod.layers.base.set("README", "not a layer");
    sleep(Duration::from_secs(2));
    assert_eq!(
        (instance.generation(), quarantined(instance)),
        (generation, count),
        "not tried again"
    );
    undo(instance, &tls_at("/elsewhere"));
    instance.pod.layers.base.remove("README");
}

/// The gateway's own check resolves references.
pub fn token_reference(instance: &mut Instance) {
    let before = bytes(instance);
    let layer = r#"{ gateway: { auth: { token: { id: "/no-such-secret" } } } }"#;
    let report = base(instance, layer, "refused");
    let problem = &report["problems"][0];
    assert_eq!(problem["path"], "gateway.auth.token.id", "{report}");
    assert_eq!(bytes(instance), before, "nothing was written");
}

pub fn password(instance: &mut Instance) {
    undo(instance, r#"{ gateway: { auth: { mode: "password" } } }"#);
}

/// Accepted silently by the gateway, which then listens elsewhere.
pub fn address(instance: &mut Instance) {
    undo(
        instance,
        r#"{ gateway: { bind: "custom", customBindHost: "203.0.113.7" } }"#,
    );
}

/// Accepted silently by the gateway, which stays where it was.
pub fn taken_port(instance: &mut Instance) {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    undo(
        instance,
        &json!({ "gateway": { "port": port } }).to_string(),
    );
}

/// A host whose locks let the user at the gateway's own settings.
pub fn user_layer(instance: &mut Instance) {
    let good = "{ logging: { level: \"warn\" } }";
    prove(instance, good);
    let shipped = std::fs::read_to_string(shipped("locks.json5")).unwrap();
    let mut locks: Value = json5::from_str(&shipped).unwrap();
    let rules = locks["locks"].as_array_mut().unwrap();
    rules.retain(|rule| rule["path"] != "gateway");
    let volume = &instance.pod.layers.locks;
    volume.publish(&[("locks.json5", locks.to_string())]);
    let bad = "{ gateway: { auth: { mode: \"trusted-proxy\" } } }";
    // Until the new locks are read the answer is that it is locked.
    wait("the locks are read", || {
        let body = json!({ "user": bad });
        let answer = crate::scene::post(instance, "/v1/config/diff", &body);
        answer.json()["problems"] == json!([])
    });
    let before = layer(instance, "user")["revision"].as_u64().unwrap();
    let report = reported(instance, "rolled_back", || {
        let answer = instance.put_user(bad, "none");
        assert_eq!(answer.status, 202, "{}", answer.body);
        assert_eq!(
            answer.json()["revision"],
            before + 1,
            "kept before it is proved"
        );
    });
    assert_eq!(report["problems"][0]["file"], "user.json5", "{report}");
    instance.settled(LONG);
    let user = instance.api().get("/v1/config/user");
    assert_eq!(user.body, good, "what the user had before");
    let revision = layer(instance, "user")["revision"].as_u64().unwrap();
    assert_eq!(revision, before + 2, "a revision never comes twice");
    assert_eq!(instance.document()["logging"]["level"], "warn");
    assert_eq!(
        user.header("etag"),
        layer(instance, "user")["etag"].as_str()
    );

    let again = instance.put_user(bad, "proved");
    assert_eq!(again.status, 422, "{}", again.body);
    assert_eq!(again.json()["code"], "quarantined", "{}", again.body);
    volume.publish(&[("locks.json5", shipped)]);
}
