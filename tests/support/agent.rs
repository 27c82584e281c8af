//! The built agent: as a sidecar, as a supervisor, or for one command.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::cache::Version;
use crate::gateway::{Gateway, GatewayOptions};
use crate::http::Client;
use crate::launch::{GATEWAY_UID, Process, bare, image_script, is_root, words};
use crate::lines::Lines;
use crate::pod::Pod;

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// The agent's binary, built once for each run of a test program, with the profile of that program. `PILOTFISH_AGENT`
/// names one that is built already, such as the release for benches.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn agent_binary() -> &'static Path {
    BINARY.get_or_init(|| env::var_os("PILOTFISH_AGENT").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let this = env::current_exe().expect("a test program knows its own path");
    let folder = this.parent().expect("a program lies in a folder");
    let profile_folder = if folder.ends_with("deps") {
        folder.parent().expect("target/<profile>/deps")
    } else {
        folder
    };
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--quiet", "--locked", "-p", "pilotfish-agent"])
        .current_dir(crate::repository());
    command
        .arg("--target-dir")
        .arg(profile_folder.parent().expect("below target"));
    if profile_folder.ends_with("release") {
        command.arg("--release");
    }
    assert!(
        command.status().expect("cargo can be started").success(),
        "pilotfish-agent does not build"
    );
    profile_folder.join("pilotfish-agent")
}

/// What an agent that has ended left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its exit code; None when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A running agent. Dropped, it is killed.
pub struct Agent {
    process: Process,
    /// Its standard output, line by line.
    pub stdout: Lines,
    /// Its standard error, line by line.
    pub stderr: Lines,
    api_port: u16,
    probe_port: u16,
    operate: String,
}

impl Agent {
    /// Starts `pilotfish-agent ARGS…` beside a gateway: as the gateway's user.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(pod: &Pod, arguments: &[A]) -> Self {
        Self::start_under(pod, &[] as &[&str], arguments)
    }

    /// The same, below another program, such as strace.
    #[must_use]
    pub fn start_under<P: AsRef<OsStr>, A: AsRef<OsStr>>(
        pod: &Pod,
        program: &[P],
        arguments: &[A],
    ) -> Self {
        let mut line: Vec<OsString> = as_gateway_user();
        line.extend(program.iter().map(|word| word.as_ref().to_owned()));
        line.push(pod.install(agent_binary()).into());
        line.extend(arguments.iter().map(|word| word.as_ref().to_owned()));
        Self::spawn(pod, &line, &[])
    }

    /// Starts `pilotfish-agent ARGS… -- GATEWAY`: as our own user, who may be root, with the image in sight.
    #[must_use]
    pub fn supervise<A: AsRef<OsStr>>(pod: &Pod, options: GatewayOptions, arguments: &[A]) -> Self {
        let mut line = Self::inside(pod, options.version);
        line.push(pod.install(agent_binary()).into());
        line.extend(arguments.iter().map(|word| word.as_ref().to_owned()));
        line.push("--".into());
        line.extend(Gateway::command(pod, options.version));
        Self::spawn(pod, &line, &Gateway::environment(pod, options))
    }

    /// Starts `pilotfish-agent ARGS… -- PROGRAM…`: the same with any program, such as the fake gateway's.
    #[must_use]
    pub fn supervise_program<A: AsRef<OsStr>>(
        pod: &Pod,
        arguments: &[A],
        program: &[OsString],
        environment: &[(OsString, OsString)],
    ) -> Self {
        let mut line: Vec<OsString> = vec![pod.install(agent_binary()).into()];
        line.extend(arguments.iter().map(|word| word.as_ref().to_owned()));
        line.push("--".into());
        line.extend_from_slice(program);
        Self::spawn(pod, &line, environment)
    }

    fn inside(pod: &Pod, version: Version) -> Vec<OsString> {
        words([&image_script(), &pod.root(), &version.number(), &"--"])
    }

    fn spawn(pod: &Pod, line: &[OsString], environment: &[(OsString, OsString)]) -> Self {
        let mut command = bare(&line[0]);
        command
            .args(&line[1..])
            .env("HOME", pod.path("home"))
            .envs(environment.iter().cloned());
        command
            .current_dir(pod.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let (stdout, stderr) = (Lines::default(), Lines::default());
        stdout.collect(process.child().stdout.take().unwrap());
        stderr.collect(process.child().stderr.take().unwrap());
        Self {
            process,
            stdout,
            stderr,
            api_port: pod.ports.api,
            probe_port: pod.ports.probe,
            operate: pod.token("operate"),
        }
    }

    /// Runs `pilotfish-agent ARGS…` to its end, as the gateway's user.
    #[must_use]
    pub fn once<A: AsRef<OsStr>>(pod: &Pod, arguments: &[A]) -> Finished {
        let mut line = as_gateway_user();
        line.push(pod.install(agent_binary()).into());
        let mut command = bare(&line[0]);
        command
            .args(&line[1..])
            .args(arguments)
            .env("HOME", pod.path("home"))
            .current_dir(pod.root());
        let output = command
            .stdin(Stdio::null())
            .output()
            .expect("the agent can be started");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A client of its API, with the role `operate`.
    #[must_use]
    pub fn api(&self) -> Client {
        Client::new(self.api_port).with_token(&self.operate)
    }

    /// A client of its probes and metrics.
    #[must_use]
    pub fn probe(&self) -> Client {
        Client::new(self.probe_port)
    }

    /// Its process id (of the program that it runs below, when there is one).
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid().as_raw()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it, and waits for its end. What it supervises lives on.
    pub fn kill(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(Duration::from_secs(10));
    }

    /// Its exit status, when it ends within `within`.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        self.process.wait(within)
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Panics
    /// When it does not end within `within`.
    pub fn stop(&mut self, within: Duration) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        let said = || {
            format!(
                "still alive after {within:?}:\n{}",
                self.stderr.all().join("\n")
            )
        };
        self.process
            .wait(within)
            .unwrap_or_else(|| panic!("{}", said()))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.stdout.all().iter().chain(&self.stderr.all()) {
                eprintln!("agent: {line}");
            }
        }
    }
}

fn as_gateway_user() -> Vec<OsString> {
    if !is_root() {
        return words([&"/usr/bin/env"]);
    }
    let user = GATEWAY_UID.to_string();
    words([
        &"setpriv",
        &"--reuid",
        &user,
        &"--regid",
        &user,
        &"--clear-groups",
        &"--",
    ])
}
