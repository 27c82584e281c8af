//! The body of `containers/create`, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{host::HostConfig, network::NetworkingConfig};
use crate::unused::Unused;

/// All that a client may say of a new container. What is `Unused` is never written to the daemon.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct Create {
    pub(super) hostname: String,
    pub(super) domainname: String,
    pub(super) user: String,
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) exposed_ports: BTreeMap<String, Port>,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    pub(super) healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing)]
    pub(super) args_escaped: Unused,
    pub(super) image: String,
    #[serde(skip_serializing)]
    pub(super) volumes: Unused,
    pub(super) working_dir: String,
    entrypoint: Option<Vec<String>>,
    network_disabled: bool,
    #[serde(skip_serializing)]
    pub(super) mac_address: Unused,
    #[serde(skip_serializing)]
    pub(super) on_build: Unused,
    pub(super) labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) stop_signal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stop_timeout: Option<u64>,
    #[serde(skip_serializing)]
    pub(super) shell: Unused,
    pub(super) host_config: HostConfig,
    pub(super) networking_config: Option<NetworkingConfig>,
}

/// The empty object behind an exposed port.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Port {}

/// A health check: only that there is none may be said.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct Healthcheck {
    pub(super) test: Vec<String>,
}
