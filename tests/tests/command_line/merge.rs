//! `merge`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use serde_json::json;

use crate::desk::Desk;

#[test]
fn merge_writes_a_private_file_once_and_the_same_bytes_never_again() {
    let desk = Desk::new();
    for merge in [Desk::stateless, Desk::run] {
        merge(&desk, &["merge"]).with(0);
        let file = desk.path("doc/openclaw.json");
        let before = fs::metadata(&file).unwrap();
        assert_eq!(before.permissions().mode() & 0o7777, 0o600);
        assert_eq!(desk.document()["logging"]["level"], "debug");
        let said = merge(&desk, &["merge"]).with(0).stdout;
        assert!(said.contains("unchanged"), "{said}");
        assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino());
    }
    assert_eq!(
        fs::read_dir(desk.path("doc")).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn merge_prints_without_writing_and_without_a_state() {
    let desk = Desk::new();
    let ended = desk
        .bare(&[
            "merge",
            "--layer",
            "base=base",
            "--layer",
            "user=user/user.json5",
            "--out",
            "-",
        ])
        .with(0);
    assert_eq!(
        ended.json(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "debug"}})
    );
    assert!(!desk.path("state").exists());
    desk.bare(&["merge", "--layer", "base=base", "--out", "-", "--json"])
        .with(2);
}

#[test]
fn a_bad_layer_falls_back_to_its_last_good_or_is_refused() {
    let desk = Desk::new();
    desk.user("{ logging: ");
    desk.write("base/20-more.json5", "{ a: 1, a: 2 }");
    for merge in [Desk::stateless, Desk::run] {
        let said = merge(&desk, &["merge"]).with(1).stderr;
        assert!(
            said.contains("user.json5:1:") && said.contains("20-more.json5:1:9"),
            "all problems: {said}"
        );
        assert!(!desk.path("doc/openclaw.json").exists());
    }
    fs::remove_file(desk.path("base/20-more.json5")).unwrap();
    desk.user(r#"{ logging: { level: "debug" } }"#);
    desk.run(&["merge"]).with(0);

    desk.write("base/10-gateway.json5", "{ gateway: ");
    desk.user(r#"{ logging: { level: "warn" } }"#);
    let ended = desk.run(&["merge"]).with(0);
    assert!(
        ended.stderr.contains("warning: 10-gateway.json5:1:"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        desk.document(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "warn"}})
    );

    let before = fs::read(desk.path("doc/openclaw.json")).unwrap();
    desk.user(r#"{ logging: { level: "error" } }"#);
    desk.run(&["merge", "--strict"]).with(1);
    desk.stateless(&["merge"]).with(1);
    assert_eq!(fs::read(desk.path("doc/openclaw.json")).unwrap(), before);
}

#[test]
fn a_user_layer_that_breaks_a_lock_is_refused_whole() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    desk.user(r#"{ gateway: { bind: "lan" }, logging: { level: "trace" } }"#);
    let said = desk.run(&["merge"]).with(0).stderr;
    assert!(
        said.contains(
            "user.json5:1:14 gateway.bind (user): locked by policy (locks.json5:1:11): one gate"
        ),
        "{said}"
    );
    assert_eq!(
        desk.document()["logging"]["level"],
        "debug",
        "nothing is half applied"
    );
    desk.run(&["merge", "--strict"]).with(1);
    let refused = desk.run(&["merge", "--strict", "--json"]).with(1).json();
    assert_eq!(
        (&refused["code"], &refused["problems"][0]["kind"]),
        (&json!("refused"), &json!("locked"))
    );
}

#[test]
fn secrets_are_carried_over_and_never_told() {
    let desk = Desk::new();
    fs::create_dir(desk.path("secrets")).unwrap();
    desk.write("secrets/gateway-token", "planted-4f1c9a\n");
    let words = [
        "merge",
        "--secrets",
        "secrets",
        "--secrets-out",
        "doc/secrets.json",
    ];
    let ended = desk.run(&words).with(0);
    assert_eq!(
        fs::read_to_string(desk.path("doc/secrets.json")).unwrap(),
        r#"{"gateway-token":"planted-4f1c9a"}"#
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("planted"));
    fs::write(desk.path("secrets/broken"), b"planted-4f1c9a\xff").unwrap();
    let ended = desk.run(&words).with(1);
    assert!(
        ended.stderr.contains("broken") && !ended.stderr.contains("planted"),
        "{}",
        ended.stderr
    );
    desk.run(&["merge", "--secrets", "secrets"]).with(2);
}

#[test]
fn whatever_lies_at_the_document_is_replaced_or_refused_and_never_followed() {
    let desk = Desk::new();
    desk.write("other", "precious");
    let document = desk.path("doc/openclaw.json");
    symlink(desk.path("other"), &document).unwrap();
    desk.run(&["merge"]).with(0);
    assert!(fs::symlink_metadata(&document).unwrap().is_file());
    assert_eq!(fs::read_to_string(desk.path("other")).unwrap(), "precious");
    fs::remove_file(&document).unwrap();
    fs::create_dir(&document).unwrap();
    let said = desk.run(&["merge"]).with(3).stderr;
    assert!(
        said.contains("is a directory, not a regular file"),
        "{said}"
    );
    desk.run(&["merge", "--out", "missing/openclaw.json"])
        .with(3);
}
