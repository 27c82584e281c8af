//! The disk of the state is full, and has room again.

use serde_json::json;
use support::{Knobs, Pod};

use crate::scene::{
    LONG, SmallDisk, beside_on, health, journal, ready, recorded, sample, told, verdict, word,
};

#[test]
fn a_full_disk_is_said_and_the_journal_goes_on_when_there_is_room() {
    let pod = Pod::new();
    let disk = SmallDisk::mount(&pod.path("agent-state"), "64m");
    let (instance, fake) = beside_on(pod, Knobs::default(), &[]);
    verdict(&instance, "healthy");
    let before = journal(&instance).len();
    disk.fill();
    let cause = told(&instance, "disk", "state");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!(
        (word(&instance).as_str(), ready(&instance)),
        ("failing", 503)
    );
    let cause = told(&instance, "journal", "writes to the journal fail");
    assert_eq!(cause["severity"], "degraded", "{cause}");
    // The kernel's room for a last few bytes may have taken the first words, no more.
    fake.kill();
    told(&instance, "gateway", "nobody listens");
    fake.revive();
    assert!(sample(&instance, "pilotfish_disk_used_ratio{volume=\"state\"}") > Some(0.99));
    assert_eq!(instance.agent.probe().get("/livez").status, 200);
    let shown = journal(&instance);
    assert!(shown.len() <= before + 1, "{shown:#?}");

    disk.relieve();
    verdict(&instance, "healthy");
    let failing = |event: &serde_json::Value| event["verdict"] == "failing";
    recorded(&instance, "verdict", failing);
    recorded(&instance, "gateway_died", |_| true);
    support::until("nothing is wrong with the journal", LONG, || {
        health(&instance)["causes"] == json!([])
    });
    let numbers: Vec<_> = journal(&instance)
        .iter()
        .map(|entry| entry["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}
