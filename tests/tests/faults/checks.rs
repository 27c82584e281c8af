//! What the gateway is asked before a change is written, and what happens when it cannot be asked.

use serde_json::json;
use support::{Knobs, Refusal};

use crate::scene::{QUICK, Scene, color};

#[test]
fn without_the_gateways_check_a_change_is_applied_and_says_so() {
    let scene = Scene::with(
        Knobs {
            writes_per_minute: 0,
            ..Knobs::default()
        },
        &QUICK,
    );
    let report = scene.prove(&color(22).0);
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .contains("30 checks a minute"),
        "{report}"
    );
}

#[test]
fn diffs_never_use_up_the_checks_of_changes() {
    let scene = Scene::new(&QUICK);
    for round in 0..40 {
        let body = json!({ "user": color(100 + round).0 }).to_string();
        let headers = [("content-type", "application/json")];
        let answer = scene
            .instance
            .api()
            .send("POST", "/v1/config/diff", &headers, body.as_bytes())
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let asked = || {
        scene
            .fake
            .calls()
            .iter()
            .filter(|call| *call == "config.set")
            .count()
    };
    assert!(asked() <= 16, "{} checks went to diffs", asked());
    for round in 30..40 {
        let report = scene.prove(&color(round).0);
        assert!(
            report["reason"].is_null(),
            "checked by the gateway: {report}"
        );
    }
    scene.fake.set(|knobs| {
        knobs.refuse = vec![Refusal {
            path: "ui".to_owned(),
            message: "no".to_owned(),
        }]
    });
    let answer = scene.instance.put_user(&color(50).0, "proved");
    assert_eq!(answer.status, 422, "{}", answer.body);
}
