//! `history`, `rollback` and `pause`.

use serde_json::json;

use crate::desk::Desk;

#[test]
fn history_and_rollback_go_by_generations() {
    let desk = Desk::new();
    desk.run(&["history"]).with(3);
    desk.run(&["merge"]).with(0);
    desk.write("base/10-gateway.json5", "{ gateway: { port: 2 } }");
    desk.user("{}");
    desk.run(&["merge"]).with(0);
    desk.bare(&[
        "rollback",
        "1",
        "--state",
        "state",
        "--layer",
        "user=user",
        "--out",
        "doc/openclaw.json",
    ])
    .with(2);
    let report = desk.run(&["rollback", "1", "--json"]).with(0).json();
    assert_eq!(
        (
            &report["report"]["generation"],
            &report["report"]["restores"]
        ),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        desk.document(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "debug"}})
    );
    let said = desk.run(&["merge"]).with(0).stdout;
    assert!(
        said.contains("generation 3: unchanged"),
        "the layers stay back until they change again: {said}"
    );
    desk.write("base/10-gateway.json5", "{ gateway: { port: 3 } }");
    desk.run(&["merge"]).with(0);
    assert_eq!(desk.document()["gateway"]["port"], 3);
    let history = desk.run(&["history", "--json"]).with(0).json();
    let numbers: Vec<_> = history["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["generation"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    assert!(
        desk.run(&["history"])
            .with(0)
            .stdout
            .contains("3 (restores 1)")
    );
    let said = desk.run(&["rollback", "9"]).with(1).stderr;
    assert!(said.contains("it has 1 to 4"), "{said}");
}

#[test]
fn a_pause_has_an_end() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert!(desk.run(&["pause", "15m", "--json"]).with(0).json()["until"].is_string());
    assert_eq!(
        desk.run(&["pause", "off", "--json"]).with(0).json(),
        json!({})
    );
    for length in ["25h", "0s", "-1s", "forever"] {
        desk.run(&["pause", length]).with(2);
    }
}
