//! A gateway that is absent, killed, restarting, blocked, confused or wrong.

use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use support::{Agent, Instance, Knobs, Pod, Refusal, arguments, until};

use crate::scene::{COLOR, LONG, QUICK, Scene, color, fake};

#[test]
fn an_absent_gateway_is_waited_for_reported_and_never_undone() {
    let more = [QUICK.as_slice(), &["--absent-after", "2s"]].concat();
    let scene = Scene::new(&more);
    let before = scene.instance.document();
    scene.fake.kill();
    until("the agent sees that", LONG, || {
        scene.instance.api().get("/v1/status").json()["gateway"]["state"] == "absent"
    });
    let from = scene.instance.said();
    let (user, value) = color(1);
    let answer = scene.instance.put_user(&user, "proved");
    let report = scene.report(&answer);
    assert_eq!(report["outcome"]["kind"], "pending", "{report}");
    assert_eq!(report["waiting_for"], "the gateway", "{report}");
    assert_eq!(
        scene.instance.document(),
        before,
        "nothing is written behind its back"
    );
    let (line, _) = scene.instance.says(from, "absent for 2 s", LONG);
    assert!(line.contains("ERROR"), "{line}");
    until("it is written then", LONG, || {
        scene.instance.document().pointer(COLOR) == Some(&value)
    });
    sleep(Duration::from_secs(3));
    assert_eq!(
        scene.instance.document().pointer(COLOR),
        Some(&value),
        "absence undoes nothing"
    );
    assert_eq!(scene.quarantined(), 0);
    scene.fake.revive();
    scene.runs_with(COLOR, &value);
    assert_eq!(
        scene.last_report()["outcome"]["kind"],
        "proved",
        "{}",
        scene.last_report()
    );
}

#[test]
fn a_first_boot_does_not_wait_for_the_gateway() {
    let instance = Instance::alone(Pod::new(), &QUICK);
    instance.document_in_place();
    assert_eq!(instance.generation(), 1);
    let (user, value) = color(2);
    instance.pod.edit_user(&user);
    until(
        "a change before the first start of the gateway is written",
        LONG,
        || instance.document().pointer(COLOR) == Some(&value),
    );
    let fake = fake(&instance.pod, Knobs::default());
    instance.settled(LONG);
    assert_eq!(fake.running().pointer(COLOR), Some(&value));
}

