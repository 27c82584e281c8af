//! What failed is not tried again, until there is a reason to.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::scene::{COLOR, LONG, QUICK, Scene, color};

#[test]
fn a_hash_that_never_comes_is_undone() {
    let more = [QUICK.as_slice(), &["--hot-deadline", "2s"]].concat();
    let scene = Scene::new(&more);
    let before = scene.instance.document();
    let generation = scene.instance.generation();
    scene.fake.set(|knobs| knobs.never_applied = true);
    let (user, _) = color(20);
    let report = scene.report(&scene.instance.put_user(&user, "proved"));
    assert_eq!(
        (&report["outcome"]["kind"], &report["restores"]),
        (&json!("rolled_back"), &json!(generation)),
        "{report}"
    );
    assert!(
        report["reason"].as_str().unwrap().contains("within 2 s"),
        "{report}"
    );
    assert_eq!(scene.instance.document(), before);
    assert_eq!(
        (scene.instance.generation(), scene.quarantined()),
        (generation + 2, 1),
        "the bad one and the way back"
    );
    scene.instance.state("settled", LONG);
    scene.fake.set(|knobs| knobs.never_applied = false);
    let (other, value) = color(21);
    scene.prove(&other);
    assert_eq!(scene.fake.running().pointer(COLOR), Some(&value));
}

#[test]
fn a_quarantine_outlives_the_agent_and_ends_with_the_gateways_version() {
    let more = [QUICK.as_slice(), &["--hot-deadline", "1s"]].concat();
    let mut scene = Scene::new(&more);
    let before = scene.instance.document();
    scene.fake.set(|knobs| knobs.never_applied = true);
    let (user, value) = color(1);
    let report = scene.last_report();
    scene.instance.pod.edit_user(&user);
    scene.newer_report(&report, "rolled_back");
    let generation = scene.instance.generation();
    assert_eq!(scene.quarantined(), 1);

    scene.fake.set(|knobs| knobs.never_applied = false);
    for _ in 0..2 {
        scene.reborn(&more);
        scene.instance.settled(LONG);
        sleep(Duration::from_secs(1));
        assert_eq!(
            (scene.instance.generation(), scene.quarantined()),
            (generation, 1),
            "not tried again"
        );
        assert_eq!(scene.instance.document(), before);
        assert!(
            !scene.instance.config()["quarantine"][0]["reason"]
                .as_str()
                .unwrap()
                .is_empty()
        );
    }
    // The same text again is the same document.
    scene.instance.pod.edit_user(&user);
    sleep(Duration::from_secs(1));
    assert_eq!(scene.instance.generation(), generation);

    scene
        .fake
        .set(|knobs| knobs.version = "2026.9.7".to_owned());
    scene.fake.restart();
    scene.runs_with(COLOR, &value);
    assert!(
        scene.instance.generation() > generation,
        "another version is a reason to try again"
    );
    assert_eq!(scene.last_report()["outcome"]["kind"], "proved");
}

#[test]
fn a_layer_that_failed_does_not_hold_back_another_layers_change() {
    let more = [QUICK.as_slice(), &["--hot-deadline", "1s"]].concat();
    let scene = Scene::new(&more);
    scene.fake.set(|knobs| knobs.never_applied = true);
    let report = scene.last_report();
    scene.instance.pod.edit_user(&color(1).0);
    scene.newer_report(&report, "rolled_back");
    scene.fake.set(|knobs| knobs.never_applied = false);
    scene.instance.pod.layers.policy.set(
        "90-more.json5",
        r#"{ ui: { assistant: { name: "policy" } } }"#,
    );
    scene.runs_with("/ui/assistant/name", &serde_json::json!("policy"));
    // With another layer changed the whole is another document: the user's part is tried anew.
    scene.runs_with(COLOR, &color(1).1);
}
