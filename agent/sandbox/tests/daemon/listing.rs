//! What the daemon has is in the inventory, and soon.

use std::collections::BTreeSet;

use sandbox::{Happening, Id, Kind, SandboxChange, Scope, State};

use crate::stage::{Stage, quiet, sandbox};
use crate::support::{Daemon, IMAGE, Version};

async fn a_started_container_is_in_the_inventory(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let before = sandbox(&daemon, "before", &["-m", "64m", "-v", "/anonymous"]).await;
    let stage = Stage::begin(&daemon, quiet());
    stage.until_ids(&[before].into()).await;
    let known = stage.sandbox(before).unwrap();
    assert_eq!(known.facts.name, "before");
    assert_eq!(known.facts.scope.session(), Some("agent:main:before"));
    assert_eq!(known.facts.kind, Kind::Tool);
    assert_eq!(known.facts.image.name, IMAGE);
    assert!(known.facts.image.id.starts_with("sha256:"));
    assert_eq!(known.facts.memory_limit, Some(64 << 20));
    assert_eq!(known.state, State::Running);
    assert!(known.facts.volumes.iter().all(|volume| volume.anonymous));
    assert_eq!(known.facts.volumes.len(), 1);

    let mut happenings = stage.handle.events();
    let after = sandbox(&daemon, "after", &[]).await;
    stage.until_ids(&[before, after].into()).await;
    let appeared = loop {
        if let Happening::Sandbox { id, change, .. } = happenings.recv().await.unwrap() {
            break (id, change);
        }
    };
    assert_eq!(appeared.0, after);
    assert!(matches!(appeared.1, SandboxChange::Appeared(_)));

    daemon.docker(&["kill", "after"]).await;
    let ended = |view: &sandbox::View| {
        let mut shown = view.sandboxes.iter();
        shown.any(|shown| shown.sandbox.state == State::Exited)
    };
    stage.until("one ended", ended).await;
    let known = stage.sandbox(after).unwrap();
    assert!(known.ended.unwrap() >= known.created);
    daemon.docker(&["rm", "-f", "after", "before"]).await;
    stage.until_ids(&BTreeSet::new()).await;
    stage.end().await;
}

async fn execs_and_measures_are_seen(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let id = sandbox(&daemon, "one", &["-u", "0"]).await;
    daemon.docker(&["exec", "-d", "one", "sleep", "1000"]).await;
    let stage = Stage::begin(&daemon, quiet());
    let execs = |count: usize| {
        move |view: &sandbox::View| {
            let mut shown = view.sandboxes.iter();
            shown.any(|shown| shown.sandbox.execs.len() == count)
        }
    };
    stage.until("an exec from before is seen", execs(1)).await;
    daemon.docker(&["exec", "-d", "one", "sleep", "1000"]).await;
    stage.until("another is seen", execs(2)).await;
    daemon
        .docker(&["exec", "one", "sh", "-c", "echo 12345 > /written"])
        .await;
    stage.until("a short one has ended", execs(2)).await;
    let active = stage.sandbox(id).unwrap().last_active;
    stage.handle.measure().await.unwrap();
    let usage = stage.sandbox(id).unwrap().usage.unwrap();
    assert!(usage.memory_bytes > 0, "{usage:?}");
    assert!(usage.written_bytes >= Some(6), "{usage:?}");
    daemon.docker(&["restart", "-t", "0", "one"]).await;
    stage.until("a restart ends them", execs(0)).await;
    assert!(stage.sandbox(id).unwrap().last_active >= active);
    stage.end().await;
}

async fn labels_with_bad_values_harm_nobody(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let stage = Stage::begin(&daemon, quiet());
    stage.up().await;
    let long = "x".repeat(10 << 20);
    let body = format!(
        r#"{{"Image":"{IMAGE}","StopSignal":"KILL","HostConfig":{{"NetworkMode":"none"}},"Labels":{{
        "openclaw.sandbox":"1","openclaw.sessionKey":"agent:main:bad",
        "openclaw.createdAtMs":"99999999999999999999","openclaw.configHash":"{long}"}}}}"#
    );
    let (status, answer) = daemon
        .api("POST", "/containers/create?name=bad", &body)
        .await;
    assert_eq!(status, 201, "{answer}");
    let bad = Id::parse(answer.split('"').nth(3).unwrap()).unwrap();
    daemon.docker(&["start", "bad"]).await;
    let key = ["--label", "openclaw.sessionKey=\u{7}no such shape"];
    let odd = sandbox(&daemon, "odd", &key).await;
    stage.until_ids(&[bad, odd].into()).await;
    let known = stage.sandbox(bad).unwrap();
    assert_eq!(known.facts.config_hash, None);
    assert_eq!(stage.sandbox(odd).unwrap().facts.scope, Scope::Unknown);
    // Its events are as long, and followed all the same.
    daemon.docker(&["exec", "-d", "bad", "sleep", "1000"]).await;
    let has_exec = |view: &sandbox::View| {
        let mut shown = view.sandboxes.iter();
        shown.any(|shown| !shown.sandbox.execs.is_empty())
    };
    stage.until("an exec is seen", has_exec).await;
    stage.end().await;
}

crate::on_both!(
    a_started_container_is_in_the_inventory,
    execs_and_measures_are_seen,
    labels_with_bad_values_harm_nobody,
);
