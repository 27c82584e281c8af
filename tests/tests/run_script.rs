//! `tests/run.sh`, with a script in the place of the agent: what it makes for an instance, and what it takes away.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Version, eventually, repository};
use tempfile::TempDir;

/// Writes its secrets as the agent does, tells where, and ends with 7 when it is told to end.
const AGENT: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --secrets-out) out=$2 ;; --state) state=$2 ;; esac
  shift
done
trap 'exit 7' TERM
echo secret >"$out" && echo "$out" >"$state/told" && mv "$state/told" "$state/out"
while :; do sleep 0.1; done
"#;

/// A cache without gateways and without anything for a daemon, and the built agent's place.
struct Machine {
    folder: TempDir,
}

/// One that runs. Dropped, it is told to end, and has ended.
struct Run {
    process: Child,
    secrets: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let newest = format!(
            "cache/openclaw-{}/node_modules/openclaw",
            Version::Newest.number()
        );
        for name in [
            "cache/node/node_modules/node-linux-fake",
            &newest,
            "target/debug",
        ] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        // Who runs as another user has to get here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let agent = folder.path().join("target/debug/pilotfish-agent");
        fs::write(&agent, AGENT).unwrap();
        Self { folder }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(repository().join("tests/run.sh"));
        command
            .env("PILOTFISH_HOME", home)
            .env("PILOTFISH_CACHE", self.folder.path().join("cache"))
            .env("CARGO_TARGET_DIR", self.folder.path().join("target"))
            .stdout(Stdio::null());
        command
    }

    fn run(&self, name: &str) -> Run {
        let home = self.home(name);
        let process = self.command(&home).spawn().unwrap();
        let told = eventually(Duration::from_secs(60), || {
            fs::read_to_string(home.join("agent/out")).ok()
        })
        .unwrap();
        Run {
            process,
            secrets: told.trim().into(),
        }
    }
}

impl Run {
    fn end(&mut self) -> Option<i32> {
        let id = Pid::from_raw(self.process.id().try_into().unwrap());
        let _ = kill(id, Signal::SIGTERM);
        self.process.wait().unwrap().code()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.end();
        }
    }
}

#[test]
fn each_instance_has_its_own_secrets_and_leaves_none() {
    let machine = Machine::new();
    let (mut one, other) = (machine.run("one"), machine.run("other"));
    assert_ne!(one.secrets, other.secrets);
    assert!(one.secrets.starts_with("/dev/shm"), "{:?}", one.secrets);

    let again = machine.command(&machine.home("one")).output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        !again.status.success() && said.contains("end it first"),
        "{said}"
    );
    assert!(one.secrets.exists(), "who is refused takes nothing away");

    assert_eq!(one.end(), Some(7), "it ends as the agent did");
    assert!(!one.secrets.parent().unwrap().exists());
    assert!(other.secrets.exists());
    let folder = other.secrets.parent().unwrap().to_owned();
    drop(other);
    assert!(!folder.exists());
}
