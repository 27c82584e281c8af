//! A real daemon, the guard before it, and the two clients of Docker.
#![allow(dead_code, reason = "each test file uses its own part")]

mod activity;
mod daemon;
pub mod fake;
pub mod http;
mod image;
pub mod stream;

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

pub use activity::Seen;
pub use daemon::{Daemon, Version};
use guard::{Access, Ceilings, Guard, Metrics, Root, Settings};
use http::{Answer, request};
use service::Drain;
use tokio::sync::watch;

/// Debian's client and the current one.
pub const CLIENTS: [&str; 2] = ["/usr/bin/docker", "/usr/local/bin/docker"];
/// The image of all tests.
pub const IMAGE: &str = "openclaw-sandbox:bookworm-slim";
/// What makes a container a sandbox.
pub const LABEL: &str = "--label=openclaw.sandbox=1";

/// The guard, and all that it tells and is told.
pub struct Front {
    pub socket: PathBuf,
    pub seen: Seen,
    pub registry: prometheus::Registry,
    /// What the document in force allows.
    pub ceilings: watch::Sender<Ceilings>,
    pub drain: Drain,
    guard: Option<JoinHandle<()>>,
}

impl Front {
    /// A guard that has so long for its goodbye.
    pub fn open(settings: Settings, goodbye: Duration) -> Self {
        let (seen, drain, registry) = (
            Seen::default(),
            Drain::new(goodbye),
            prometheus::Registry::new(),
        );
        let (ceilings, document) = watch::channel(Ceilings::default());
        let socket = settings.listen.clone();
        let guard = serve(
            (settings, document),
            seen.clone(),
            drain.clone(),
            Metrics::register(&registry).unwrap(),
        );
        Self {
            socket,
            seen,
            registry,
            ceilings,
            drain,
            guard: Some(guard),
        }
    }

    /// Waits until it has said goodbye.
    pub fn end(&mut self) {
        self.drain.start();
        if let Some(guard) = self.guard.take() {
            let _ = guard.join();
        }
    }

    /// The client's command through the guard.
    pub fn docker(&self, client: &str) -> Command {
        docker(client, &self.socket)
    }

    /// What a client says, which must succeed.
    pub fn say(&self, arguments: &[&str]) -> String {
        said(self.docker(CLIENTS[1]).args(arguments))
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        request(&self.socket, "POST", path, body)
    }

    pub fn get(&self, path: &str) -> Answer {
        request(&self.socket, "GET", path, "")
    }

    /// The streams that are open now.
    pub fn streams(&self) -> f64 {
        let families = self.registry.gather();
        let streams = families
            .iter()
            .find(|family| family.name() == "pilotfish_guard_streams");
        streams.unwrap().get_metric()[0].get_gauge().get_value()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.end();
    }
}

/// A daemon and the guard before it, with a tree that sandboxes may mount.
pub struct Stage {
    /// Declared before what it stands on.
    pub front: Front,
    pub daemon: Daemon,
    /// What sandboxes may mount: `workspace` is writable, `skills` is not.
    pub state: PathBuf,
    pub settings: Settings,
}

impl Stage {
    pub fn new(version: Version) -> Self {
        Self::with(version, |_| {})
    }

    /// A stage whose settings are changed.
    pub fn with(version: Version, change: impl FnOnce(&mut Settings)) -> Self {
        let daemon = Daemon::start(version);
        let state = daemon.folder().join("state");
        for folder in ["workspace", "skills"] {
            fs::create_dir_all(state.join(folder)).unwrap();
        }
        let root = |name: &str, access| Root {
            path: state.join(name),
            access,
        };
        let mut settings = Settings {
            listen: daemon.folder().join("guard.sock"),
            daemon: daemon.socket(),
            roots: vec![
                root("workspace", Access::ReadWrite),
                root("skills", Access::ReadOnly),
            ],
            memory_bytes: Some(512 << 20),
            nano_cpus: Some(1_000_000_000),
            pids: Some(128),
            ..Settings::default()
        };
        change(&mut settings);
        let front = Front::open(settings.clone(), Duration::from_secs(1));
        Self {
            front,
            daemon,
            state,
            settings,
        }
    }

    /// The daemon's own view, past the guard.
    pub fn truth(&self, arguments: &[&str]) -> String {
        said(docker(CLIENTS[1], &self.daemon.socket()).args(arguments))
    }

    /// Starts a sandbox and tells its full id.
    pub fn sandbox(&self, name: &str) -> String {
        let name = format!("--name={name}");
        self.say(&[
            "run",
            "-d",
            LABEL,
            &name,
            "--network=none",
            IMAGE,
            "sleep",
            "infinity",
        ])
    }

    /// Starts a container that is nobody's sandbox.
    pub fn foreign(&self, name: &str) -> String {
        let name = format!("--name={name}");
        self.truth(&[
            "run",
            "-d",
            &name,
            "--network=none",
            IMAGE,
            "sleep",
            "infinity",
        ])
    }
}

impl Deref for Stage {
    type Target = Front;

    fn deref(&self) -> &Front {
        &self.front
    }
}

fn serve(
    (settings, document): (Settings, watch::Receiver<Ceilings>),
    seen: Seen,
    drain: Drain,
    metrics: Metrics,
) -> JoinHandle<()> {
    let (say, bound) = std::sync::mpsc::channel();
    let guard = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let guard = Guard::bind(settings, seen.as_activity(), metrics, document)
                .await
                .unwrap();
            say.send(()).unwrap();
            guard.run(drain).await;
        });
    });
    bound.recv().unwrap();
    guard
}

fn docker(client: &str, socket: &Path) -> Command {
    assert!(
        Path::new(client).exists(),
        "{client} is missing: install both clients of Docker"
    );
    let mut command = Command::new(client);
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    command
        .env("DOCKER_CONFIG", "/nonexistent")
        .env_remove("DOCKER_CONTEXT")
        .stdin(Stdio::null());
    command
}

/// What a command printed; it must succeed.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Both outputs of a command.
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..300 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it never came to be that {what}");
}
