//! When nothing happens, nothing runs. Alone in its process, since it counts what the whole process does.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;
use watch::{Settings, Watcher};

/// How often the threads of this process have gone to sleep so far: each time they had been woken before.
fn sleeps() -> u64 {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    threads
        .map(|thread| {
            let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("voluntary_ctxt_switches"));
            line.unwrap()
                .split_whitespace()
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
        .sum()
}

#[tokio::test]
async fn an_idle_watcher_sleeps() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("layers");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a"), "1").unwrap();
    let missing = home.path().join("missing/deep");
    let mut watcher = Watcher::start(
        vec![dir.clone(), dir.join("a"), missing],
        Settings::default(),
    );
    let _ = timeout(Duration::from_millis(200), watcher.changed()).await;
    let before = sleeps();
    assert!(
        timeout(Duration::from_secs(3), watcher.changed())
            .await
            .is_err()
    );
    // One for our own timeout, and a little for the test harness.
    let woken = sleeps() - before;
    assert!(woken <= 4, "woken {woken} times in 3 s");
}
