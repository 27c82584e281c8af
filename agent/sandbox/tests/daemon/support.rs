//! A real daemon in folders of its own.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The client that speaks with both.
const CLI: &str = "/usr/bin/docker";

/// How long a daemon may take to come up or go down on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The image that sandboxes of tests are made from.
pub const IMAGE: &str = "openclaw-sandbox:test";

/// Programs in the image, with the libraries that they need.
const PROGRAMS: [&str; 4] = ["/bin/sh", "/bin/sleep", "/bin/cat", "/usr/bin/head"];

/// One daemon at a time.
static ONE: Mutex<()> = Mutex::new(());

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Debian's, API 1.41.
    Oldest,
    /// The current one, API 1.56.
    Newest,
}

/// A daemon that ends with its value.
pub struct Daemon {
    version: Version,
    child: Option<Child>,
    data: PathBuf,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Daemon {
    pub fn start(version: Version) -> Self {
        Self::start_at(version, None)
    }

    /// A daemon with its data in a folder that is there already.
    pub fn start_at(version: Version, data: Option<&Path>) -> Self {
        let turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            nix::unistd::geteuid().is_root(),
            "the tests of the sandbox daemon need root: run them in a container or a virtual machine"
        );
        let folder = tempfile::Builder::new().prefix("sbx-").tempdir().unwrap();
        let mut daemon = Self {
            version,
            child: None,
            data: data.map_or_else(|| folder.path().join("data"), Path::to_path_buf),
            folder,
            _turn: turn,
        };
        daemon.launch();
        daemon
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, where it does not run.
    pub fn launch(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let exec = self.folder.path().join("exec");
        let pid = self.folder.path().join("pid");
        // What a killed daemon left behind.
        let _ = fs::remove_file(&pid);
        // In a network namespace of its own: its bridges are gone with it, however it ends.
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--"])
            .arg(program(self.version))
            .arg("-H")
            .arg(format!("unix://{}", self.socket().display()))
            .arg("--data-root")
            .arg(&self.data)
            .arg("--exec-root")
            .arg(exec)
            .arg("--pidfile")
            .arg(pid)
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false"])
            .env("PATH", path(self.version))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0);
        self.child = Some(command.spawn().unwrap());
        let socket = self.socket();
        let began = Instant::now();
        while !docker_now(&socket, &["version"]).0 {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "the daemon does not come up:\n{}",
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it without a word, and its containerd with it.
    pub fn kill(&mut self) {
        self.end(Signal::SIGKILL);
        // The oldest one takes the number in this file for a process that still runs, though it has just ended.
        let pid = self.folder.path().join("exec/containerd/containerd.pid");
        let Ok(number) = fs::read_to_string(&pid) else {
            return;
        };
        let began = Instant::now();
        while is_alive(number.trim()) {
            assert!(
                began.elapsed() < PATIENCE,
                "containerd {number} does not end"
            );
            thread::sleep(Duration::from_millis(20));
        }
        let _ = fs::remove_file(pid);
    }

    /// Freezes it, or lets it go on.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let _ = kill(id, signal);
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs the client, and gives back what it says; what fails fails the test.
    pub async fn docker(&self, args: &[&str]) -> String {
        let (is_good, text) = self.try_docker(args).await;
        assert!(is_good, "docker {args:?}: {text}");
        text
    }

    pub async fn try_docker(&self, args: &[&str]) -> (bool, String) {
        let socket = self.socket();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let run = move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            docker_now(&socket, &args)
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// Sends one request as it is, and gives back the status and what follows the head.
    pub async fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        api(&self.socket(), method, path, body).await
    }

    /// Begins an exec that runs until it is ended; nothing where the daemon refuses.
    pub async fn exec(&self, container: &str) -> Option<String> {
        let body = r#"{"Cmd":["sleep","1000"]}"#;
        let path = format!("/containers/{container}/exec");
        let (status, answer) = self.api("POST", &path, body).await;
        if status != 201 {
            return None;
        }
        let exec = answer.split('"').nth(3)?.to_owned();
        let path = format!("/exec/{exec}/start");
        let (status, _) = self.api("POST", &path, r#"{"Detach":true}"#).await;
        (status < 300).then_some(exec)
    }

    /// Whether an exec runs.
    pub async fn runs(&self, exec: &str) -> bool {
        let (_, answer) = self.api("GET", &format!("/exec/{exec}/json"), "").await;
        answer.contains(r#""Running":true"#)
    }

    /// Ends what an exec runs.
    pub async fn end_exec(&self, exec: &str) {
        let (_, answer) = self.api("GET", &format!("/exec/{exec}/json"), "").await;
        let pid = answer.split(r#""Pid":"#).nth(1).unwrap();
        let pid = pid.split([',', '}']).next().unwrap().parse().unwrap();
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }

    /// Loads the image of the tests under a name.
    pub fn import(&self, name: &str) {
        self.import_archive(name, "sandbox", root_archive());
    }

    /// Loads an archive of a root file system as an image whose processes run as a user.
    pub fn import_archive(&self, name: &str, user: &str, archive: &[u8]) {
        let mut import = client(&self.socket())
            .args(["import", "--change", &format!("USER {user}")])
            .args(["--change", "CMD [\"sleep\",\"1000\"]", "-", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = import.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, archive).unwrap();
        drop(input);
        assert!(import.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = kill(id, Signal::SIGCONT);
            let (_, ids) = docker_now(&self.socket(), &["ps", "-aq"]);
            let ids: Vec<&str> = ids.split_whitespace().collect();
            if !ids.is_empty() {
                docker_now(&self.socket(), &[&["rm", "-f", "-v"], &ids[..]].concat());
            }
        }
        self.end(Signal::SIGTERM);
        end_shims(self.folder.path());
        unmount_below(self.folder.path());
        unmount_below(&self.data);
    }
}

/// Sends one request to a socket as it is, and gives back the status and what follows the head.
pub async fn api(socket: &Path, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = try_api(socket, method, path, body).await;
    answer.unwrap_or_else(|| panic!("{method} {path}: no answer"))
}

/// The same, of a daemon that may go away.
pub async fn try_api(socket: &Path, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    let head = format!(
        "{method} /v1.41{path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n")?.1;
    Some((status, body.to_owned()))
}

/// Ends the shims that a killed daemon left, with the processes below them.
fn end_shims(folder: &Path) {
    let address = folder.display().to_string();
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let command = fs::read(format!("/proc/{number}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).into_owned();
        let is_shim = command.contains("containerd-shim") && command.contains(&address);
        is_shim.then_some(number)
    });
    for number in numbers {
        let children = format!("/proc/{number}/task/{number}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|child| child.parse().ok());
        for process in children.chain([number]) {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
    }
}

/// Unmounts what a daemon left mounted.
pub fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let mut below: Vec<&str> = points
        .filter(|point| Path::new(point).starts_with(folder) && Path::new(point) != folder)
        .collect();
    below.sort_by_key(|point| std::cmp::Reverse(point.len()));
    for point in below {
        let _ = nix::mount::umount2(point, nix::mount::MntFlags::MNT_DETACH);
    }
}

/// Whether a process is there, and is more than a number that nobody has collected.
fn is_alive(number: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn client(socket: &Path) -> Command {
    let mut command = Command::new(CLI);
    command
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env_remove("DOCKER_CONTEXT");
    command
}

fn docker_now(socket: &Path, args: &[&str]) -> (bool, String) {
    let output = client(socket)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run {CLI} ({error}): install docker.io, or run tests/setup.sh")
        });
    let mut text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    (output.status.success(), text)
}

fn cache() -> PathBuf {
    let cache = env::var_os("PILOTFISH_CACHE").map(PathBuf::from);
    cache.unwrap_or_else(|| PathBuf::from("/var/cache/pilotfish"))
}

/// The folder of the newest daemon's programs.
fn newest() -> PathBuf {
    cache().join("dockerd-29/bin")
}

fn program(version: Version) -> PathBuf {
    let program = match version {
        Version::Oldest => PathBuf::from("/usr/sbin/dockerd"),
        Version::Newest => newest().join("dockerd"),
    };
    assert!(
        program.exists(),
        "{} is missing: run tests/setup.sh, which gets both daemons",
        program.display()
    );
    program
}

fn path(version: Version) -> String {
    let system = "/usr/sbin:/usr/bin:/sbin:/bin";
    match version {
        Version::Oldest => system.to_owned(),
        Version::Newest => format!("{}:{system}", newest().display()),
    }
}

/// A root file system that can be a sandbox.
fn root_archive() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(|| archive(&[], 0))
}

/// A root file system of a few programs of this machine, some left out, with so many bytes of something else.
pub fn archive(without: &[&str], bytes: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for program in PROGRAMS {
        take(root, program);
        let libraries = Command::new("ldd").arg(program).output().unwrap().stdout;
        let libraries = String::from_utf8(libraries).unwrap();
        for word in libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            take(root, word);
        }
    }
    fs::create_dir_all(root.join("etc")).unwrap();
    let user = "root:x:0:0::/:/bin/sh\nsandbox:x:1000:1000::/:/bin/sh\n";
    fs::write(root.join("etc/passwd"), user).unwrap();
    let python = root.join("bin/python3");
    fs::write(&python, "#!/bin/sh\nexit 0\n").unwrap();
    Command::new("chmod")
        .arg("755")
        .arg(&python)
        .status()
        .unwrap();
    for program in without {
        fs::remove_file(root.join(program)).unwrap();
    }
    fs::write(root.join("ballast"), vec![7; bytes]).unwrap();
    let tar = Command::new("tar")
        .arg("-C")
        .arg(root)
        .args(["-c", "."])
        .output()
        .unwrap();
    assert!(tar.status.success());
    tar.stdout
}

fn take(root: &Path, file: &str) {
    let to = root.join(file.trim_start_matches('/'));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(file, to).unwrap();
}
