//! Starting a process of the pod, and ending it with everything that it started.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, geteuid};

use crate::wait::eventually;

/// The user of the gateway and of the agent in a pod.
pub const GATEWAY_UID: u32 = 1000;

/// Whether the tests run as root: then the gateway runs as another user.
#[must_use]
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// The script that shows Node and a gateway below a folder: `image.sh DIR VERSION … -- COMMAND…`.
#[must_use]
pub fn image_script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("image.sh")
}

/// A command with nothing of our own environment but what finds the cache and the tools.
pub(crate) fn bare(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command
        .env_clear()
        .env("PILOTFISH_CACHE", crate::cache::folder());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("NO_COLOR", "1").process_group(0);
    command
}

/// A process, alone in its group. Dropped, it is killed and waited for.
pub(crate) struct Process {
    child: Child,
    ended: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start {command:?}: {why}"));
        Self { child, ended: None }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            kill(self.pid(), signal).expect("a signal to our own child");
        }
    }

    /// The exit status when it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("waiting for our own child");
        }
        self.ended
    }

    pub(crate) fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        eventually(within, || self.ended())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // While the leader is not reaped its group's number cannot be another's.
        if self.ended().is_none() {
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// Kills every process whose environment names `place`: what a supervisor that was killed left behind.
pub(crate) fn kill_all_with(place: &Path) {
    let needle = place.as_os_str().as_encoded_bytes();
    for pid in numbered(Path::new("/proc")) {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        if environment.windows(needle.len()).any(|part| part == needle) && pid != own_pid() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn own_pid() -> i32 {
    Pid::this().as_raw()
}

/// The entries of a folder whose names are numbers: in /proc, the processes.
pub(crate) fn numbered(folder: &Path) -> Vec<i32> {
    let entries = fs::read_dir(folder).expect("/proc is mounted");
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Gives a file or folder to the gateway's user, when we can.
pub(crate) fn give(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(GATEWAY_UID), Some(GATEWAY_UID))
            .expect("root may give files away");
    }
}

/// A turn among all tests of this machine: a gateway takes 600 MB and ten seconds of a core to start.
pub(crate) struct Turn {
    _lock: nix::fcntl::Flock<File>,
}

impl Turn {
    /// Waits for a free place.
    pub(crate) fn take() -> Self {
        let folder = crate::cache::folder().join("turns");
        fs::create_dir_all(&folder).expect("the cache folder is ours");
        let places = std::thread::available_parallelism()
            .map_or(2, usize::from)
            .max(2);
        let taken = eventually(Duration::from_secs(3600), || {
            (0..places).find_map(|place| lock(&folder, place).ok())
        });
        taken.expect("an hour without a turn")
    }
}

fn lock(folder: &Path, place: usize) -> io::Result<Turn> {
    use nix::fcntl::{Flock, FlockArg};
    let file = File::create(folder.join(place.to_string()))?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, why)| why)?;
    Ok(Turn { _lock: lock })
}

/// The words of a command line.
pub(crate) fn words<const N: usize>(words: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}
