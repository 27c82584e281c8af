//! A folder to type commands in, and an agent that owns its state.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{agent_binary, eventually};
use tempfile::TempDir;

/// A folder with layers, a state directory and a place for the document.
pub(crate) struct Desk {
    folder: TempDir,
}

/// One layer, and where all that is made of it belongs: what `run` and `merge` need.
pub(crate) const BASE: [&str; 6] = [
    "--layer",
    "base=base",
    "--state",
    "state",
    "--out",
    "doc/openclaw.json",
];

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {}", self.stdout))
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["base", "user", "doc"] {
            fs::create_dir(desk.path(name)).unwrap();
        }
        desk.write("base/10-gateway.json5", "{\n  gateway: { bind: \"loopback\", port: 18789 },\n  logging: { level: \"info\" },\n}\n");
        desk.user(r#"{ logging: { level: "debug" } }"#);
        desk.write(
            "locks.json5",
            r#"{ locks: [{ path: "gateway.bind", why: "one gate" }] }"#,
        );
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn user(&self, text: &str) {
        self.write("user/user.json5", text);
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("doc/openclaw.json")).unwrap()).unwrap()
    }

    /// The bare command in this folder, with nothing of our own environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(agent_binary());
        command
            .args(words)
            .env_clear()
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn bare(&self, words: &[&str]) -> Ended {
        Ended::of(&self.command(words).output().unwrap())
    }

    /// The command with layers, locks and document from the environment.
    pub(crate) fn stateless(&self, words: &[&str]) -> Ended {
        self.with_environment(words, None)
    }

    /// The same, with a state directory.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        self.with_environment(words, Some("state"))
    }

    fn with_environment(&self, words: &[&str], state: Option<&str>) -> Ended {
        let mut command = self.command(words);
        command
            .env("PILOTFISH_LAYER", "base=base,user=user")
            .env("PILOTFISH_LOCKS", "locks.json5");
        command
            .env("PILOTFISH_OUT", "doc/openclaw.json")
            .envs(state.map(|state| ("PILOTFISH_STATE", state)));
        Ended::of(&command.output().unwrap())
    }
}

/// An agent that owns the state directory of a desk, without a gateway. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    /// The lines of its log until it was up.
    pub(crate) start: Vec<Value>,
}

impl Running {
    pub(crate) fn on(desk: &Desk) -> Self {
        Self::with(desk, &[])
    }

    pub(crate) fn with(desk: &Desk, more: &[&str]) -> Self {
        desk.write("read", "# who may look\nread-token-0123456789\n");
        desk.write("operate", "operate-token-0123456789\n");
        let words = [
            "run",
            "--listen",
            "127.0.0.1:0",
            "--probe-listen",
            "127.0.0.1:0",
            "--read-token-file",
            "read",
            "--operate-token-file",
            "operate",
        ];
        let mut command = desk.command(&words);
        command.args(BASE);
        command.args(["--layer", "user=user", "--locks", "locks.json5"]);
        command.args(more);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut start: Vec<Value> = Vec::new();
        let address = loop {
            let line: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
            let api = line["api"].as_str().map(ToOwned::to_owned);
            start.push(line);
            if let Some(api) = api {
                break api;
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        eventually(Duration::from_secs(10), || {
            desk.path("doc/openclaw.json").exists().then_some(())
        });
        Self {
            child,
            address,
            start,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
