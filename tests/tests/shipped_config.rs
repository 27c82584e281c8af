//! The shipped configuration against the real gateways.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::time::Duration;

use serde_json::{Value, json};
use support::{Gateway, Pod, Version};

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
            assert_eq!(verdict["warnings"], json!([]), "{plan} on {version:?}");
        }
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
    gateway.stop(Duration::from_secs(60));
}

#[test]
fn the_newest_release_serves_it() {
    serves(Version::Newest);
}

#[test]
fn the_older_release_serves_it() {
    serves(Version::Older);
}
