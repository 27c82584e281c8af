//! The agent as parent of a command, without a gateway: what it says of the command, and what it limits.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{agent_binary, docker_command, eventually};
use tempfile::TempDir;

/// Longer than anything takes, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// A folder with a layer and a program that is called as the gateway is.
struct Desk {
    folder: TempDir,
}

impl Desk {
    /// `version` is what the program does when it is asked for its version.
    fn new(version: &str) -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(desk.path("user")).unwrap();
        fs::write(
            desk.path("user/user.json5"),
            "{ logging: { level: \"info\" } }",
        )
        .unwrap();
        desk.program("openclaw", version);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, version: &str) {
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> asked\nif [ \"$1\" = --version ]; then {version}; exit; fi\necho $$ > up\nexec sleep 600\n"
        );
        fs::write(self.path(name), script).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn agent(&self, more: &[&str], command: &[&str]) -> Command {
        let mut agent = Command::new(agent_binary());
        agent.args([
            "run",
            "--layer",
            "user=user",
            "--state",
            "state",
            "--out",
            "doc/openclaw.json",
        ]);
        agent.args([
            "--listen",
            "127.0.0.1:0",
            "--probe-listen",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ]);
        agent.args(more).arg("--").args(command);
        agent
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        agent
    }

    /// Runs the agent until its child is up, and ends it: what it said.
    fn life(&self, more: &[&str]) -> String {
        let _ = fs::remove_file(self.path("up"));
        let agent = self
            .agent(more, &["./openclaw", "gateway", "--port", "1"])
            .spawn()
            .unwrap();
        self.child();
        end(agent)
    }

    /// The process id of the child that is up.
    fn child(&self) -> String {
        eventually(LONG, || {
            let pid = fs::read_to_string(self.path("up")).unwrap_or_default();
            pid.ends_with('\n').then(|| pid.trim().to_owned())
        })
        .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("asked")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_first_document_outlives_a_gateway_that_crashes_for_reasons_of_its_own() {
    let desk = Desk::new("true");
    let crashing = "#!/bin/sh\necho $$ >> crashes\nexit 5\n";
    fs::write(desk.path("openclaw"), crashing).unwrap();
    let agent = desk.agent(&[], &["./openclaw", "gateway"]).spawn().unwrap();
    eventually(LONG, || {
        let crashes = fs::read_to_string(desk.path("crashes")).unwrap_or_default();
        (crashes.lines().count() >= 3).then_some(())
    })
    .unwrap();
    let said = end(agent);
    assert!(said.contains("it is the first document"), "{said}");
    desk.program("openclaw", "true");
    let said = desk.life(&[]);
    assert!(!said.contains("undoing"), "{said}");
}

/// Ends an agent in good order: what it said.
fn end(mut agent: Child) -> String {
    let pid = Pid::from_raw(i32::try_from(agent.id()).unwrap());
    let lines = BufReader::new(agent.stderr.take().unwrap()).lines();
    kill(pid, Signal::SIGTERM).unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(agent.wait().unwrap().success(), "{said:?}");
    said.join("\n")
}

#[test]
fn a_command_that_cannot_be_executed_is_a_mistake_in_the_words() {
    let desk = Desk::new("true");
    fs::write(desk.path("no-program"), "").unwrap();
    for (command, why) in [
        ("/no/such/command", "No such file"),
        ("./no-program", "Permission denied"),
    ] {
        let output = desk.agent(&[], &[command, "gateway"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        let last = said.split("error:").last().unwrap();
        for part in [command, why, "give the path of a program"] {
            assert!(last.contains(part), "{part}: {last}");
        }
    }
}

#[test]
fn the_command_is_asked_for_its_version_where_that_decides_something() {
    let desk = Desk::new("echo 'OpenClaw 2026.9.6 (abc)'");
    let told = "the gateway's command told its version";
    assert!(!desk.life(&[]).contains(told));
    assert_eq!(desk.asked(), ["gateway --port 1"], "nothing to decide yet");
    let said = desk.life(&[]);
    assert!(said.contains(told) && said.contains("2026.9.6"), "{said}");
    assert_eq!(desk.asked()[1..], ["--version", "gateway --port 1"]);
    let said = desk.life(&["--gateway-version", "2026.9.5"]);
    assert!(!said.contains(told), "{said}");
    assert_eq!(desk.asked()[3..], ["gateway --port 1"]);
}

#[test]
fn a_command_that_tells_no_version_starts_all_the_same_and_the_cure_is_said() {
    let desk = Desk::new("true");
    desk.life(&[]);
    for (version, why) in [("echo rubbish", "prints none"), ("exit 1", "exit code 1")] {
        desk.program("openclaw", version);
        let said = desk.life(&[]);
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("is not known before it starts"))
            .collect();
        assert!(
            matches!(lines[..], [line] if line.contains(why) && line.contains("set gateway-version")),
            "{said}"
        );
    }
}

#[test]
fn neither_the_agent_nor_its_child_writes_core_files() {
    let desk = Desk::new("true");
    let agent = desk.agent(&[], &["./openclaw", "gateway"]).spawn().unwrap();
    for pid in [desk.child(), agent.id().to_string()] {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{limits}");
    }
    end(agent);
}

#[test]
fn the_guard_serves_until_the_child_has_ended() {
    let desk = Desk::new("true");
    fs::create_dir_all(desk.path("gateway/workspace")).unwrap();
    let socket = desk.path("guard.sock").display().to_string();
    let docker = docker_command();
    let script = format!(
        "#!/bin/sh\ntrap 'sleep 1; {} -H unix://{socket} version > at-the-end 2>&1; exit 0' TERM\necho $$ > up\n\
         sleep 600 & wait\n",
        docker.display()
    );
    fs::write(desk.path("openclaw"), script).unwrap();
    let (raw, gateway) = (desk.path("no-daemon.sock"), desk.path("gateway"));
    let (raw, gateway) = (raw.display().to_string(), gateway.display().to_string());
    desk.life(&[
        "--docker-socket",
        &raw,
        "--guard-socket",
        &socket,
        "--gateway-state",
        &gateway,
    ]);
    let heard = fs::read_to_string(desk.path("at-the-end")).unwrap();
    assert!(heard.contains("Error response from daemon"), "{heard}");
    assert!(!std::path::Path::new(&socket).exists(), "the socket stays");
}
