//! Orphans of the child become ours, and are collected without stealing anybody's exit code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::process::{Command as Shell, Stdio};
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

#[tokio::test]
async fn as_process_one_it_reaps_and_drains() {
    stage::need_root();
    let stage = Stage::new();
    let script = "for i in 1 2 3; do (sleep 0.2 &); done; sleep 2; \
                  ps -eo stat= | grep -c Z > $STAGE/zombies; echo up; exec sleep 60";
    let mut outer = Shell::new("unshare")
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(stage::example())
        .arg(stage.path(""))
        .args(["--", "sh", "-c", script])
        .env("STAGE", stage.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("up", || stage.spool().contains("up")).await;
    assert_eq!(stage.lines("zombies"), ["0"]);
    let first = format!("/proc/{0}/task/{0}/children", outer.id());
    let inner = std::fs::read_to_string(first)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    stage::send(inner, nix::sys::signal::Signal::SIGTERM);
    assert!(outer.wait().unwrap().success());
}

/// Old kernels and tight sandboxes have none of these; then it is looked at by the clock.
#[tokio::test]
async fn without_pidfd_and_inotify_nothing_is_lost_but_time() {
    let stage = Stage::new();
    let script = "echo $PPID >> $STAGE/starts; echo word; exit 7";
    let outer = Shell::new("strace")
        .args([
            "-f",
            "-o",
            "/dev/null",
            "-e",
            "trace=pidfd_open,inotify_init1",
        ])
        .args(["-e", "inject=pidfd_open:error=ENOSYS"])
        .args(["-e", "inject=inotify_init1:error=EMFILE"])
        .arg(stage::example())
        .arg(stage.path(""))
        .args(["--", "sh", "-c", script])
        .env("STAGE", stage.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("two starts", || stage.lines("starts").len() == 2).await;
    let inner = stage.lines("starts")[0].parse().unwrap();
    stage::send(inner, nix::sys::signal::Signal::SIGTERM);
    let output = outer.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "word\nword\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Code(7)"));
}
