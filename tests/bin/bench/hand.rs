//! The gateway's own floor: the same edit by hand, on the same running gateway, until it runs with it.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Instance, Rpc, eventually};

/// How long any change may take.
pub const LONG: Duration = Duration::from_secs(120);

/// The file of the base layer that a bench changes.
pub const FILE: &str = "95-bench.json5";

/// Puts the bench's file into the base layer, and waits until all is quiet.
pub fn begin(instance: &Instance, text: &str) {
    instance.pod.layers.base.set(FILE, text);
    support::until("the bench's file is in the document", LONG, || {
        instance.config()["state"] != "settled" || says(instance, text)
    });
    instance.settled(LONG);
}

/// Whether the document holds what this layer says.
fn says(instance: &Instance, text: &str) -> bool {
    let mut with = instance.document();
    json_patch::merge(&mut with, &json5::from_str(text).unwrap());
    with == instance.document()
}

/// Edits the document by hand while the agent rests, and times the gateway; then the agent puts its own back.
pub fn floor(
    instance: &Instance,
    change: impl FnOnce(&mut Value),
    done: impl Fn(&mut Applied<'_>),
) -> Duration {
    pause(instance, 600);
    let mut document = instance.document();
    change(&mut document);
    let mut applied = Applied::watch(instance);
    let part = instance.pod.document().with_file_name("by-hand");
    fs::write(&part, serde_json::to_vec_pretty(&document).unwrap()).unwrap();
    let owner = fs::metadata(instance.pod.document()).unwrap();
    fs::set_permissions(&part, owner.permissions()).unwrap();
    let ids = (
        std::os::unix::fs::MetadataExt::uid(&owner),
        std::os::unix::fs::MetadataExt::gid(&owner),
    );
    std::os::unix::fs::chown(&part, Some(ids.0), Some(ids.1)).unwrap();
    let started = Instant::now();
    fs::rename(part, instance.pod.document()).unwrap();
    done(&mut applied);
    let took = started.elapsed();
    pause(instance, 0);
    took
}

fn pause(instance: &Instance, seconds: u64) {
    let body = json!({ "duration_seconds": seconds }).to_string();
    let answer = instance
        .api()
        .send("POST", "/v1/config/pause", &[], body.as_bytes())
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Sees when the gateway runs with another document than at first.
pub struct Applied<'a> {
    instance: &'a Instance,
    rpc: Rpc,
    before: Value,
    boot: Value,
}

impl<'a> Applied<'a> {
    /// As it is now.
    pub fn watch(instance: &'a Instance) -> Self {
        let mut rpc = instance.rpc();
        let before = rpc.call("config.get", &json!({})).unwrap()["appliedConfigHash"].clone();
        let boot = rpc.hello()["server"]["bootId"].clone();
        Self {
            instance,
            rpc,
            before,
            boot,
        }
    }

    /// Waits until another document is applied, in the same life of the gateway. It is asked when it tells of a change
    /// of its document, and every so often.
    pub fn hot(&mut self, every: Duration) {
        let end = Instant::now() + LONG;
        while Instant::now() < end {
            let config = self.rpc.call("config.get", &json!({})).unwrap();
            if proved(&config) && config["appliedConfigHash"] != self.before {
                return;
            }
            let _ = self.rpc.event("config.changed", every);
        }
        panic!("the gateway never applied an edit by hand");
    }

    /// Waits until another life of the gateway runs with another document, and has started.
    pub fn restarted(&mut self) {
        let found = eventually(LONG, || {
            let mut rpc = Rpc::connect(
                self.instance.pod.ports.gateway,
                &self.instance.pod.gateway_token(),
            )
            .ok()?;
            let config = rpc.call("config.get", &json!({})).ok()?;
            let anew = rpc.hello()["server"]["bootId"] != self.boot
                && config["appliedConfigHash"] != self.before;
            (anew && proved(&config)).then_some(())
        });
        found.expect("the gateway never came back");
    }
}

fn proved(config: &Value) -> bool {
    config["appliedConfigHash"].is_string()
        && config["appliedConfigHash"] == config["configRevisionHash"]
}
