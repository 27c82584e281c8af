//! The shipped configuration against the real gateways.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, Pod, Rpc, RpcError, Version};

/// The validator's word on the pod's layers.
fn verdict(pod: &Pod, version: Version) -> Value {
    pod.write_document(&pod.plain_merge());
    Gateway::validate(pod, version)
}

#[test]
fn every_plan_is_valid_for_both_releases() {
    let pod = Pod::new();
    for plan in ["free", "pro", "enterprise"] {
        pod.set_plan(plan);
        for version in Version::ALL {
            let verdict = verdict(&pod, version);
            assert_eq!(verdict["valid"], true, "{plan} on {version:?}: {verdict:#}");
            // Releases differ in their plugins; denying one that is not there is fine.
            let warnings = verdict["warnings"].as_array().unwrap();
            let absent = |warning: &Value| warning["path"] == "plugins.deny";
            assert!(
                warnings.iter().all(absent),
                "{plan} on {version:?}: {verdict:#}"
            );
        }
    }
}

/// What the comments in `config/` and the locks leave to a user.
const USER: &str = r#"{
  agents: {
    defaults: { model: { primary: "openai/gpt-5.5" }, timeoutSeconds: 120 },
  },
  channels: {
    telegram: {
      enabled: true,
      botToken: { source: "file", provider: "pilotfish", id: "/telegram-bot-token" },
      groups: { "-100": { requireMention: false } },
    },
  },
  mcp: { servers: { docs: { url: "https://example.com/mcp" } } },
  models: {
    providers: { mine: { baseUrl: "https://llm.example.com/v1", models: [{ id: "m", name: "M" }] } },
  },
  logging: { level: "debug" },
  tools: { profile: "messaging", exec: { mode: "deny" } },
  session: { dmScope: "per-peer" },
}"#;

#[test]
fn what_is_left_to_a_user_is_valid() {
    let pod = Pod::new();
    pod.edit_user(USER);
    for version in Version::ALL {
        let verdict = verdict(&pod, version);
        assert_eq!(verdict["valid"], true, "{version:?}: {verdict:#}");
    }
}

#[test]
fn a_typo_is_not_valid() {
    let pod = Pod::new();
    pod.edit_user("{ agents: { defaults: { maxConcurent: 2 } } }");
    for version in Version::ALL {
        assert_eq!(verdict(&pod, version)["valid"], false, "{version:?}");
    }
}

fn serves(version: Version) {
    let pod = Pod::new();
    pod.write_document(&pod.plain_merge());
    pod.write_secrets();
    let mut gateway = Gateway::start(&pod, version);
    let mut rpc = gateway.rpc();
    let status = rpc.call("status", &json!({})).unwrap();
    // The older release has no such list.
    let degraded = status.get("degradedSecretOwners");
    assert!(
        degraded.is_none_or(|owners| *owners == json!([])),
        "{degraded:?}"
    );
    let config = rpc.call("config.get", &json!({})).unwrap();
    assert_eq!(config["valid"], true, "{config:#}");
    assert!(
        gateway.log().iter().any(|line| line.contains("ready")),
        "{:#?}",
        gateway.log()
    );
    writes_nothing(&pod, &mut rpc, &config);
    gateway.stop(Duration::from_secs(60));
}

/// With its folder mounted read-only no release can touch its document: a write is a check.
fn writes_nothing(pod: &Pod, rpc: &mut Rpc, config: &Value) {
    let before = fs::read(pod.document()).unwrap();
    let good = pod.plain_merge();
    let mut bad = good.clone();
    bad["gateway"]["reload"]["mode"] = json!("sometimes");
    for (candidate, code) in [(good, "UNAVAILABLE"), (bad, "INVALID_REQUEST")] {
        let params = json!({ "raw": candidate.to_string(), "baseHash": config["hash"] });
        match rpc.call("config.set", &params) {
            Err(RpcError::Refused(error)) => assert_eq!(error["code"], code, "{error}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    assert_eq!(fs::read(pod.document()).unwrap(), before);
    assert_eq!(fs::read_dir(pod.path("doc")).unwrap().count(), 1);
}

#[test]
fn the_newest_release_serves_it() {
    serves(Version::Newest);
}

#[test]
fn the_older_release_serves_it() {
    serves(Version::Older);
}
