//! What is refused before anything is written, and what a broken layer may not hold back.

use serde_json::{Value, json};
use support::{Client, Instance, shipped};

use crate::scene::{LONG, bytes, layer, prove, reported, text, wait};

/// Puts a user layer that is refused, and checks that nothing happened.
#[track_caller]
fn refuse(instance: &Instance, user: &str) -> Vec<Value> {
    let (document, tag) = (bytes(instance), layer(instance, "user")["etag"].clone());
    let answer = instance.put_user(user, "proved");
    assert_eq!(answer.status, 422, "{}", answer.body);
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"));
    assert_eq!(bytes(instance), document, "the document is untouched");
    assert_eq!(layer(instance, "user")["etag"], tag, "so is the layer");
    answer.json()["problems"].as_array().unwrap().clone()
}

/// Every rule that is broken, all at once.
pub fn rules(instance: &mut Instance) {
    let user = "{\n  gateway: { port: 1 },\n  tools: { exec: { mode: \"full\" } },\n  logging: { level: \"trace\" },\n}";
    let problems = refuse(instance, user);
    let mut told: Vec<_> = problems
        .iter()
        .map(|problem| {
            assert_eq!(problem["file"], "user.json5", "{problem}");
            assert!(!text(problem, "cure").is_empty(), "{problem}");
            (problem["line"].as_u64().unwrap(), text(problem, "path"))
        })
        .collect();
    told.sort_unstable();
    let expected = [(2, "gateway"), (3, "tools.exec.mode"), (4, "logging.level")];
    assert_eq!(told, expected, "{problems:?}");
    assert_eq!(problems[0]["kind"], "locked", "{problems:?}");
}

/// The gateway itself knows that there is no such key.
pub fn typo(instance: &mut Instance) {
    let problems = refuse(instance, "{\n  logging: { levle: \"debug\" },\n}");
    let problem = &problems[0];
    assert_eq!(problem["kind"], "gateway", "{problem}");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&json!(2), &json!(14)),
        "{problem}"
    );
    assert!(text(problem, "message").contains("levle"), "{problem}");

    let from = instance.said();
    instance
        .pod
        .edit_user("{\n  logging: { leevl: \"debug\" },\n}");
    let (line, _) = instance.says(from, "\"leevl\"", LONG);
    assert!(line.contains("refused: user.json5:2:14"), "{line}");
    wait("the broken file is shown", || {
        layer(instance, "user")["status"] == "fell_back"
    });
    instance.pod.edit_user("{ /* corrected */ }");
    wait("the corrected file is taken", || {
        layer(instance, "user")["status"] == "ok"
    });
}

/// A credential belongs into the Secret.
pub fn literal(instance: &mut Instance) {
    let literal = "sk-proj-Zq8mT1vX4bN7cK2dR5fG9hJ3";
    let user = format!("{{\n  channels: {{ telegram: {{ botToken: {literal:?} }} }},\n}}");
    let problems = refuse(instance, &user);
    let problem = &problems[0];
    assert_eq!(problem["kind"], "credential", "{problem}");
    assert_eq!(problem["line"], 2, "{problem}");
    assert!(text(problem, "cure").contains("source"), "{problem}");
    assert!(!problem.to_string().contains(literal), "{problem}");
}

/// Who may change what, and only what was read before.
pub fn conditions(instance: &mut Instance) {
    let path = "/v1/config/user?wait=settled&timeout_seconds=180";
    let api = instance.api();
    let put = |headers: &[(&str, &str)], user: &str| {
        api.send("PUT", path, headers, user.as_bytes()).unwrap()
    };
    let user = "{ logging: { level: \"warn\" } }";
    let missing = put(&[], user);
    assert_eq!(missing.status, 428, "{}", missing.body);
    let read = api.get("/v1/config/user");
    let tag = read.header("etag").unwrap().to_owned();
    let taken = put(&[("if-match", &tag)], user);
    assert_eq!(taken.status, 200, "{}", taken.body);
    let stale = put(&[("if-match", &tag)], "{}");
    assert_eq!(stale.status, 412, "{}", stale.body);
    assert_eq!(stale.json()["code"], "stale");
    assert_eq!(
        stale.header("etag"),
        taken.header("etag"),
        "what to say next time"
    );
    assert_eq!(api.get("/v1/config/user").body, user);

    let reader = Client::new(instance.pod.ports.api).with_token(&instance.pod.token("read"));
    assert_eq!(reader.get("/v1/config").status, 200);
    let refused = reader
        .send("PUT", path, &[("if-match", "*")], b"{}")
        .unwrap();
    assert_eq!(refused.status, 403, "{}", refused.body);
    let nobody = Client::new(instance.pod.ports.api);
    assert_eq!(nobody.get("/v1/config").status, 401);
}

/// The user's layer falls back to its last good content, under the new policy.
pub fn broken_user(instance: &mut Instance) {
    prove(instance, "{ logging: { level: \"warn\" } }");
    let from = instance.said();
    instance.pod.edit_user("{\n  logging: { level: ");
    let _ = instance.says(from, "refused: user.json5:2", LONG);
    let policy = &instance.pod.layers.policy;
    let report = reported(instance, "proved", || {
        policy.set("90-more.json5", "{ ui: { seamColor: \"#00ff00\" } }");
    });
    assert_eq!(report["changes"][0]["path"], "ui.seamColor", "{report}");
    let document = instance.document();
    assert_eq!(document["ui"]["seamColor"], "#00ff00");
    assert_eq!(
        document["logging"]["level"], "warn",
        "the last good user layer"
    );
    let user = layer(instance, "user");
    assert_eq!(user["status"], "fell_back", "{user}");
    assert_eq!(user["problems"][0]["line"], 2, "{user}");
    policy.remove("90-more.json5");
    instance.pod.edit_user("{ /* mended */ }");
    wait("the mended file is taken", || {
        let document = instance.document();
        document.get("ui").is_none() && document["logging"]["level"] == "info"
    });
}

/// The old user layer stays as it is; what it may no longer say is left out.
pub fn new_lock(instance: &mut Instance) {
    prove(
        instance,
        "{\n  logging: { level: \"warn\" },\n  ui: { seamColor: \"#abcdef\" },\n}",
    );
    let shipped = std::fs::read(shipped("locks.json5")).unwrap();
    let mut locks: Value = json5::from_str(std::str::from_utf8(&shipped).unwrap()).unwrap();
    let ours = json!({ "path": "ui", "why": "the look is the host's" });
    locks["locks"].as_array_mut().unwrap().push(ours);
    let volume = &instance.pod.layers.locks;
    let _ = reported(instance, "proved", || {
        volume.publish(&[("locks.json5", locks.to_string())]);
    });
    let document = instance.document();
    assert!(document.get("ui").is_none(), "{document}");
    assert_eq!(document["logging"]["level"], "warn", "the rest stays");
    let left_out = instance.config()["left_out"][0].clone();
    assert_eq!(left_out["path"], "ui", "{left_out}");
    assert_eq!(left_out["line"], 3, "{left_out}");
    assert_eq!(left_out["layer"], "user", "{left_out}");
    let explained = instance.api().get("/v1/config/explain?path=ui.seamColor");
    let explained = explained.json();
    let refused = explained["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{explained}");
    assert_eq!(refused[0]["problem"]["line"], 3, "{explained}");
    assert_eq!(explained["locked_by"]["rule"], "ui", "{explained}");

    let _ = reported(instance, "proved", || {
        volume.publish(&[("locks.json5", &shipped)])
    });
    assert_eq!(instance.document()["ui"]["seamColor"], "#abcdef");
}
