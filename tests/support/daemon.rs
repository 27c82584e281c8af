//! A Docker daemon of our own, as it stands beside the gateway in a pod: the oldest and the newest that we drive.

mod image;
mod remains;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use image::{SANDBOX_BASE, SANDBOX_IMAGE};

use crate::launch::{GATEWAY_UID, Process, bare};
use crate::{Pod, cache, eventually, is_root};

/// Longer than a daemon takes to come up or to end, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// A Docker daemon that we drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DaemonVersion {
    /// Debian's, installed.
    Oldest,
    /// The current one, compiled into the cache.
    Newest,
}

impl DaemonVersion {
    /// Both, the oldest first.
    pub const ALL: [Self; 2] = [Self::Oldest, Self::Newest];

    /// The folders in which its programs are found, before anything else.
    fn programs(self) -> Vec<PathBuf> {
        let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
        match self {
            Self::Oldest => system.to_vec(),
            Self::Newest => [
                vec![cache::folder().join("dockerd-29/bin")],
                system.to_vec(),
            ]
            .concat(),
        }
    }

    fn path(self) -> String {
        let folders = std::env::join_paths(self.programs()).unwrap();
        folders.into_string().unwrap()
    }

    /// Panics unless what it is made of is there.
    fn demand(self) {
        assert!(
            is_root(),
            "a Docker daemon needs root: run the tests with sandboxes as root"
        );
        let mut programs = vec!["dockerd", "containerd", "containerd-shim-runc-v2", "runc"];
        let ours = self.programs();
        let folders = match self {
            Self::Oldest => &ours[..],
            Self::Newest => &ours[..1],
        };
        programs.retain(|program| !folders.iter().any(|folder| folder.join(program).is_file()));
        assert!(
            programs.is_empty(),
            "{} of the {self:?} Docker daemon missing in {folders:?}: run `make test` or tests/setup.sh",
            programs.join(", ")
        );
    }
}

/// The docker command: Debian's, else the first in PATH.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn docker_command() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from("/usr/bin"))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("docker"))
        .find(|docker| docker.is_file())
        .expect("the docker command is missing: run `make test` or tests/setup.sh")
}

/// A running daemon with a containerd, folders and control groups of its own. Dropped, it is gone with all that it
/// started, mounts among it.
pub struct Daemon {
    /// Declared before what it stands on.
    dockerd: Option<Process>,
    containerd: Option<Process>,
    version: DaemonVersion,
    folder: TempDir,
}

impl Daemon {
    /// Starts an empty one, and waits until it answers.
    #[must_use]
    pub fn start(version: DaemonVersion) -> Self {
        version.demand();
        // Below /tmp whatever TMPDIR says: a path of a Unix socket has 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("pf-d-")
            .tempdir_in("/tmp")
            .unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        fs::set_permissions(folder.path(), open).unwrap();
        let mut daemon = Self {
            dockerd: None,
            containerd: None,
            version,
            folder,
        };
        daemon.start_again();
        daemon
    }

    /// Starts it again after [`Daemon::kill`] or [`Daemon::stop`], on the same folders, and waits until it answers.
    ///
    /// # Panics
    /// When it runs, or does not come up; the message has the end of its log.
    pub fn start_again(&mut self) {
        assert!(self.dockerd.is_none(), "it runs");
        self.containerd = Some(self.launch_containerd());
        let socket = self.containerd_socket();
        self.wait_for("containerd", |_| socket.exists());
        self.dockerd = Some(self.launch_dockerd());
        self.wait_for("dockerd", |daemon| {
            daemon.try_docker(&["version"]).status.success()
        });
    }

    /// Kills it and its containerd. Containers run on, as on a host.
    pub fn kill(&mut self) {
        // Dropped, a process is killed and waited for.
        self.dockerd = None;
        self.containerd = None;
    }

