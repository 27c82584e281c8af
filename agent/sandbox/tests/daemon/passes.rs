//! A pass removes just what a dry one says, and what the daemon refuses is taken for what it means.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{
    Activity, Force, Happening, KeeperError, Limits, Mode, Past, Reason, Request, Target, Why,
};

use crate::stage::{PATIENCE, Stage, containers, quiet, sandbox, zero};
use crate::support::{Daemon, IMAGE, Version};

async fn a_dry_pass_says_what_a_pass_does(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let mut ids = Vec::new();
    for name in ["aa", "bb", "cc", "dd"] {
        ids.push(sandbox(&daemon, name, &["-v", "/anonymous"]).await);
    }
    daemon.docker(&["kill", "cc"]).await;
    daemon.exec("dd").await.unwrap();
    let mut settings = quiet();
    settings.limits = Limits {
        max_per_scope: None,
        max_age: Duration::ZERO,
        max_count: Some(2),
        idle: Duration::ZERO,
        ..zero()
    };
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&ids.iter().copied().collect()).await;
    let request = Request::default();
    let dry = stage.handle.pass(Mode::Dry, request).await.unwrap();
    let decided: Vec<_> = dry
        .decided
        .iter()
        .map(|removal| (removal.target.clone(), removal.reason))
        .collect();
    let wanted = [
        (Target::Container(ids[2]), Reason::Exited),
        (Target::Container(ids[0]), Reason::Count),
    ];
    assert_eq!(decided, wanted);
    assert_eq!((dry.seen, dry.kept, dry.removed_count()), (4, 4, 0));
    assert_eq!(containers(&daemon).await.len(), 4);

    let mut happenings = stage.handle.events();
    let real = stage.handle.pass(Mode::Real, request).await.unwrap();
    assert_eq!(real.decided, dry.decided);
    assert_eq!((real.seen, real.kept, real.failures), (4, 2, 0));
    assert_eq!(real.removed[&("container", Reason::Exited)], 1);
    assert_eq!(real.removed[&("container", Reason::Count)], 1);
    let left: BTreeSet<_> = [ids[1], ids[3]].into();
    assert_eq!(containers(&daemon).await, left);
    let mut removed = Vec::new();
    while removed.len() < 2 {
        if let Happening::Removed { target, reason, .. } = happenings.recv().await.unwrap() {
            removed.push((target, reason));
        }
    }
    assert_eq!(removed, wanted);
    stage.until_ids(&left).await;
    let volumes = daemon.docker(&["volume", "ls", "-q"]).await;
    assert_eq!(volumes.lines().count(), 2, "{volumes}");
    stage.end().await;
}

async fn an_operator_removes_one_unless_something_runs_in_it(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let quiet_one = sandbox(&daemon, "quiet", &[]).await;
    let busy = sandbox(&daemon, "busy", &[]).await;
    let exec = daemon.exec("busy").await.unwrap();
    let stage = Stage::begin(&daemon, quiet());
    stage.until_ids(&[quiet_one, busy].into()).await;
    stage.handle.remove(quiet_one, Force::No).await.unwrap();
    let refused = stage.handle.remove(busy, Force::No).await.unwrap_err();
    assert!(
        matches!(refused, KeeperError::Live(Why::Exec)),
        "{refused:?}"
    );
    assert!(daemon.runs(&exec).await);
    let unknown = stage.handle.remove(quiet_one, Force::No).await.unwrap_err();
    assert!(matches!(unknown, KeeperError::Unknown(_)), "{unknown:?}");
    stage.handle.remove(busy, Force::ByName).await.unwrap();
    assert_eq!(containers(&daemon).await, BTreeSet::new());
    stage.end().await;
}

async fn what_another_removes_at_the_same_time_is_no_failure(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let mut ids = BTreeSet::new();
    for name in ["aa", "bb", "cc", "dd", "ee", "ff"] {
        ids.insert(sandbox(&daemon, name, &[]).await);
    }
    let mut settings = quiet();
    settings.limits = zero();
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&ids).await;
    let others = daemon.try_docker(&["rm", "-f", "aa", "bb", "cc", "dd", "ee", "ff"]);
    let pass = stage.handle.pass(Mode::Real, Request::default());
    let (_, report) = tokio::join!(others, pass);
    let report = report.unwrap();
    assert_eq!(report.failures, 0, "{report:#?}");
    stage.until_ids(&BTreeSet::new()).await;
    assert_eq!(containers(&daemon).await, BTreeSet::new());
    stage.end().await;
}

async fn orphans_go_and_unknown_scopes_stay(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let gone = sandbox(&daemon, "gone", &[]).await;
    let known = sandbox(&daemon, "known", &[]).await;
    let odd = ["--label", "openclaw.sessionKey=odd"];
    let odd = sandbox(&daemon, "odd", &odd).await;
    let active = sandbox(&daemon, "active", &[]).await;
    let mut settings = quiet();
    settings.limits = Limits {
        // As long as an answer counts, and as long as an orphan is left alone.
        orphan_grace: Duration::from_secs(3),
        live_after: Duration::ZERO,
        creating_grace: Duration::ZERO,
        ..Limits::default()
    };
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&[gone, known, odd, active].into()).await;
    let request = Request::default();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let unasked = stage.handle.pass(Mode::Real, request).await.unwrap();
    assert_eq!(unasked.decided, [], "nobody knows the sessions");

    let known_keys = vec!["agent:main:known".to_owned()];
    let active_keys = vec!["agent:main:active".to_owned()];
    *stage.gateway.sessions.lock().unwrap() = Some((known_keys, active_keys));
    let began = tokio::time::Instant::now();
    let report = loop {
        let report = stage.handle.pass(Mode::Real, request).await.unwrap();
        if report.removed_count() > 0 || began.elapsed() > PATIENCE {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    assert_eq!(report.decided.len(), 1, "{report:#?}");
    assert_eq!(report.decided[0].reason, Reason::Orphan);
    assert_eq!(containers(&daemon).await, [known, odd, active].into());
    stage.end().await;
}

async fn activity_is_kept_over_a_restart(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let id = sandbox(&daemon, "one", &[]).await;
    let state = daemon.folder().join("state");
    std::fs::create_dir(&state).unwrap();
    let socket = daemon.socket();
    let first = Stage::with(&socket, quiet(), None, Past::read(&state));
    first.until_ids(&[id].into()).await;
    let known = first.sandbox(id).unwrap();
    first.end().await;

    tokio::time::sleep(Duration::from_secs(1)).await;
    let past = Past::read(&state);
    let clock = past.clock();
    let activity = Activity::new(move || clock.now());
    let second = Stage::with(&socket, quiet(), Some(activity), past);
    second.until_ids(&[id].into()).await;
    let kept = second.sandbox(id).unwrap();
    assert_eq!(kept.created, known.created);
    assert_eq!(kept.last_active, known.last_active);
    second.end().await;
}

crate::on_both!(
    a_dry_pass_says_what_a_pass_does,
    an_operator_removes_one_unless_something_runs_in_it,
    what_another_removes_at_the_same_time_is_no_failure,
    orphans_go_and_unknown_scopes_stay,
    activity_is_kept_over_a_restart,
);
