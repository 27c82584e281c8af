//! What the tests share: a directory, a supervisor in this process, and the example beside it.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use supervisor::{Command, Error, Exit, Settings, State, Status, Supervisor};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Longer than anything takes, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The example binary, which doubles as the launcher.
pub fn example() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples/supervise");
    assert!(
        path.exists(),
        "{} is not built: run `cargo test -p supervisor` without --test, or `cargo build --examples` first",
        path.display()
    );
    path
}

/// Tests that change users and mounts need root, and say so rather than pass unseen.
pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test has to run as root"
    );
}

pub fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

/// A directory that any user may enter.
pub struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Stage {
        let dir = tempfile::tempdir().unwrap();
        open_to_all(dir.path(), 0o755);
        Stage { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap();
        open_to_all(&path, 0o777);
        path
    }

    /// Settings for a shell script with pauses that a test can wait for.
    pub fn shell(&self, script: &str) -> Settings {
        let command = words(&["sh", "-c", script]);
        let mut settings = Settings::new(command, self.path("child.json"), self.path("console"));
        settings.launcher = vec![example().into(), "confine".into()];
        settings.env = vec![("STAGE".into(), self.dir.path().into())];
        settings.backoff_first = Duration::from_millis(100);
        settings.backoff_longest = Duration::from_millis(800);
        settings.drain = Duration::from_secs(20);
        settings
    }

    pub fn spool(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("console")).unwrap_or_default()).into()
    }

    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

pub fn open_to_all(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A supervisor that runs in this process.
pub struct Running {
    pub status: watch::Receiver<Status>,
    commands: Option<mpsc::Sender<Command>>,
    life: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Runs it without a start.
    pub fn held(settings: Settings) -> Running {
        let supervisor = Supervisor::new(settings);
        let status = supervisor.handle().status();
        let (commands, receive) = mpsc::channel(8);
        let life = tokio::spawn(supervisor.run(receive));
        Running {
            status,
            commands: Some(commands),
            life,
        }
    }

    pub async fn started(settings: Settings) -> Running {
        let running = Running::held(settings);
        running.tell(Command::Start).await;
        running
    }

    pub async fn tell(&self, command: Command) {
        self.commands.as_ref().unwrap().send(command).await.unwrap();
    }

    pub fn close(&mut self) {
        self.commands = None;
    }

    pub fn now(&self) -> Status {
        self.status.borrow().clone()
    }

    pub async fn until(&mut self, what: &str, wanted: impl FnMut(&Status) -> bool) -> Status {
        let found = tokio::time::timeout(PATIENCE, self.status.wait_for(wanted)).await;
        let found = found.map(|status| status.unwrap().clone());
        found.unwrap_or_else(|_| panic!("{what}: not seen, but {:?}", self.now()))
    }

    pub async fn pid(&mut self) -> i32 {
        let wanted = |status: &Status| matches!(status.state, State::Running { .. });
        match self.until("running", wanted).await.state {
            State::Running { pid, .. } => pid,
            other => panic!("{other:?}"),
        }
    }

    pub async fn exit(&mut self, number: u64) -> Exit {
        let status = self.until("an exit", |status| status.exits >= number).await;
        assert_eq!(status.exits, number);
        status.last_exit.unwrap()
    }

    /// Waits for the end of `run`.
    pub async fn end(self) -> (Result<(), Error>, Status) {
        let outcome = tokio::time::timeout(PATIENCE, self.life).await;
        let outcome = outcome.expect("the supervisor ends").unwrap();
        let status = self.status.borrow().clone();
        (outcome, status)
    }

    pub async fn drain(self) -> Status {
        self.tell(Command::Drain).await;
        let (outcome, status) = self.end().await;
        outcome.unwrap();
        status
    }
}

/// Polls until it holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what}: not seen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a process is there and no zombie.
pub fn lives(pid: i32) -> bool {
    state_of(pid).is_some_and(|state| state != 'Z')
}

pub fn state_of(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// One line of `/proc/PID/status`, without its name.
pub fn status_line(pid: i32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len() + 1..]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

pub fn send(pid: i32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Runs the launcher by hand: its exit code and what it said.
pub async fn confine(
    prefix: &[&str],
    arguments: &[&str],
    gate: &'static [u8],
) -> (Option<i32>, String) {
    use tokio::io::AsyncWriteExt;
    let mut line: Vec<OsString> = words(prefix);
    line.push(example().into());
    line.push("confine".into());
    line.extend(words(arguments));
    let mut child = tokio::process::Command::new(&line[0])
        .args(&line[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(gate).await;
    let output = child.wait_with_output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into())
}