    /// Asks it to end, and waits for that: it stops its containers first.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) {
        for process in [&mut self.dockerd, &mut self.containerd] {
            if let Some(mut process) = process.take() {
                process.signal(Signal::SIGTERM);
                assert!(process.wait(LONG).is_some(), "still alive after {LONG:?}");
            }
        }
    }

    /// Its socket. The gateway's user may use it.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Its socket as `DOCKER_HOST` names it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it keeps images and containers.
    #[must_use]
    pub fn data_root(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of all that it has.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The arguments of an agent in this pod that owns it, with a guard for the gateway.
    #[must_use]
    pub fn owned_in(&self, pod: &Pod) -> Vec<String> {
        let state = pod.path("state");
        fs::create_dir_all(state.join("workspace")).unwrap();
        [
            ("--docker-socket", self.socket()),
            ("--docker-data-root", self.data_root()),
            ("--guard-socket", pod.guard_socket()),
            ("--gateway-state", state),
        ]
        .into_iter()
        .flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()])
        .collect()
    }

    /// Which one it is.
    #[must_use]
    pub fn version(&self) -> DaemonVersion {
        self.version
    }

    /// The process id of the daemon, when it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.dockerd.as_ref().map(|process| process.pid().as_raw())
    }

    /// Runs the docker command against it: what it printed, without the last line's end.
    ///
    /// # Panics
    /// When it fails; the message has what it said.
    #[track_caller]
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = self.try_docker(arguments);
        assert!(
            output.status.success(),
            "docker {arguments:?} on the {:?} daemon: {}\n{}",
            self.version,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim_end_matches('\n').to_owned()
    }

    /// Runs the docker command against it, whatever comes of it.
    #[must_use]
    pub fn try_docker(&self, arguments: &[&str]) -> Output {
        let mut command = self.docker_command();
        command.args(arguments).stdin(Stdio::null());
        command.output().expect("the docker command can be started")
    }

    /// The docker command, ready to be given arguments.
    #[must_use]
    pub fn docker_command(&self) -> Command {
        let mut command = bare(docker_command());
        command
            .env("DOCKER_HOST", self.host())
            .env("DOCKER_CONFIG", self.folder.path().join("client"))
            // The builder inside the daemon: it needs no plugin of the command.
            .env("DOCKER_BUILDKIT", "0");
        command
    }

    fn launch_containerd(&self) -> Process {
        let at = |name: &str| self.folder.path().join(name);
        let config = at("containerd.toml");
        // What Docker does not use, and what would listen or write outside the folder, is off.
        let text = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.cri.v1.images\", \
             \"io.containerd.cri.v1.runtime\", \"io.containerd.podsandbox.controller.v1.podsandbox\", \
             \"io.containerd.nri.v1.nri\"]\n\
             [grpc]\naddress = {:?}\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = {:?}\n",
            at("containerd"),
            at("exec/containerd"),
            self.containerd_socket(),
            at("containerd-opt"),
        );
        fs::write(&config, text).unwrap();
        // One that was killed leaves its socket behind.
        let _ = fs::remove_file(self.containerd_socket());
        self.launch("containerd", &["--config", config.to_str().unwrap()])
    }

    fn launch_dockerd(&self) -> Process {
        let at = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        // One that was killed leaves this behind, and would take a stranger with its number for itself.
        let _ = fs::remove_file(at("pid"));
        let arguments = [
            ("--host", self.host()),
            ("--group", GATEWAY_UID.to_string()),
            ("--data-root", at("data")),
            ("--exec-root", at("exec")),
            ("--pidfile", at("pid")),
            ("--config-file", at("daemon.json")),
            (
                "--containerd",
                self.containerd_socket().to_str().unwrap().to_owned(),
            ),
            ("--cgroup-parent", format!("/{}", self.name())),
            ("--exec-opt", "native.cgroupdriver=cgroupfs".to_owned()),
            ("--bridge", "none".to_owned()),
            ("--iptables", "false".to_owned()),
            ("--ip6tables", "false".to_owned()),
        ];
        fs::write(at("daemon.json"), "{}").unwrap();
        let arguments = arguments.map(|(flag, value)| format!("{flag}={value}"));
        // In a network namespace of its own: its bridges are gone with it, however it ends.
        let mut words = vec!["--net", "--", "dockerd"];
        words.extend(arguments.iter().map(String::as_str));
        self.launch("unshare", &words)
    }

    fn launch(&self, program: &str, arguments: &[&str]) -> Process {
        let mut command = bare("/usr/bin/env");
        let log = self.log();
        command
            .env("PATH", self.version.path())
            .arg(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Process::spawn(&mut command)
    }

    fn wait_for(&mut self, what: &str, is_up: impl Fn(&Self) -> bool) {
        let up = eventually(LONG, || {
            let processes = [&mut self.containerd, &mut self.dockerd];
            let ended = processes.into_iter().flatten().find_map(Process::ended);
            if let Some(status) = ended {
                panic!("{what} ended with {status}:\n{}", self.log_tail());
            }
            is_up(self).then_some(())
        });
        assert!(
            up.is_some(),
            "{what} does not answer within {LONG:?}:\n{}",
            self.log_tail()
        );
    }

    fn containerd_socket(&self) -> PathBuf {
        self.folder.path().join("containerd.sock")
    }

    /// The name of its folder, which also names its control groups.
    fn name(&self) -> &str {
        self.folder.path().file_name().unwrap().to_str().unwrap()
    }

    fn log(&self) -> File {
        let mut options = File::options();
        let options = options.create(true).append(true);
        options.open(self.folder.path().join("log")).unwrap()
    }

    fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // With its containers dead the daemon has nothing to wait for, and puts away what they had.
        remains::kill_containers(self.folder.path());
        for process in [&mut self.dockerd, &mut self.containerd] {
            if let Some(mut process) = process.take() {
                process.signal(Signal::SIGTERM);
                process.wait(Duration::from_secs(20));
            }
        }
        remains::clear(self.folder.path(), self.name());
    }
}
