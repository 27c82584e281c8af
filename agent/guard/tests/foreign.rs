//! What is not a sandbox does not exist, on both daemons.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::process::Stdio;

use support::{CLIENTS, IMAGE, Stage, Version, http::request, told};

#[test]
fn foreign_containers_do_not_exist_at_the_old_daemon() {
    do_not_exist(Version::Old);
}

#[test]
fn foreign_containers_do_not_exist_at_the_new_daemon() {
    do_not_exist(Version::New);
}

fn do_not_exist(version: Version) {
    let stage = Stage::new(version);
    let own = stage.sandbox("ours");
    let id = stage.foreign("secret");
    let exec = foreign_exec(&stage, &id);
    for name in ["secret", id.as_str(), &id[..12], &id[..5]] {
        for (method, call) in CALLS {
            let path = format!("/v1.41/containers/{name}{call}");
            let answer = request(&stage.socket, method, &path, body(call));
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
        for client in CLIENTS {
            let output = stage
                .docker(client)
                .args(["exec", name, "true"])
                .output()
                .unwrap();
            assert!(
                told(&output).contains("No such container"),
                "{}",
                told(&output)
            );
        }
    }
    for (method, call, body) in [
        ("GET", "json", ""),
        ("POST", "start", "{\"Detach\":true}"),
        ("POST", "resize?h=1&w=1", ""),
    ] {
        let answer = request(
            &stage.socket,
            method,
            &format!("/v1.41/exec/{exec}/{call}"),
            body,
        );
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    let listed = stage.say(&["ps", "-aq", "--no-trunc"]);
    assert_eq!(listed, own);
    for filter in [
        "name=secret",
        &format!("id={id}"),
        "ancestor=openclaw-sandbox",
    ] {
        assert!(
            !stage
                .say(&["ps", "-aq", "--no-trunc", "--filter", filter])
                .contains(&id)
        );
    }
    assert_eq!(
        stage.truth(&["inspect", "-f", "{{.State.Running}}", "secret"]),
        "true"
    );
    hides_images(&stage);
    hides_events(&stage, &own, &id);
}

const CALLS: &[(&str, &str)] = &[
    ("GET", "/json"),
    ("GET", "/logs?stdout=1"),
    ("GET", "/top"),
    ("GET", "/stats?stream=0"),
    ("GET", "/archive?path=/etc"),
    ("HEAD", "/archive?path=/etc"),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("POST", "/kill"),
    ("POST", "/restart"),
    ("POST", "/pause"),
    ("POST", "/unpause"),
    ("POST", "/wait"),
    ("POST", "/attach?stream=1&stdout=1"),
    ("POST", "/resize?h=1&w=1"),
    ("POST", "/exec"),
    ("DELETE", "?force=1"),
];

fn body(call: &str) -> &'static str {
    if call == "/exec" {
        r#"{"Cmd":["true"]}"#
    } else {
        ""
    }
}

fn foreign_exec(stage: &Stage, id: &str) -> String {
    let made = request(
        &stage.daemon.socket(),
        "POST",
        &format!("/v1.41/containers/{id}/exec"),
        r#"{"Cmd":["true"]}"#,
    );
    assert_eq!(made.status, 201, "{made:?}");
    made.id().to_owned()
}

fn hides_images(stage: &Stage) {
    stage.truth(&["tag", IMAGE, "private:1"]);
    assert!(!stage.say(&["images"]).contains("private"));
    assert!(!stage.say(&["inspect", IMAGE]).contains("private"));
    assert_eq!(stage.get("/v1.41/images/private:1/json").status, 404);
}

fn hides_events(stage: &Stage, own: &str, id: &str) {
    stage.truth(&["pause", id]);
    stage.truth(&["pause", own]);
    for id in [own, id] {
        stage.truth(&["unpause", id]);
    }
    let mut events = stage.docker(CLIENTS[1]);
    let listened = events
        .args(["events", "--since=10m", "--until=0s"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let listened = told(&listened);
    assert!(listened.contains(own), "{listened}");
    assert!(
        !listened.contains(id) && !listened.contains("private"),
        "{listened}"
    );
    let images = r#"/v1.41/events?until=1&filters={%22type%22:[%22image%22]}"#;
    assert_eq!(stage.get(images).status, 403);
}
