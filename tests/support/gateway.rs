//! The real gateway, as a container of the pod.

use std::ffi::OsString;
use std::fs::{self, File};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::cache::{self, Version};
use crate::http::Client;
use crate::launch::{GATEWAY_UID, Process, Turn, bare, image_script};
use crate::pod::Pod;
use crate::rpc::Rpc;
use crate::wait::eventually;

/// How a gateway is started.
#[derive(Clone, Copy, Debug)]
pub struct GatewayOptions {
    /// The release.
    pub version: Version,
    /// Whether the document's folder is mounted read-only, as in a pod.
    pub read_only_mount: bool,
    /// Whether it is told that its document is somebody else's.
    pub read_only_switch: bool,
}

impl GatewayOptions {
    /// As in a pod: the switch and the mount.
    #[must_use]
    pub fn in_pod(version: Version) -> Self {
        Self {
            version,
            read_only_mount: true,
            read_only_switch: true,
        }
    }

    /// As on a host that can mount nothing: the document can be written by the gateway.
    #[must_use]
    pub fn writable(version: Version) -> Self {
        Self {
            version,
            read_only_mount: false,
            read_only_switch: false,
        }
    }
}

/// A running gateway. Dropped, it is killed.
pub struct Gateway {
    process: Process,
    port: u16,
    pod: std::path::PathBuf,
    token: String,
    _turn: Turn,
}

impl Gateway {
    /// Starts it as in a pod, and waits until it is ready.
    #[must_use]
    pub fn start(pod: &Pod, version: Version) -> Self {
        let mut gateway = Self::launch(pod, GatewayOptions::in_pod(version));
        gateway.wait_ready(Duration::from_secs(180));
        gateway
    }

    /// Starts it, and returns at once.
    #[must_use]
    pub fn launch(pod: &Pod, options: GatewayOptions) -> Self {
        let turn = Turn::take();
        let console = File::options()
            .create(true)
            .append(true)
            .open(pod.path("logs/console.log"))
            .unwrap();
        let mut command = bare(image_script());
        command
            .args(Self::image_arguments(pod, options))
            .args(Self::command(pod, options.version));
        command
            .envs(Self::environment(pod, options))
            .current_dir(pod.path("home"));
        command
            .stdin(std::process::Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console);
        Self {
            process: Process::spawn(&mut command),
            port: pod.ports.gateway,
            pod: pod.root().to_path_buf(),
            token: pod.gateway_token(),
            _turn: turn,
        }
    }

    fn image_arguments(pod: &Pod, options: GatewayOptions) -> Vec<OsString> {
        cache::demand(options.version);
        let mut arguments = vec![pod.root().into(), options.version.number().into()];
        if options.read_only_mount {
            arguments.extend(["--read-only".into(), pod.path("doc").into()]);
        }
        arguments.extend(["--as".into(), GATEWAY_UID.to_string().into(), "--".into()]);
        arguments
    }

    /// The gateway's command line inside the image: what a supervisor is given.
    #[must_use]
    pub fn command(pod: &Pod, version: Version) -> Vec<OsString> {
        cache::demand(version);
        let (node, entry) = (
            pod.path("image/node/bin/node"),
            pod.path("image/openclaw/openclaw.mjs"),
        );
        vec![node.into(), entry.into(), "gateway".into()]
    }

    /// The gateway's environment.
    #[must_use]
    pub fn environment(pod: &Pod, options: GatewayOptions) -> Vec<(OsString, OsString)> {
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("HOME".into(), pod.path("home").into()),
            ("OPENCLAW_STATE_DIR".into(), pod.path("state").into()),
            ("OPENCLAW_CONFIG_PATH".into(), pod.document().into()),
            ("OPENCLAW_NO_AUTO_UPDATE".into(), "1".into()),
            ("OPENCLAW_DISABLE_BONJOUR".into(), "1".into()),
            ("NO_COLOR".into(), "1".into()),
        ];
        if options.read_only_switch {
            environment.push(("OPENCLAW_CONFIG_READONLY".into(), "1".into()));
        }
        environment.extend(pod.sandbox_environment());
        environment
    }

    /// Waits until it serves, and says how long that took. The body is checked: an unknown path answers 200 with a page.
    ///
    /// # Panics
    /// When it ends or is not ready in time; the message has the end of its console.
    pub fn wait_ready(&mut self, within: Duration) -> Duration {
        let started = Instant::now();
        let ready = eventually(within, || {
            if let Some(status) = self.process.ended() {
                panic!("the gateway ended with {status}:\n{}", self.console_tail());
            }
            std::thread::sleep(Duration::from_millis(40));
            self.is_ready().then_some(())
        });
        assert!(
            ready.is_some(),
            "the gateway is not ready within {within:?}:\n{}",
            self.console_tail()
        );
        started.elapsed()
    }

    /// Whether it serves now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let client = Client::new(self.port).with_timeout(Duration::from_secs(5));
        let says = |path: &str, key: &str| {
            let answer = client
                .try_get(path)
                .ok()
                .filter(|answer| answer.status == 200)?;
            let body: Value = serde_json::from_str(&answer.body).ok()?;
            body[key].as_bool()
        };
        says("/startupz", "ok")
            .or_else(|| says("/readyz", "ready"))
            .unwrap_or(false)
    }

    /// A client of its HTTP surface, without a token.
    #[must_use]
    pub fn http(&self) -> Client {
        Client::new(self.port)
    }

    /// A connection with all scopes.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn rpc(&self) -> Rpc {
        Rpc::connect(self.port, &self.token)
            .unwrap_or_else(|why| panic!("the gateway refused a connection: {why}"))
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid().as_raw()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Kills it, and waits for its end.
    pub fn kill(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(Duration::from_secs(10));
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Panics
    /// When it does not end within `within`.
    pub fn stop(&mut self, within: Duration) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        self.process
            .wait(within)
            .unwrap_or_else(|| panic!("still alive after {within:?}:\n{}", self.console_tail()))
    }

    /// Its exit status, when it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.ended()
    }

    /// The messages of its own log file, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.pod.join("logs/gateway.log")).unwrap_or_default();
        let records = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records
            .filter_map(|record| record["message"].as_str().map(str::to_owned))
            .collect()
    }

    fn console_tail(&self) -> String {
        let text = fs::read_to_string(self.pod.join("logs/console.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Asks the real validator of a release about a document. Needs no running gateway.
    ///
    /// # Panics
    /// When the validator itself does not run.
    #[must_use]
    pub fn validate(pod: &Pod, version: Version) -> Value {
        let mut command = bare(image_script());
        let mut line = Self::command(pod, version);
        line.pop();
        command
            .args(Self::image_arguments(pod, GatewayOptions::in_pod(version)))
            .args(line);
        command
            .args(["config", "validate", "--json"])
            .envs(Self::environment(pod, GatewayOptions::in_pod(version)));
        verdict(command.current_dir(pod.path("home")))
    }
}

fn verdict(command: &mut Command) -> Value {
    let output = command.output().expect("the validator can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let start = text.find('{').unwrap_or(0);
    serde_json::from_str(&text[start..]).unwrap_or_else(|why| {
        panic!(
            "the validator said no JSON ({why}): {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
