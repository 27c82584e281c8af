//! Orphans of the child become ours, and are collected without stealing anybody's exit code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::time::{Duration, Instant};

use stage::{Running, Stage, eventually, state_of};

#[tokio::test]
async fn orphans_are_gone_within_a_second_of_their_end() {
    let stage = Stage::new();
    let script = "for i in 1 2 3 4 5; do (sh -c 'echo $$ >> $STAGE/orphans; sleep 1' &) ; done; exec sleep 60";
    let mut running = Running::started(stage.shell(script)).await;
    let pid = running.pid().await;
    eventually("five orphans", || stage.lines("orphans").len() == 5).await;
    let orphans: Vec<i32> = stage
        .lines("orphans")
        .iter()
        .map(|n| n.parse().unwrap())
        .collect();
    let me = std::process::id().to_string();
    let parents: Vec<String> = orphans
        .iter()
        .map(|pid| stage::status_line(*pid, "PPid"))
        .collect();
    assert!(
        parents.iter().all(|parent| *parent == me),
        "{parents:?} are not ours"
    );

    eventually("their end", || {
        orphans
            .iter()
            .all(|pid| matches!(state_of(*pid), None | Some('Z')))
    })
    .await;
    let ended = Instant::now();
    eventually("nothing left of them", || {
        orphans.iter().all(|pid| state_of(*pid).is_none())
    })
    .await;
    assert!(
        ended.elapsed() < Duration::from_millis(1000),
        "{:?}",
        ended.elapsed()
    );
    assert!(stage::lives(pid));
    running.drain().await;
}

#[tokio::test]
async fn exit_codes_of_other_children_are_not_stolen() {
    let stage = Stage::new();
    let mut running = Running::started(stage.shell("while :; do (true &); sleep 0.05; done")).await;
    running.pid().await;
    for code in 0..40 {
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", &format!("sleep 0.0{}; exit {code}", code % 10)])
            .spawn()
            .unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(code));
    }
    running.drain().await;
}

#[tokio::test]
async fn the_exit_code_of_the_child_itself_is_never_lost() {
    let stage = Stage::new();
    let mut settings = stage.shell("(true &); (true &); exit 42");
    settings.backoff_first = Duration::from_millis(1);
    settings.backoff_longest = Duration::from_millis(1);
    let mut running = Running::started(settings).await;
    for number in 1..=40 {
        let status = running
            .until("an exit", |status| status.exits >= number)
            .await;
        assert_eq!(status.last_exit.unwrap().how, supervisor::How::Code(42));
    }
    running.drain().await;
}
