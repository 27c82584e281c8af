//! Inotify is used up: polling, said so, until there is some again.
//!
//! The limits are lowered in a user namespace of the test's own, so that nobody else meets them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use watch::{Mode, Settings, Watcher};

const INSIDE: &str = "PILOTFISH_TEST_IN_NAMESPACE";
const INSTANCES: &str = "/proc/sys/user/max_inotify_instances";
const WATCHES: &str = "/proc/sys/user/max_inotify_watches";

/// Runs the named test again in a new user namespace; tells the one that is inside to go on.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare must be installed");
    assert!(status.success(), "{test} failed inside its namespace");
    false
}

fn limit(file: &str, value: &str) {
    fs::write(file, value)
        .unwrap_or_else(|error| panic!("this test must be allowed to write {file}: {error}"));
}

fn settings() -> Settings {
    Settings {
        poll_interval: Duration::from_millis(50),
        resync_interval: Duration::from_millis(400),
    }
}

fn why(watcher: &Watcher) -> Option<String> {
    match &watcher.modes()[0].1 {
        Mode::Inotify => None,
        Mode::Polling { why } => Some(why.clone()),
    }
}

async fn is_seen(watcher: &mut Watcher, file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    let change = timeout(Duration::from_secs(1), watcher.changed()).await;
    assert!(
        change
            .unwrap_or_else(|_| panic!("{text} is not seen"))
            .contains(0)
    );
}

/// Lets time pass for a resync; nothing changes meanwhile.
async fn resync(watcher: &mut Watcher) {
    let change = timeout(Duration::from_millis(600), watcher.changed()).await;
    assert!(change.is_err(), "told of a change where there was none");
}

#[tokio::test]
async fn without_an_instance_paths_are_polled_until_there_is_one() {
    if !inside("without_an_instance_paths_are_polled_until_there_is_one") {
        return;
    }
    let dir = TempDir::new().unwrap();
    limit(INSTANCES, "0");
    let mut watcher = Watcher::start(vec![dir.path().into()], settings());
    let reason = why(&watcher).expect("polling");
    assert!(reason.contains("max_user_instances"), "{reason}");
    is_seen(&mut watcher, &dir.path().join("a"), "polled").await;
    resync(&mut watcher).await;
    assert!(why(&watcher).is_some());

    fs::remove_dir_all(dir.path()).unwrap();
    assert!(
        timeout(Duration::from_secs(1), watcher.changed())
            .await
            .is_ok(),
        "removed"
    );
    fs::create_dir(dir.path()).unwrap();
    assert!(
        timeout(Duration::from_secs(1), watcher.changed())
            .await
            .is_ok(),
        "made again"
    );

    limit(INSTANCES, "10");
    resync(&mut watcher).await;
    assert_eq!(why(&watcher), None);
    is_seen(&mut watcher, &dir.path().join("a"), "told").await;
}

#[tokio::test]
async fn without_a_watch_paths_are_polled_until_there_is_one() {
    if !inside("without_a_watch_paths_are_polled_until_there_is_one") {
        return;
    }
    let dir = TempDir::new().unwrap();
    limit(WATCHES, "1");
    let mut watcher = Watcher::start(vec![dir.path().into()], settings());
    let reason = why(&watcher).expect("polling");
    assert!(reason.contains("max_user_watches"), "{reason}");
    is_seen(&mut watcher, &dir.path().join("a"), "polled").await;
    limit(WATCHES, "100");
    resync(&mut watcher).await;
    assert_eq!(why(&watcher), None);
    is_seen(&mut watcher, &dir.path().join("a"), "told").await;
}
