//! One pod on disk: the folders that its containers share, filled from the shipped configuration.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::docker_command;
use crate::launch::{give, kill_all_with};
use crate::model::{KEY, Model};
use crate::volume::Volume;
use crate::{ports, shipped};

/// The listeners of one pod, each on a port of its own.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The gateway.
    pub gateway: u16,
    /// The agent's API.
    pub api: u16,
    /// The agent's probes and metrics.
    pub probe: u16,
}

/// The layers as they are mounted into the agent.
#[derive(Clone, Debug)]
pub struct Layers {
    /// A ConfigMap: the shipped base, and `90-host.json5` with what is of this machine.
    pub base: Volume,
    /// A ConfigMap: one of the shipped plans.
    pub plan: Volume,
    /// A plain folder: `user.json5` is the user's.
    pub user: PathBuf,
    /// A ConfigMap: the shipped policy.
    pub policy: Volume,
    /// A ConfigMap: `locks.json5`.
    pub locks: Volume,
}

/// A pod that lives as long as this value. Dropped, its processes are killed and its folders removed.
pub struct Pod {
    folder: TempDir,
    /// Its ports.
    pub ports: Ports,
    /// Its layers.
    pub layers: Layers,
    /// A Secret as Kubernetes mounts it; `gateway-token` is in it.
    pub secrets: Volume,
    /// A Secret with the agent's own tokens: `read` and `operate`.
    pub tokens: Volume,
    /// What the gateway's `DOCKER_HOST` says.
    docker_host: Option<String>,
}

