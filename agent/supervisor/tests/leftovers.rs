//! What a child leaves behind has ended before the next one starts; what left its session lives on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::time::Duration;

use nix::sys::signal::Signal::SIGKILL;
use stage::{Running, Stage, eventually, lives, send};
use supervisor::Command;

/// Notes itself, and who of its predecessors' helpers is alive; then starts helpers.
fn script(helper: &str) -> String {
    format!(
        "for pid in $(cat $STAGE/helpers 2>/dev/null); do case $(ps -o stat= -p $pid) in ''|Z*) ;; *) echo $pid >> $STAGE/beside ;; esac; done; \
         ({helper}) & echo $! >> $STAGE/helpers; echo $$ >> $STAGE/starts; wait"
    )
}

fn helpers(stage: &Stage) -> Vec<i32> {
    let numbers = stage.lines("helpers");
    numbers.iter().map(|pid| pid.parse().unwrap()).collect()
}

/// A helper that says so when it has taken its measures.
async fn ready(stage: &Stage, count: usize) {
    eventually("the helper", || {
        stage.lines("ready").len() == count && stage.lines("starts").len() == count
    })
    .await;
}

#[tokio::test]
async fn helpers_of_a_killed_child_end_before_the_next_start() {
    for helper in [
        "echo up >> $STAGE/ready; exec sleep 600",
        "trap '' TERM; echo up >> $STAGE/ready; while :; do sleep 0.1; done",
    ] {
        let stage = Stage::new();
        let mut running = Running::started(stage.shell(&script(helper))).await;
        let first = running.pid().await;
        ready(&stage, 1).await;
        send(first, SIGKILL);
        running.until("the second", |s| s.starts == 2).await;
        ready(&stage, 2).await;
        assert_eq!(stage.lines("beside"), [""; 0], "{helper}");
        let helpers = helpers(&stage);
        assert!(!lives(helpers[0]) && lives(helpers[1]), "{helper}");
        running.drain().await;
        assert!(!lives(helpers[1]), "a drain leaves nothing: {helper}");
    }
}

#[tokio::test]
async fn helpers_end_with_a_restart_and_with_a_child_that_ends_by_itself() {
    let stage = Stage::new();
    let helper = "echo up >> $STAGE/ready; exec sleep 600";
    let mut running = Running::started(stage.shell(&script(helper))).await;
    ready(&stage, 1).await;
    let why = "a test".to_owned();
    let budget = Duration::from_secs(20);
    running.tell(Command::Restart { why, budget }).await;
    running.until("the second", |s| s.starts == 2).await;
    ready(&stage, 2).await;
    assert_eq!(stage.lines("beside"), [""; 0]);
    running.drain().await;

    let stage = Stage::new();
    let mut settings = stage.shell("sleep 600 & echo $! >> $STAGE/helpers; exit 1");
    settings.backoff_first = Duration::from_secs(600);
    settings.backoff_longest = Duration::from_secs(600);
    let mut running = Running::started(settings).await;
    running.exit(1).await;
    eventually("its end", || !lives(helpers(&stage)[0])).await;
    assert_eq!(running.now().starts, 1, "in the pause, not at its end");
    running.drain().await;
}

#[tokio::test]
async fn a_signal_for_the_child_is_not_for_its_helpers() {
    let stage = Stage::new();
    let script = "sleep 600 & echo $! > $STAGE/helpers; trap 'echo again' USR2; echo up; while :; do wait; done";
    let mut running = Running::started(stage.shell(script)).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    running
        .tell(Command::Signal(supervisor::Signal::User2))
        .await;
    eventually("the signal", || stage.spool().contains("again")).await;
    assert!(lives(helpers(&stage)[0]));
    running.tell(Command::Hurry).await;
    running.end().await.0.unwrap();
    assert!(!lives(helpers(&stage)[0]));
}

#[tokio::test]
async fn a_daemon_lives_on() {
    let stage = Stage::new();
    let script = "setsid sh -c 'echo $$ > $STAGE/helpers; exec sleep 600' & wait";
    let running = Running::started(stage.shell(script)).await;
    eventually("the daemon", || !stage.lines("helpers").is_empty()).await;
    running.drain().await;
    let daemon = helpers(&stage)[0];
    assert!(lives(daemon));
    send(daemon, SIGKILL);
}

#[tokio::test]
async fn helpers_of_an_adopted_child_live_with_it_and_end_after_it() {
    let stage = Stage::new();
    let helper = "echo up >> $STAGE/ready; exec sleep 600";
    let mut supervisor = std::process::Command::new(stage::example())
        .arg(stage.path(""))
        .args(["--", "sh", "-c", &script(helper)])
        .env("STAGE", stage.path(""))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    ready(&stage, 1).await;
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();

    let settings = stage.shell(&script(helper));
    assert!(supervisor::left_alive(&settings));
    let mut running = Running::held(settings.clone());
    let adopted = running.pid().await;
    running.tell(Command::Start).await;
    assert!(lives(adopted) && lives(helpers(&stage)[0]));
    send(adopted, SIGKILL);
    running.until("its own", |s| s.starts == 1).await;
    ready(&stage, 2).await;
    assert_eq!(stage.lines("beside"), [""; 0]);
    assert!(!lives(helpers(&stage)[0]));
    running.drain().await;
    assert!(!supervisor::left_alive(&settings));
}
