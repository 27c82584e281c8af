//! What others have on the daemon is still there after everything.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{ImageLimits, Limits, Mode, Reason, Request};

use crate::stage::{Stage, quiet, sandbox, zero};
use crate::support::{Daemon, IMAGE, Version};

/// All that there is, as the client names it.
async fn everything(daemon: &Daemon) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for list in [
        &["ps", "-a", "--format", "container {{.Names}}"][..],
        &["images", "-a", "--format", "image {{.Repository}}:{{.Tag}}"],
        &["volume", "ls", "--format", "volume {{.Name}}"],
        &["network", "ls", "--format", "network {{.Name}}"],
    ] {
        let lines = daemon.docker(list).await;
        all.extend(lines.lines().map(str::to_owned));
    }
    all
}

/// Things of others, of every kind and in every state.
async fn furnish(daemon: &Daemon) {
    daemon.import("foreign:one");
    daemon.import("openclaw-sandbox:used-by-others");
    daemon.import("foreign:unused");
    daemon.import("foreign:lost");
    daemon.docker(&["rmi", "foreign:lost"]).await;
    daemon.docker(&["volume", "create", "named"]).await;
    daemon.docker(&["network", "create", "theirs"]).await;
    let run = ["run", "-d", "--stop-signal", "KILL", "--name"];
    let none = ["--network", "none"];
    for (name, more, image) in [
        (
            "running",
            &["-v", "named:/n", "-v", "/anonymous"][..],
            "foreign:one",
        ),
        ("ended", &["-v", "/anonymous"], "foreign:one"),
        (
            "labelled",
            &["--label", "openclaw.sandbox=0"],
            "foreign:one",
        ),
        ("borrower", &[], "openclaw-sandbox:used-by-others"),
    ] {
        daemon
            .docker(&[&run[..], &[name], &none, more, &[image]].concat())
            .await;
    }
    daemon.docker(&["kill", "ended", "borrower"]).await;
}

async fn what_is_not_ours_is_still_there(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    furnish(&daemon).await;
    let theirs = everything(&daemon).await;

    daemon.import("openclaw-sandbox:old");
    daemon.docker(&["network", "create", "ours"]).await;
    daemon.docker(&["volume", "create", "kept"]).await;
    let more = ["-v", "/anonymous", "-v", "kept:/k", "--network", "ours"];
    let (one, two) = (
        sandbox(&daemon, "one", &more).await,
        sandbox(&daemon, "two", &["-v", "/anonymous"]).await,
    );
    daemon.docker(&["kill", "two"]).await;
    // A volume and a network of ours that others use too.
    daemon.docker(&["network", "create", "shared"]).await;
    let shared = ["--network", "shared", "-v", "/anonymous"];
    let three = sandbox(&daemon, "three", &shared).await;
    let run = [
        "run",
        "-d",
        "--stop-signal",
        "KILL",
        "--volumes-from",
        "three",
    ];
    daemon
        .docker(
            &[
                &run[..],
                &["--network", "shared", "--name", "guest", "foreign:one"],
            ]
            .concat(),
        )
        .await;

    let mut settings = quiet();
    settings.limits = Limits {
        images: ImageLimits {
            unused_after: Duration::ZERO,
            ..ImageLimits::default()
        },
        ..zero()
    };
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&[one, two, three].into()).await;
    *stage.gateway.images.lock().unwrap() = Some([IMAGE.to_owned()].into());
    stage.until_looked_at(IMAGE).await;
    let mut reasons = BTreeSet::new();
    for _ in 0..3 {
        let pass = stage.handle.pass(Mode::Real, Request::default());
        let report = pass.await.unwrap();
        assert_eq!(report.failures, 0, "{report:#?}");
        let removed = report.removed.keys();
        reasons.extend(removed.map(|(kind, reason)| (*kind, *reason)));
    }
    let left = everything(&daemon).await;
    let lost: Vec<_> = theirs.difference(&left).collect();
    assert_eq!(lost, Vec::<&String>::new());
    let more: Vec<_> = left.difference(&theirs).map(String::as_str).collect();
    let kept = ["container guest", "network shared", "volume kept"];
    let mut named = more.clone();
    named.retain(|name| !name.starts_with("volume ") || *name == "volume kept");
    assert_eq!(named, kept);
    // The guest's share of the third one's anonymous volume is there too.
    assert_eq!(more.len(), kept.len() + 1, "{more:?}");
    assert!(reasons.contains(&("image", Reason::Unused)), "{reasons:?}");
    assert!(
        reasons.contains(&("network", Reason::Unused)),
        "{reasons:?}"
    );
    assert!(left.contains(&format!("image {IMAGE}")));
    stage.end().await;
}

async fn layers_and_build_cache_go_where_the_daemon_is_ours(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    daemon.import("other:lost");
    let id = daemon
        .docker(&["images", "-q", "--no-trunc", "other:lost"])
        .await;
    daemon.import_archive("other:lost", "root", &crate::support::archive(&[], 1));
    let mut settings = quiet();
    settings.limits = Limits {
        daemon_is_ours: true,
        images: ImageLimits {
            unused_after: Duration::ZERO,
            ..ImageLimits::default()
        },
        ..zero()
    };
    let stage = Stage::begin(&daemon, settings);
    stage.up().await;
    let pass = stage.handle.pass(Mode::Real, Request::default());
    let report = pass.await.unwrap();
    assert_eq!(report.failures, 0, "{report:#?}");
    assert_eq!(
        report.removed[&("layers", Reason::Unused)],
        1,
        "{report:#?}"
    );
    let left = daemon.docker(&["images", "-aq", "--no-trunc"]).await;
    assert!(!left.contains(&id), "{left}");
    assert_eq!(left.lines().count(), 2, "what has a name stays: {left}");
    stage.end().await;
}

crate::on_both!(
    what_is_not_ours_is_still_there,
    layers_and_build_cache_go_where_the_daemon_is_ours,
);