impl Pod {
    /// A pod on the plan `free`, without an instance running.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it writes to disk: nothing that a default should do"
    )]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pilotfish-pod-")
            .tempdir()
            .expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "doc",
            "state",
            "agent-state",
            "secrets-out",
            "workspace",
            "logs",
            "home",
            "layers",
            "layers/user",
        ] {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o750)).unwrap();
            give(&at(name));
        }
        fs::set_permissions(at("layers"), fs::Permissions::from_mode(0o755)).unwrap();
        let pod = Self {
            ports: Ports {
                gateway: ports::free(),
                api: ports::free(),
                probe: ports::free(),
            },
            layers: Layers {
                base: Volume::mount(&at("layers/base"), 0o644),
                plan: Volume::mount(&at("layers/plan"), 0o644),
                user: at("layers/user"),
                policy: Volume::mount(&at("layers/policy"), 0o644),
                locks: Volume::mount(&at("layers/locks"), 0o644),
            },
            secrets: Volume::mount(&at("secrets-source"), 0o640),
            tokens: Volume::mount(&at("tokens"), 0o640),
            docker_host: None,
            folder,
        };
        pod.fill();
        pod
    }

    fn fill(&self) {
        let mut base = shipped_files("base");
        base.push((
            "90-host.json5".to_owned(),
            serde_json::to_vec_pretty(&self.host_layer()).unwrap(),
        ));
        self.layers.base.publish(&base);
        self.set_plan("free");
        self.layers.policy.publish(&shipped_files("policy"));
        self.layers
            .locks
            .publish(&[("locks.json5", fs::read(shipped("locks.json5")).unwrap())]);
        let token = format!("gw-{}-{}", self.ports.gateway, std::process::id());
        self.secrets.publish(&[("gateway-token", token)]);
        self.tokens.publish(&[
            ("read", format!("read-{}", self.ports.api)),
            ("operate", format!("operate-{}", self.ports.api)),
        ]);
    }

    /// What every host says for itself: ports and paths.
    #[must_use]
    pub fn host_layer(&self) -> Value {
        json!({
            "gateway": { "port": self.ports.gateway },
            "secrets": { "providers": { "pilotfish": { "path": self.secrets_file() } } },
            "logging": { "file": self.gateway_log() },
            "agents": { "defaults": { "workspace": self.path("workspace") } },
        })
    }

    /// Has gateways that are started from now on use this Docker daemon, `unix:///…`.
    pub fn set_docker_host(&mut self, host: &str) {
        self.docker_host = Some(host.to_owned());
    }

    /// Gives the instance its model, as a layer of the operator's and a secret.
    pub fn set_model(&self, model: &Model) {
        let layer = serde_json::to_vec_pretty(&model.layer()).unwrap();
        self.layers.base.set("91-model.json5", layer);
        self.secrets.set(KEY, "any");
    }

    /// What a gateway needs in its environment to reach its sandboxes: the daemon, and the docker command.
    pub(crate) fn sandbox_environment(&self) -> Vec<(OsString, OsString)> {
        let Some(host) = &self.docker_host else {
            return Vec::new();
        };
        let docker = docker_command();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(docker.parent().unwrap().to_path_buf());
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        vec![("DOCKER_HOST".into(), host.into()), ("PATH".into(), path)]
    }

    /// Puts the instance on another shipped plan.
    pub fn set_plan(&self, plan: &str) {
        let file = shipped("plans").join(format!("{plan}.json5"));
        self.layers
            .plan
            .publish(&[("plan.json5", fs::read(file).unwrap())]);
    }

    /// The pod's own folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the pod's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The document that the gateway reads.
    #[must_use]
    pub fn document(&self) -> PathBuf {
        self.path("doc/openclaw.json")
    }

    /// The file that the gateway's secret provider reads.
    #[must_use]
    pub fn secrets_file(&self) -> PathBuf {
        self.path("secrets-out/secrets.json")
    }

    /// The guard's socket, where the agent of the gateway's user may make it.
    #[must_use]
    pub fn guard_socket(&self) -> PathBuf {
        self.path("home/guard.sock")
    }

    /// The guard's socket as `DOCKER_HOST` names it.
    #[must_use]
    pub fn guard(&self) -> String {
        format!("unix://{}", self.guard_socket().display())
    }

    /// The log that the gateway writes.
    #[must_use]
    pub fn gateway_log(&self) -> PathBuf {
        self.path("logs/gateway.log")
    }

    /// The user's own file.
    #[must_use]
    pub fn user_file(&self) -> PathBuf {
        self.layers.user.join("user.json5")
    }

    /// The gateway's token as it is in the mounted Secret.
    #[must_use]
    pub fn gateway_token(&self) -> String {
        fs::read_to_string(self.secrets.path().join("gateway-token")).unwrap()
    }

    /// One of the agent's tokens: `read` or `operate`.
    #[must_use]
    pub fn token(&self, role: &str) -> String {
        fs::read_to_string(self.tokens.path().join(role)).unwrap()
    }

    /// Copies a program into the pod, where the gateway's user can reach it.
    ///
    /// # Panics
    /// When the program is not there.
    #[must_use]
    pub fn install(&self, program: &Path) -> PathBuf {
        let folder = self.path("bin");
        let place = folder.join(program.file_name().unwrap());
        if !place.exists() {
            fs::create_dir_all(&folder).unwrap();
            let part = folder.join(".part");
            // By another process: a child that is forked meanwhile would hold our file open, and nobody could start it.
            let copied = Command::new("cp")
                .arg(program)
                .arg(&part)
                .status()
                .expect("cp can be started");
            assert!(copied.success(), "{} cannot be copied", program.display());
            fs::rename(&part, &place).unwrap();
        }
        place
    }

    /// Writes the user's file as an editor does: a new file, renamed over the old one.
    pub fn edit_user(&self, text: &str) {
        replace(&self.user_file(), text.as_bytes(), 0o644);
    }

    /// Writes a document by hand, without an agent: a new file, renamed over the old one.
    pub fn write_document(&self, document: &Value) {
        replace(
            &self.document(),
            &serde_json::to_vec_pretty(document).unwrap(),
            0o600,
        );
    }

    /// Writes the gateway's secrets by hand, without an agent.
    pub fn write_secrets(&self) {
        let secrets = self.secrets.files().into_iter();
        let secrets = secrets
            .map(|(name, value)| (name, String::from_utf8(value).unwrap().into()))
            .collect();
        replace(
            &self.secrets_file(),
            Value::Object(secrets).to_string().as_bytes(),
            0o600,
        );
    }

    /// All layers merged in the plainest way, without locks: what to compare the agent's document with.
    #[must_use]
    pub fn plain_merge(&self) -> Value {
        let mut document = json!({});
        let folders = [
            self.layers.base.path(),
            self.layers.plan.path(),
            &self.layers.user,
            self.layers.policy.path(),
        ];
        for file in folders.into_iter().flat_map(json5_files) {
            let text = fs::read_to_string(&file).unwrap();
            let layer: Value =
                json5::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
            json_patch::merge(&mut document, &layer);
        }
        document
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        kill_all_with(self.root());
    }
}

fn shipped_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let files = json5_files(&shipped(folder)).into_iter();
    files
        .map(|file| {
            (
                file.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&file).unwrap(),
            )
        })
        .collect()
}

/// The JSON5 files of a folder in name order.
fn json5_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json5")
    });
    files.sort();
    files
}

fn replace(file: &Path, bytes: &[u8], mode: u32) {
    let part = file.with_extension("part");
    fs::write(&part, bytes).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(mode)).unwrap();
    give(&part);
    fs::rename(&part, file).unwrap();
}
