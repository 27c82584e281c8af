//! A supervisor that is killed leaves a child that lives on, and a successor that finds it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command as Shell, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal::SIGKILL;
use stage::{Running, Stage, eventually, lives, send};
use supervisor::{Command, How, State};

/// A child that counts its starts, and says something again and again.
const TALKER: &str = "echo $$ >> $STAGE/starts; trap 'echo bye; exit 0' TERM; while :; do echo tick; sleep 0.1; done";

fn supervise(stage: &Stage, script: &str) -> Child {
    Shell::new(stage::example())
        .arg(stage.path(""))
        .args(["--", "sh", "-c", script])
        .env("STAGE", stage.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill(mut supervisor: Child) {
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
}

async fn orphan(stage: &Stage, script: &str) -> i32 {
    let supervisor = supervise(stage, script);
    eventually("the child", || !stage.lines("starts").is_empty()).await;
    kill(supervisor);
    stage.lines("starts")[0].parse().unwrap()
}

#[tokio::test]
async fn the_child_outlives_a_killed_supervisor_and_is_adopted() {
    let stage = Stage::new();
    let pid = orphan(&stage, TALKER).await;
    assert!(lives(pid));
    let before = stage.spool().len();
    eventually("it talks on", || stage.spool().len() > before + 20).await;

    let mut running = Running::held(stage.shell(TALKER));
    assert_eq!(running.pid().await, pid);
    let status = running.now();
    assert!(
        matches!(status.state, State::Running { adopted: true, .. }),
        "{status:?}"
    );
    if let State::Running { since, .. } = status.state {
        assert!(since.elapsed().unwrap() < Duration::from_secs(60));
    }
    assert_eq!(status.starts, 0);
    let status = running.drain().await;
    let exit = status.last_exit.unwrap();
    assert_eq!((exit.how, exit.pid, exit.asked), (How::Unknown, pid, true));
    assert!(
        exit.console_tail.ends_with("bye\n"),
        "{}",
        exit.console_tail
    );
    assert!(!lives(pid));
    assert_eq!(stage.lines("starts").len(), 1);
}

#[tokio::test]
async fn its_own_starts_only_when_the_adopted_one_has_ended() {
    let stage = Stage::new();
    let pid = orphan(&stage, TALKER).await;
    let mut running = Running::held(stage.shell(TALKER));
    running.pid().await;
    running.tell(Command::Start).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.lines("starts").len(), 1);
    send(pid, SIGKILL);
    assert_eq!(running.exit(1).await.how, How::Unknown);
    running.until("its own", |status| status.starts == 1).await;
    assert_ne!(running.pid().await, pid);
    eventually("its word", || stage.lines("starts").len() == 2).await;
    running.drain().await;
}

#[tokio::test]
async fn an_adopted_child_is_restarted_and_forced_like_our_own() {
    let stage = Stage::new();
    let script = "echo $$ >> $STAGE/starts; trap '' TERM; while :; do sleep 0.1; done";
    let pid = orphan(&stage, script).await;
    let mut running = Running::held(stage.shell(script));
    assert_eq!(running.pid().await, pid);
    let budget = Duration::from_millis(300);
    running
        .tell(Command::Restart {
            why: "a test".into(),
            budget,
        })
        .await;
    assert!(running.exit(1).await.asked);
    running.until("its own", |status| status.starts == 1).await;
    running.tell(Command::Hurry).await;
    running.end().await.0.unwrap();
}

#[tokio::test]
async fn a_child_that_ended_meanwhile_is_not_adopted() {
    let stage = Stage::new();
    let pid = orphan(&stage, TALKER).await;
    send(pid, SIGKILL);
    eventually("its end", || !lives(pid)).await;
    let running = Running::held(stage.shell(TALKER));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(running.now().state, State::Held);
    running.drain().await;
}

#[tokio::test]
async fn nothing_follows_an_adopted_child_before_a_start() {
    let stage = Stage::new();
    let pid = orphan(&stage, TALKER).await;
    let mut running = Running::held(stage.shell(TALKER));
    running.pid().await;
    send(pid, SIGKILL);
    running.exit(1).await;
    running
        .until("held", |status| status.state == State::Held)
        .await;
    assert_eq!(running.drain().await.starts, 0);
}

/// Whatever the moment of the kill, there is never a second child beside the first.
#[tokio::test]
async fn kills_at_any_moment_never_make_two_children() {
    let stage = Stage::new();
    for round in 0..60_u64 {
        let supervisor = supervise(&stage, TALKER);
        tokio::time::sleep(Duration::from_micros(round * 500)).await;
        kill(supervisor);
        // A third of the rounds ends the child as well, so that there are starts to be hit.
        if round % 3 == 0 {
            for pid in stage.lines("starts") {
                let _ = nix::sys::signal::kill(
                    nix::unistd::Pid::from_raw(pid.parse().unwrap()),
                    SIGKILL,
                );
            }
        }
        let alive = alive(&stage);
        assert!(alive.len() <= 1, "round {round}: {alive:?}");
    }
    let mut running = Running::started(stage.shell(TALKER)).await;
    running.pid().await;
    eventually("exactly one", || alive(&stage).len() == 1).await;
    running.drain().await;
    eventually("none", || alive(&stage).is_empty()).await;
}

fn alive(stage: &Stage) -> Vec<String> {
    let mut pids = stage.lines("starts");
    pids.retain(|pid| lives(pid.parse().unwrap()));
    pids
}

/// Killed at each system call of a start, not at some moments: a child that runs is on record.
#[tokio::test]
async fn a_child_that_runs_is_on_record_whatever_call_was_the_last() {
    let mut kills = 0;
    for call in "clone3 vfork write fsync fdatasync renameat2 renameat openat pidfd_open".split(' ')
    {
        for number in 1..=60 {
            let stage = Stage::new();
            // With -D what is spawned is the supervisor itself, and strace goes aside.
            let mut supervisor = Shell::new("strace")
                .args(["-D", "-o", "/dev/null", "-e"])
                .arg(format!("inject={call}:signal=KILL:when={number}"))
                .arg(stage::example())
                .arg(stage.path(""))
                .args(["--", "sh", "-c", "echo $$ > $STAGE/starts; exec sleep 60"])
                .env("STAGE", stage.path(""))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut killed = None;
            eventually("a start or a kill", || {
                killed = supervisor.try_wait().unwrap();
                killed.is_some() || !stage.lines("starts").is_empty()
            })
            .await;
            // One that was let through just before the kill has still to say so.
            tokio::time::sleep(Duration::from_millis(if killed.is_some() {
                100
            } else {
                0
            }))
            .await;
            for pid in alive(&stage) {
                let record = std::fs::read_to_string(stage.path("child.json")).unwrap_or_default();
                assert!(
                    record.contains(&format!("\"pid\":{pid},")),
                    "{call} {number}: {record:?}"
                );
                send(pid.parse().unwrap(), SIGKILL);
            }
            let Some(status) = killed else {
                // The call was not made so often: the start is over.
                kill(supervisor);
                break;
            };
            assert_eq!(status.signal(), Some(9), "{call} {number}");
            kills += 1;
        }
    }
    assert!(kills > 20, "only {kills} kills");
}
