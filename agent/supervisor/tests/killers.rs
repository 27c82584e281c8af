//! Who killed the child: we, the kernel for want of memory, its own fault, or somebody else.
//! What is about memory needs root, and a memory controller of version 1 or 2.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Shell, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use stage::{Running, Stage, eventually, send};
use supervisor::{Command, How, Killer, OomKill, Settings};

const LIMIT: u64 = 64 * 1024 * 1024;
const LOOK: Duration = Duration::from_millis(50);

/// A control group with a limit, gone at the end.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Group {
        stage::need_root();
        let root = Path::new("/sys/fs/cgroup");
        let (root, limit) = match root.join("cgroup.controllers").exists() {
            true => (root.to_owned(), "memory.max"),
            false => (root.join("memory"), "memory.limit_in_bytes"),
        };
        let group = Group(root.join(format!("pilotfish-{name}-{}", std::process::id())));
        fs::create_dir(&group.0).unwrap_or_else(|e| panic!("{}: {e}", group.0.display()));
        fs::write(group.0.join(limit), LIMIT.to_string()).unwrap();
        group
    }

    /// The words of a shell that enter it.
    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }

    /// Has another process of the group killed by the kernel.
    fn kill_another(&self) {
        let script = format!("{} && exec tail /dev/zero", self.enter());
        let ended = Shell::new("sh").args(["-c", &script]).status().unwrap();
        assert!(!ended.success());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// A child that enters the group and then waits to be told to use all memory.
fn greedy(stage: &Stage, group: &Group) -> Settings {
    let script = format!(
        "{}; while ! test -e $STAGE/go; do sleep 0.05; done; exec tail /dev/zero",
        group.enter()
    );
    let mut settings = stage.shell(&script);
    settings.look = LOOK;
    settings.backoff_first = Duration::from_secs(60);
    settings
}

/// Waits until the supervisor has seen the child in the group.
async fn seen_inside(running: &mut Running) {
    running
        .until("the child in its group", |status| {
            let limit = status.group.as_ref().and_then(|g| g.memory().limit_bytes);
            limit == Some(LIMIT)
        })
        .await;
}

#[tokio::test]
async fn the_kernel_kills_a_child_for_want_of_memory() {
    let (stage, group) = (Stage::new(), Group::new("child"));
    let mut running = Running::started(greedy(&stage, &group)).await;
    seen_inside(&mut running).await;
    fs::write(stage.path("go"), "").unwrap();
    let exit = running.exit(1).await;
    let Some(Killer::Oom(OomKill {
        limit_bytes,
        used_bytes: Some(used),
    })) = exit.killer
    else {
        panic!("{exit:?}");
    };
    assert_eq!((exit.how, limit_bytes), (How::Signal(9), Some(LIMIT)));
    assert!(used > 0 && used <= LIMIT, "{used}");
    assert!(!exit.asked);
    assert_eq!(running.now().group, None);
    running.drain().await;
}

/// As in one container: the supervisor is in the group of its child, and lives on.
#[tokio::test]
async fn in_one_group_the_kernel_kills_the_child_and_it_is_told() {
    let (stage, group) = (Stage::new(), Group::new("both"));
    let script = format!("{}; exec \"$@\"", group.enter());
    let child = "echo $PPID > $STAGE/supervisor; exec tail /dev/zero";
    let outer = Shell::new("sh")
        .args(["-c", &script, "sh"])
        .arg(stage::example())
        .arg(stage.path(""))
        .args(["--", "sh", "-c", child])
        .env("STAGE", stage.path(""))
        .stdout(Stdio::null())
        .stderr(fs::File::create(stage.path("said")).unwrap())
        .spawn();
    let mut outer = outer.unwrap();
    let told = "Some(Signal(9)) by Some(Oom(OomKill { limit_bytes: Some(67108864)";
    eventually("the kill", || stage.lines("said").join("").contains(told)).await;
    let supervisor = stage.lines("supervisor")[0].parse().unwrap();
    send(supervisor, Signal::SIGTERM);
    assert!(outer.wait().unwrap().success());
}

#[tokio::test]
async fn an_older_kill_of_another_process_is_not_blamed_for_a_kill_from_outside() {
    let (stage, group) = (Stage::new(), Group::new("older"));
    let mut running = Running::started(greedy(&stage, &group)).await;
    let pid = running.pid().await;
    seen_inside(&mut running).await;
    group.kill_another();
    let kills = running.now().group.unwrap().oom_kills();
    assert!(kills > Some(0) && stage::lives(pid), "{kills:?}");
    for _ in 0..10 {
        tokio::time::sleep(LOOK * 2).await;
    }
    send(pid, Signal::SIGKILL);
    let exit = running.exit(1).await;
    assert_eq!(
        (exit.how, exit.killer),
        (How::Signal(9), Some(Killer::Foreign))
    );
    running.drain().await;
}

#[tokio::test]
async fn a_kill_of_our_own_is_ours() {
    let stage = Stage::new();
    let mut running = Running::started(stage.shell("trap '' TERM; echo up; sleep 60")).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    let (why, budget) = ("a test".to_owned(), Duration::from_millis(200));
    running.tell(Command::Restart { why, budget }).await;
    let exit = running.exit(1).await;
    assert_eq!(
        (exit.how, exit.killer, exit.asked),
        (How::Signal(9), Some(Killer::Supervisor), true)
    );
    running.drain().await;
}

#[tokio::test]
async fn a_signal_that_was_passed_on_is_ours() {
    let stage = Stage::new();
    let mut running = Running::started(stage.shell("echo up; exec sleep 60")).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    let passed = Command::Signal(supervisor::Signal::User2);
    running.tell(passed).await;
    let exit = running.exit(1).await;
    assert_eq!(
        (exit.how, exit.killer, exit.asked),
        (How::Signal(12), Some(Killer::Supervisor), false)
    );
    running.drain().await;
}

#[tokio::test]
async fn faults_and_strangers_are_told_apart() {
    for (script, killer) in [
        ("kill -15 $$", Some(Killer::Foreign)),
        ("ulimit -c 0; kill -6 $$", Some(Killer::Fault)),
        ("ulimit -c 0; kill -11 $$", Some(Killer::Fault)),
        ("exit 137", None),
    ] {
        let stage = Stage::new();
        let mut running = Running::started(stage.shell(script)).await;
        let exit = running.exit(1).await;
        assert_eq!(exit.killer, killer, "{script}");
        running.drain().await;
    }
}
