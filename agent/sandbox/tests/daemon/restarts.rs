//! A daemon that is killed and started again, frozen, or never there.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use nix::sys::signal::Signal;
use sandbox::{Daemon as Seen, KeeperError, Meaning, Mode, Past, Request, View};
use tokio::net::UnixListener;

use crate::stage::{Stage, containers, quiet, sandbox};
use crate::support::{Daemon, IMAGE, Version, api};

fn is_down(view: &View) -> bool {
    matches!(view.daemon, Seen::Down { .. })
}

/// Makes and removes sandboxes for ever, whatever becomes of them.
async fn come_and_go(socket: &Path, made: &Mutex<usize>) {
    let body = format!(
        r#"{{"Image":"{IMAGE}","StopSignal":"KILL","HostConfig":{{"NetworkMode":"none"}},
        "Labels":{{"openclaw.sandbox":"1","openclaw.sessionKey":"agent:main:x"}}}}"#
    );
    for number in 0_usize.. {
        let name = format!("come-{number}");
        let old = format!("come-{}", number.saturating_sub(2));
        for (method, path, body) in [
            (
                "POST",
                format!("/containers/create?name={name}"),
                body.as_str(),
            ),
            ("POST", format!("/containers/{name}/start"), ""),
            ("DELETE", format!("/containers/{old}?force=1"), ""),
        ] {
            if let Some((201 | 204, _)) = try_api(socket, method, &path, body).await {
                *made.lock().unwrap() += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn try_api(socket: &Path, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let ask = crate::support::try_api(socket, method, path, body);
    tokio::time::timeout(Duration::from_secs(10), ask)
        .await
        .ok()?
}

async fn a_killed_daemon_is_known_again(version: Version) {
    let mut daemon = Daemon::start(version);
    daemon.import(IMAGE);
    for name in ["one", "two", "three"] {
        sandbox(&daemon, name, &[]).await;
    }
    let stage = Stage::begin(&daemon, quiet());
    stage.until_ids(&containers(&daemon).await).await;
    let socket = daemon.socket();
    for _ in 0..3 {
        let made = Mutex::new(0);
        tokio::select! {
            () = come_and_go(&socket, &made) => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        assert!(*made.lock().unwrap() > 0);
        daemon.kill();
        stage.until("it is lost", is_down).await;
        let refused = stage.handle.pass(Mode::Dry, Request::default()).await;
        assert!(matches!(refused, Err(KeeperError::DaemonDown { .. })));
        daemon.launch();
        let took = stage.until_ids(&containers(&daemon).await).await;
        println!("{version:?}: the inventory is right {took:?} after the daemon is back");
    }
    stage.end().await;
}

async fn a_frozen_daemon_is_noticed(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let mut settings = quiet();
    settings.quiet = Duration::from_millis(500);
    let stage = Stage::begin(&daemon, settings);
    stage.up().await;
    daemon.signal(Signal::SIGSTOP);
    stage.until("it is lost", is_down).await;
    daemon.signal(Signal::SIGCONT);
    stage.up().await;
    let id = sandbox(&daemon, "one", &[]).await;
    stage.until_ids(&[id].into()).await;
    stage.end().await;
}

crate::on_both!(a_killed_daemon_is_known_again, a_frozen_daemon_is_noticed);

#[tokio::test]
async fn a_daemon_that_never_answers_is_down_and_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let stage = Stage::with(&socket, quiet(), None, Past::none());
    let hold = async {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    };
    let down = stage.until("it counts as down", is_down);
    tokio::select! {
        () = hold => {}
        _ = down => {}
    }
    let refused = stage.handle.pass(Mode::Real, Request::default()).await;
    let Err(KeeperError::DaemonDown { why }) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains(Meaning::Timeout.as_str()), "{why}");
    stage.end().await;
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_awaited() {
    let mut daemon = Daemon::start(Version::Oldest);
    daemon.kill();
    std::fs::remove_file(daemon.socket()).unwrap();
    let stage = Stage::begin(&daemon, quiet());
    stage.until("it counts as down", is_down).await;
    daemon.launch();
    stage.up().await;
    let (status, _) = api(&daemon.socket(), "GET", "/_ping", "").await;
    assert_eq!(status, 200);
    stage.end().await;
}
