//! The fake gateway does what the real one does, as far as tests rely on it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Client, Close, Fake, Knobs, Pod, Refusal, Rpc, RpcError, until};

const SOON: Duration = Duration::from_secs(3);

fn staged(knobs: Knobs) -> (Pod, Fake) {
    let pod = Pod::new();
    pod.write_document(&document());
    let fake = Fake::start(&pod.document(), pod.ports.gateway, knobs);
    (pod, fake)
}

fn document() -> Value {
    json!({ "gateway": { "mode": "local" }, "logging": { "level": "info" } })
}

fn with(key: &str, value: Value) -> Value {
    let mut document = document();
    document[key] = value;
    document
}

fn rpc(pod: &Pod) -> Rpc {
    Rpc::connect(pod.ports.gateway, "fake-token").unwrap()
}

fn refused(outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Err(RpcError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn applies_hot_and_proves_it_by_hash() {
    let (pod, fake) = staged(Knobs::default());
    let mut rpc = rpc(&pod);
    let before = rpc.call("config.get", &json!({})).unwrap();
    assert_eq!(before["configRevisionHash"], before["appliedConfigHash"]);
    assert_eq!(
        before["appliedConfigHash"],
        rpc.hello()["snapshot"]["appliedConfigHash"]
    );
    pod.write_document(&with("messages", json!({ "ackReaction": "x" })));
    let event = rpc
        .event("config.changed", SOON)
        .expect("an event at the moment of applying");
    let after = rpc.call("config.get", &json!({})).unwrap();
    assert_eq!(after["appliedConfigHash"], event["hash"]);
    assert_ne!(after["appliedConfigHash"], before["appliedConfigHash"]);
    assert_eq!(fake.running()["messages"]["ackReaction"], "x");
    assert_eq!(fake.applies(), 2);
}

#[test]
fn a_refused_document_leaves_the_running_one() {
    let refusal = Refusal {
        path: "bogus".to_owned(),
        message: "Unrecognized key: \"bogus\"".to_owned(),
    };
    let (pod, fake) = staged(Knobs {
        refuse: vec![refusal],
        ..Knobs::default()
    });
    let mut rpc = rpc(&pod);
    pod.write_document(&with("bogus", json!(1)));
    until("the refusal is seen", SOON, || {
        rpc.call("config.get", &json!({})).unwrap()["valid"] == false
    });
    let config = rpc.call("config.get", &json!({})).unwrap();
    assert_eq!(config["configRevisionHash"], Value::Null);
    assert_ne!(config["appliedConfigHash"], Value::Null);
    assert_eq!(config["issues"][0]["path"], "bogus");
    assert_eq!(fake.running(), document());
}

#[test]
fn checks_without_writing() {
    let refusal = Refusal {
        path: "bogus".to_owned(),
        message: "no".to_owned(),
    };
    let (pod, fake) = staged(Knobs {
        refuse: vec![refusal],
        writes_per_minute: 4,
        ..Knobs::default()
    });
    let mut rpc = rpc(&pod);
    let base = rpc.call("config.get", &json!({})).unwrap()["hash"].clone();
    let mut set = |raw: String, base: &Value| {
        refused(rpc.call("config.set", &json!({ "raw": raw, "baseHash": base })))
    };
    let good = set(document().to_string(), &base);
    assert!(
        good["message"]
            .as_str()
            .unwrap()
            .starts_with("ConfigReadOnlyError"),
        "{good}"
    );
    let bad = set(with("bogus", json!(1)).to_string(), &base);
    assert_eq!(
        (&bad["code"], &bad["details"]["issues"][0]["path"]),
        (&json!("INVALID_REQUEST"), &json!("bogus"))
    );
    let stale = set(document().to_string(), &json!("other"));
    assert!(
        stale["message"]
            .as_str()
            .unwrap()
            .starts_with("config changed since"),
        "{stale}"
    );
    assert!(
        set("{".to_owned(), &base)["message"]
            .as_str()
            .unwrap()
            .starts_with("SyntaxError")
    );
    assert_eq!(set("{".to_owned(), &base)["retryAfterMs"], 30_000);
    assert_eq!(fake.running(), document());
}

#[test]
fn the_older_release_writes_and_has_no_hashes() {
    let (pod, fake) = staged(Knobs::older());
    let mut rpc = rpc(&pod);
    let config = rpc.call("config.get", &json!({})).unwrap();
    assert_eq!(
        (
            config.get("appliedConfigHash"),
            rpc.hello()["snapshot"].get("appliedConfigHash")
        ),
        (None, None)
    );
    let raw = with("messages", json!({})).to_string();
    rpc.call(
        "config.set",
        &json!({ "raw": raw, "baseHash": config["hash"] }),
    )
    .unwrap();
    let log = pod.gateway_log();
    until("its own write is applied", SOON, || {
        fake.running()["meta"]["lastTouchedVersion"] == "2026.7.35"
    });
    let mut changed = with("messages", json!({ "ackReaction": "x" }));
    changed["logging"]["file"] = json!(log);
    pod.write_document(&changed);
    until("the log has its file", SOON, || {
        fs::read_to_string(&log)
            .is_ok_and(|text| text.contains("config hot reload applied (logging.file, messages"))
    });
    let page = Client::new(pod.ports.gateway).get("/startupz");
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
}

#[test]
fn restarts_with_a_closed_port_and_another_boot() {
    let (pod, fake) = staged(Knobs::default());
    let mut rpc = rpc(&pod);
    let boot = rpc.hello()["server"]["bootId"].clone();
    let mut changed = document();
    changed["gateway"]["controlUi"] = json!({ "basePath": "/oc" });
    pod.write_document(&changed);
    assert_eq!(
        rpc.event("shutdown", SOON).unwrap()["reason"],
        "gateway restarting"
    );
    let broken = rpc.call("status", &json!({})).unwrap_err().to_string();
    assert!(broken.contains("service restart"), "{broken}");
    until("it is back", SOON, || fake.is_up());
    until("it serves", SOON, || {
        Client::new(pod.ports.gateway).try_get("/healthz").is_ok()
    });
    let mut rpc = self::rpc(&pod);
    assert_ne!(rpc.hello()["server"]["bootId"], boot);
    assert_eq!(
        rpc.call("config.get", &json!({})).unwrap()["parsed"],
        changed
    );
}

#[test]
fn a_failed_restart_needs_the_good_document_and_a_signal() {
    let (pod, fake) = staged(Knobs {
        unlivable: vec!["gateway.tls".to_owned()],
        ..Knobs::default()
    });
    let mut bad = document();
    bad["gateway"]["tls"] = json!({ "enabled": true });
    pod.write_document(&bad);
    until("its restart has failed", SOON, || fake.is_down());
    pod.write_document(&document());
    std::thread::sleep(Duration::from_millis(600));
    assert!(!fake.is_up(), "the good document alone brings nothing back");
    fake.restart();
    until("it is back", SOON, || fake.is_up());
    assert_eq!(fake.running(), document());
}

#[test]
fn misbehaves_on_demand() {
    let (pod, fake) = staged(Knobs {
        never_applied: true,
        ..Knobs::default()
    });
    let mut rpc = rpc(&pod);
    pod.write_document(&with("messages", json!({})));
    until("the revision moves on", SOON, || {
        let config = rpc.call("config.get", &json!({})).unwrap();
        config["configRevisionHash"] != config["appliedConfigHash"]
    });
    fake.set(|knobs| knobs.failing = vec!["telegram".to_owned()]);
    let page = Client::new(pod.ports.gateway).get("/readyz");
    assert_eq!(
        (page.status, page.json()["failing"].clone()),
        (503, json!(["telegram"]))
    );
    fake.block(Duration::from_millis(700));
    std::thread::sleep(Duration::from_millis(50));
    let started = Instant::now();
    rpc.call("status", &json!({})).unwrap();
    assert!(
        started.elapsed() > Duration::from_millis(500),
        "{:?}",
        started.elapsed()
    );
    fake.set(|knobs| {
        knobs.close_after = Some(Close {
            after_calls: 0,
            code: 1012,
            reason: "service restart".to_owned(),
        })
    });
    rpc.call("status", &json!({})).unwrap();
    assert!(
        rpc.call("status", &json!({}))
            .unwrap_err()
            .to_string()
            .contains("service restart")
    );
    fake.rotate_token("another");
    assert_eq!(
        refused(Rpc::connect(pod.ports.gateway, "fake-token").map(|_| Value::Null))["details"]["code"],
        "AUTH_TOKEN_MISMATCH"
    );
    assert!(Rpc::connect(pod.ports.gateway, "another").is_ok());
    fake.kill();
    until("its port is closed", SOON, || {
        Client::new(pod.ports.gateway).try_get("/healthz").is_err()
    });
    fake.revive();
    until("it serves", SOON, || {
        Client::new(pod.ports.gateway).try_get("/healthz").is_ok()
    });
}

#[test]
fn resolves_its_token_as_the_real_one() {
    let pod = Pod::new();
    pod.write_secrets();
    pod.write_document(&pod.plain_merge());
    let knobs = Knobs {
        resolve_token: true,
        token: String::new(),
        ..Knobs::default()
    };
    let fake = Fake::start(&pod.document(), pod.ports.gateway, knobs);
    let first = pod.gateway_token();
    let mut rpc = Rpc::connect(pod.ports.gateway, &first).unwrap();
    pod.secrets.set("gateway-token", "second");
    pod.write_secrets();
    let mut another = Rpc::connect(pod.ports.gateway, &first).unwrap();
    another.call("secrets.reload", &json!({})).ok();
    let gone = until_broken(&mut rpc);
    assert!(gone.contains("gateway auth changed"), "{gone}");
    let mut rpc = Rpc::connect(pod.ports.gateway, "second").unwrap();
    // A reference that does not resolve is valid, and never applied.
    let applied = fake.running();
    let mut document = pod.plain_merge();
    document["gateway"]["auth"]["token"]["id"] = json!("/nobody");
    document["secrets"]["providers"]["pilotfish"]["timeoutMs"] = json!(5000);
    fake.set(|knobs| knobs.restart_paths.clear());
    pod.write_document(&document);
    until("the revision moves on", SOON, || {
        let config = rpc.call("config.get", &json!({})).unwrap();
        config["valid"] == true && config["configRevisionHash"] != config["appliedConfigHash"]
    });
    let status = rpc.call("status", &json!({})).unwrap();
    assert_eq!(status["degradedSecretOwners"][0]["ownerId"], "pilotfish");
    assert_eq!(fake.running(), applied);
}

fn until_broken(rpc: &mut Rpc) -> String {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if let Err(why) = rpc.call("status", &json!({})) {
            return why.to_string();
        }
    }
    panic!("the connection holds");
}