#[test]
fn a_gateway_killed_during_an_apply_is_proved_when_it_is_back() {
    let scene = Scene::new(&QUICK);
    scene
        .fake
        .set(|knobs| knobs.detect = Duration::from_secs(60));
    let generation = scene.instance.generation();
    let (user, value) = color(3);
    scene.instance.pod.edit_user(&user);
    until("the document is written", LONG, || {
        scene.instance.document().pointer(COLOR) == Some(&value)
    });
    scene.fake.kill();
    until("the agent sees that", LONG, || {
        scene.instance.api().get("/v1/status").json()["gateway"]["state"] == "absent"
    });
    sleep(Duration::from_secs(1));
    assert_eq!(
        scene.instance.document().pointer(COLOR),
        Some(&value),
        "a kill from outside undoes nothing"
    );
    assert_eq!(scene.instance.config()["state"], "proving");
    // A process of its own begins anew: the fake still waits for its sixty seconds otherwise.
    let Scene {
        instance,
        fake: killed,
    } = scene;
    std::thread::spawn(move || drop(killed));
    let fake = crate::scene::fake(&instance.pod, Knobs::default());
    instance.settled(LONG);
    assert_eq!(fake.running().pointer(COLOR), Some(&value));
    assert_eq!(
        (
            instance.generation(),
            instance.config()["last_report"]["outcome"]["kind"].clone()
        ),
        (generation + 1, json!("proved"))
    );
    assert!(
        instance.config()["quarantine"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_restart_during_a_proof_is_waited_for() {
    let scene = Scene::with(
        Knobs {
            restart_takes: Duration::from_millis(1500),
            ..Knobs::default()
        },
        &QUICK,
    );
    scene
        .fake
        .set(|knobs| knobs.detect = Duration::from_millis(700));
    let (user, value) = color(4);
    scene.instance.pod.edit_user(&user);
    until("the document is written", LONG, || {
        scene.instance.document().pointer(COLOR) == Some(&value)
    });
    scene.fake.restart();
    scene.runs_with(COLOR, &value);
    assert_eq!(scene.last_report()["outcome"]["kind"], "proved");

    let before = scene.last_report();
    scene.instance.pod.layers.base.set(
        "95-more.json5",
        r#"{ gateway: { controlUi: { basePath: "/oc" } } }"#,
    );
    let report = scene.newer_report(&before, "proved");
    assert_eq!(
        (&report["requires_restart"], &report["proof"]),
        (&json!(true), &json!("hash")),
        "{report}"
    );
    assert_eq!(scene.quarantined(), 0);
}

#[test]
fn a_gateway_that_does_not_take_our_token_is_named_and_waited_for() {
    let scene = Scene::new(&QUICK);
    let before = scene.instance.document();
    scene.fake.rotate_token("another one");
    let status = || scene.instance.api().get("/v1/status").json()["gateway"].clone();
    until("the agent sees that", LONG, || {
        status()["state"] == "refused"
    });
    assert!(
        status()["reason"].as_str().unwrap().contains("token"),
        "{}",
        status()
    );
    let (user, value) = color(5);
    scene.instance.pod.edit_user(&user);
    scene.instance.state("pending", LONG);
    assert_eq!(scene.instance.document(), before);
    scene
        .fake
        .set(|knobs| knobs.token = scene.instance.pod.gateway_token());
    scene.runs_with(COLOR, &value);
    assert_eq!(scene.quarantined(), 0);
}

#[test]
fn a_blocked_gateway_and_closed_connections_are_no_verdict() {
    let scene = Scene::new(&QUICK);
    let (user, value) = color(6);
    scene.instance.pod.edit_user(&user);
    scene.fake.block(Duration::from_secs(3));
    scene.runs_with(COLOR, &value);
    for (round, code) in [(7, 1012), (8, 4001), (9, 1006)] {
        let (user, value) = color(round);
        scene.instance.pod.edit_user(&user);
        until("the document is written", LONG, || {
            scene.instance.document().pointer(COLOR) == Some(&value)
        });
        if code == 1006 {
            scene.fake.set(|knobs| knobs.garbage = true)
        } else {
            scene.fake.close_all(code, "go away")
        }
        scene.runs_with(COLOR, &value);
        assert_eq!(
            scene.last_report()["outcome"]["kind"],
            "proved",
            "{code}: {}",
            scene.last_report()
        );
    }
    assert_eq!(scene.quarantined(), 0);
}

#[test]
fn answers_out_of_order_and_late_ones_belong_to_their_questions() {
    let knobs = Knobs {
        unordered: true,
        answer_delay: Duration::from_millis(40),
        ..Knobs::default()
    };
    let scene = Scene::with(knobs, &QUICK);
    for round in 10..16 {
        let (user, value) = color(round);
        let report = scene.prove(&user);
        assert_eq!(report["proof"], "hash", "{report}");
        assert_eq!(scene.fake.running().pointer(COLOR), Some(&value));
    }
}

#[test]
fn a_change_during_a_probation_supersedes_it() {
    let scene = Scene::with(
        Knobs {
            writes_per_minute: 0,
            ..Knobs::default()
        },
        &["--probation", "1s", "--protection", "switch"],
    );
    let good = scene.instance.generation();
    let Scene { mut instance, fake } = scene;
    instance.agent.kill();
    instance.agent = Agent::start(
        &instance.pod,
        &arguments(
            &instance.pod,
            &["--probation", "60s", "--protection", "switch"],
        ),
    );
    instance.settled(LONG);
    let scene = Scene { instance, fake };
    scene.prove(&color(60).0);
    scene.prove(&color(61).0);
    assert_eq!(scene.instance.config()["state"], "probation");
    // Refused only once it is written, since there is no check.
    scene.fake.set(|knobs| {
        knobs.refuse = vec![Refusal {
            path: "ui.assistant".to_owned(),
            message: "no".to_owned(),
        }]
    });
    let answer = scene
        .instance
        .put_user(r#"{ ui: { assistant: { name: "x" } } }"#, "proved");
    let report = scene.report(&answer);
    assert_eq!(
        (&report["outcome"]["kind"], &report["restores"]),
        (&json!("rolled_back"), &json!(good)),
        "the last good one is the last that finished its probation: {report}"
    );
    assert_eq!(
        report["problems"][0]["path"], "ui.assistant.name",
        "{}",
        answer.body
    );
    // The edit before it never failed: it is the user layer again, and has its probation anew.
    let back = || scene.fake.running().pointer(COLOR) == Some(&color(61).1);
    until("the edit before it is in force", LONG, back);
    scene.instance.state("probation", LONG);
    assert_eq!(scene.quarantined(), 1);
}
