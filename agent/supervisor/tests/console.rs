//! The spool: bounded, complete while it is shown, and free while nobody speaks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command as Shell, Stdio};
use std::time::Duration;

use stage::{Running, Stage, eventually, need_root};
use supervisor::Settings;

const KIB: u64 = 1024;

async fn stays_bounded(stage: &Stage, mut settings: Settings) -> u64 {
    settings.console.max_bytes = 256 * KIB;
    let spool = settings.console.spool.clone();
    let mut running = Running::started(settings).await;
    running.pid().await;
    eventually("the last line", || {
        running.now().exits > 0 || stage.path("done").exists()
    })
    .await;
    let on_disk = || spool.metadata().unwrap().blocks() * 512;
    eventually("a bounded spool", || on_disk() <= 256 * KIB).await;
    let exit = running.drain().await.last_exit.unwrap();
    assert!(exit.console_tail.len() as u64 <= 8 * KIB);
    assert!(
        exit.console_tail.ends_with("line 40000\n"),
        "{:?}",
        exit.console_tail
    );
    spool.metadata().unwrap().len()
}

/// 40,000 lines of about 60 bytes, then the last once more so that a cut spool holds it.
const TALK: &str = "seq -f 'a line that is made a little longer by this: line %.0f' 1 40000; sleep 3; echo line 40000; touch $STAGE/done; exec sleep 60";

#[tokio::test]
async fn the_spool_is_bounded_by_a_hole_and_positions_never_go_back() {
    let stage = Stage::new();
    let length = stays_bounded(&stage, stage.shell(TALK)).await;
    assert!(length > 2_000_000, "{length}");
}

#[tokio::test]
async fn where_there_are_no_holes_it_is_cut() {
    need_root();
    let stage = Stage::new();
    let dir = stage.dir("ramfs");
    let mount = Shell::new("mount")
        .args(["-t", "ramfs", "none"])
        .arg(&dir)
        .status()
        .unwrap();
    assert!(mount.success());
    let mut settings = stage.shell(TALK);
    settings.console.spool = dir.join("console");
    let length = stays_bounded(&stage, settings).await;
    let umount = Shell::new("umount").arg(&dir).status().unwrap();
    assert!(umount.success() && length < 256 * KIB, "{length}");
}

/// The example with its console shown on a pipe.
struct Shown(Child);

impl Shown {
    fn start(stage: &Stage, script: &str) -> Shown {
        let child = Shell::new(stage::example())
            .arg(stage.path(""))
            .args(["--", "sh", "-c", script])
            .env("STAGE", stage.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Shown(child)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn drain(mut self) -> String {
        stage::send(self.pid(), nix::sys::signal::Signal::SIGTERM);
        let mut text = String::new();
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert!(self.0.wait().unwrap().success());
        text
    }
}

#[tokio::test]
async fn every_line_is_shown_once_and_in_order() {
    let stage = Stage::new();
    let shown = Shown::start(
        &stage,
        "for i in $(seq 1 300); do echo out $i; echo err $i >&2; done; sleep 0.3; printf tail; exec sleep 60",
    );
    eventually("the last word", || stage.spool().ends_with("tail")).await;
    let mut expected: String = (1..=300).map(|i| format!("out {i}\nerr {i}\n")).collect();
    expected.push_str("tail");
    assert_eq!(shown.drain(), expected);
}

#[tokio::test]
async fn a_stalled_reader_of_ours_stalls_neither_the_child_nor_us() {
    let stage = Stage::new();
    let shown = Shown::start(
        &stage,
        "trap 'exit 0' TERM; seq 1 300000; touch $STAGE/done; while :; do sleep 0.1; done",
    );
    eventually("the child goes on", || stage.path("done").exists()).await;
    // Nobody reads the pipe, and yet the drain ends.
    stage::send(shown.pid(), nix::sys::signal::Signal::SIGTERM);
    eventually("the end", || !stage::lives(shown.pid())).await;
    let Shown(mut child) = shown;
    child.wait().unwrap();
}

#[tokio::test]
async fn a_silent_child_costs_nothing() {
    let stage = Stage::new();
    let shown = Shown::start(&stage, "echo up; exec sleep 60");
    eventually("up", || stage.spool().contains("up")).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = wakeups(shown.pid());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let woken = wakeups(shown.pid()) - before;
    assert!(woken <= 1, "{woken} wakeups in 5 s");
    shown.drain();
}

fn wakeups(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .map(|text| {
            let line = text
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
