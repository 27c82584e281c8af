//! A Docker daemon of its own folders, for one test.

use std::{
    env,
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{CLIENTS, docker, image, until};

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Debian's: API 1.41.
    Old,
    /// The current one: API 1.56.
    New,
}

/// A daemon that ends with its test.
pub struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts a daemon and gives it the image.
    pub fn start(version: Version) -> Self {
        let folder = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
        let path = folder.path();
        let log = File::create(path.join("log")).unwrap();
        // In a network namespace of its own: its bridges are gone with it, however it ends.
        let child = Command::new("unshare")
            .args(["--net", "--"])
            .arg(program(version))
            .env("PATH", search(version))
            .arg(format!(
                "--host=unix://{}",
                path.join("docker.sock").display()
            ))
            .arg(format!("--data-root={}", path.join("data").display()))
            .arg(format!("--exec-root={}", path.join("exec").display()))
            .arg(format!("--pidfile={}", path.join("pid").display()))
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {version:?} dockerd: {error}"));
        let daemon = Self { child, folder };
        until("the daemon answers", || {
            docker(CLIENTS[0], &daemon.socket())
                .arg("version")
                .output()
                .unwrap()
                .status
                .success()
        });
        image::import(&daemon);
        daemon
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn remove_all(&self) {
        let listed = docker(CLIENTS[0], &self.socket())
            .args(["ps", "-aq"])
            .output();
        let ids = listed
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        if !ids.trim().is_empty() {
            let _ = docker(CLIENTS[0], &self.socket())
                .args(["rm", "-f"])
                .args(ids.split_whitespace())
                .output();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.remove_all();
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        for _ in 0..150 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn current() -> PathBuf {
    let cache = env::var_os("PILOTFISH_CACHE").unwrap_or_else(|| "/var/cache/pilotfish".into());
    Path::new(&cache).join("dockerd-29/bin")
}

fn program(version: Version) -> PathBuf {
    match version {
        Version::Old => "/usr/sbin/dockerd".into(),
        Version::New => current().join("dockerd"),
    }
}

/// The current daemon wants its own containerd and runc, Debian's those of Debian.
fn search(version: Version) -> OsString {
    let debian = "/usr/sbin:/usr/bin:/sbin:/bin";
    match version {
        Version::Old => debian.into(),
        Version::New => format!("{}:{debian}", current().display()).into(),
    }
}
