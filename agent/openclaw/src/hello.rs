//! What the gateway says of itself when it lets us in.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::Scope;
use crate::clip::{MESSAGE, NAME, clip};

/// The gateway behind a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The release, such as `2026.9.6`.
    pub version: String,
    /// The build, where the release tells.
    pub build_id: Option<String>,
    /// Changes with every life of the gateway, also when the process stays.
    pub boot_id: Option<String>,
    /// What this release can do.
    pub can: Can,
    /// The configuration that runs.
    pub applied_config_hash: Option<String>,
    /// Where it reads its configuration.
    pub config_path: Option<String>,
    /// Largest request that it takes, in bytes.
    pub max_payload: usize,
    /// How often it sends a sign of life.
    pub tick: Option<Duration>,
}

/// What a release can do. Releases are told apart by this, never by their number. Not all
/// methods are in the list: `sessions.usage` is in none, and is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Can {
    /// `config.get` and hello carry the hashes that prove an application.
    pub hashes: bool,
    /// `config.set`
    pub config_set: bool,
    /// `config.schema.lookup`
    pub schema_lookup: bool,
    /// `secrets.reload`
    pub secrets_reload: bool,
    /// `logs.tail`
    pub logs_tail: bool,
    /// `gateway.restart.request`
    pub restart_request: bool,
    /// `gateway.suspend.prepare`
    pub suspend: bool,
    /// `channels.status`
    pub channels: bool,
    /// `channels.start`
    pub channel_power: bool,
    /// `system.info`
    pub system_info: bool,
    /// `diagnostics.stability`
    pub stability: bool,
    /// `gateway.restart.preflight`
    pub restart_preflight: bool,
    /// `cron.status`
    pub cron: bool,
    /// `exec.approval.list`
    pub exec_approvals: bool,
    /// `plugin.approval.list`
    pub plugin_approvals: bool,
    /// `channels.pairing.list`
    pub channel_pairing: bool,
    /// `device.pair.list`
    pub device_pairing: bool,
}

/// Hello as it is on the wire; the hundreds of method names are looked at one by one and not
/// kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireHello {
    server: Server,
    #[serde(default)]
    features: Features,
    #[serde(default)]
    snapshot: Snapshot,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    policy: Policy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    version: String,
    build_id: Option<String>,
    boot_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Features {
    #[serde(default)]
    methods: Methods,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Snapshot {
    applied_config_hash: Option<String>,
    config_path: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    scopes: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Policy {
    max_payload: Option<usize>,
    tick_interval_ms: Option<u64>,
}

/// What a gateway takes that does not say how much.
const MAX_PAYLOAD: usize = 512 * 1024;

impl WireHello {
    /// Whether every scope that was asked for was given. A release that does not say gave all.
    pub(crate) fn grants(&self, asked: &[Scope]) -> bool {
        self.auth.scopes.as_ref().is_none_or(|granted| {
            asked
                .iter()
                .all(|scope| granted.iter().any(|name| scope.covered_by(name)))
        })
    }
}

impl From<WireHello> for Hello {
    fn from(wire: WireHello) -> Self {
        let short = |text: Option<String>| text.map(|text| clip(&text, NAME));
        let applied_config_hash = short(wire.snapshot.applied_config_hash);
        let mut can = wire.features.methods.0;
        can.hashes = applied_config_hash.is_some();
        Self {
            version: clip(&wire.server.version, NAME),
            build_id: short(wire.server.build_id),
            boot_id: short(wire.server.boot_id),
            can,
            applied_config_hash,
            config_path: wire.snapshot.config_path.map(|path| clip(&path, MESSAGE)),
            max_payload: wire.policy.max_payload.unwrap_or(MAX_PAYLOAD),
            tick: wire.policy.tick_interval_ms.map(Duration::from_millis),
        }
    }
}

/// The list of methods, read into flags.
#[derive(Default)]
struct Methods(Can);

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Methods;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of methods")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Methods, A::Error> {
                let mut can = Can::default();
                while let Some(name) = names.next_element::<Method>()? {
                    name.note(&mut can);
                }
                Ok(Methods(can))
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

/// The methods that we know; any other is `Other`.
#[derive(Deserialize)]
enum Method {
    #[serde(rename = "config.set")]
    ConfigSet,
    #[serde(rename = "config.schema.lookup")]
    SchemaLookup,
    #[serde(rename = "secrets.reload")]
    SecretsReload,
    #[serde(rename = "logs.tail")]
    LogsTail,
    #[serde(rename = "gateway.restart.request")]
    RestartRequest,
    #[serde(rename = "gateway.suspend.prepare")]
    SuspendPrepare,
    #[serde(rename = "channels.status")]
    ChannelsStatus,
    #[serde(rename = "channels.start")]
    ChannelsStart,
    #[serde(rename = "system.info")]
    SystemInfo,
    #[serde(rename = "diagnostics.stability")]
    Stability,
    #[serde(rename = "gateway.restart.preflight")]
    RestartPreflight,
    #[serde(rename = "cron.status")]
    CronStatus,
    #[serde(rename = "exec.approval.list")]
    ExecApprovals,
    #[serde(rename = "plugin.approval.list")]
    PluginApprovals,
    #[serde(rename = "channels.pairing.list")]
    ChannelPairing,
    #[serde(rename = "device.pair.list")]
    DevicePairing,
    #[serde(other)]
    Other,
}

impl Method {
    fn note(self, can: &mut Can) {
        match self {
            Self::ConfigSet => can.config_set = true,
            Self::SchemaLookup => can.schema_lookup = true,
            Self::SecretsReload => can.secrets_reload = true,
            Self::LogsTail => can.logs_tail = true,
            Self::RestartRequest => can.restart_request = true,
            Self::SuspendPrepare => can.suspend = true,
            Self::ChannelsStatus => can.channels = true,
            Self::ChannelsStart => can.channel_power = true,
            Self::SystemInfo => can.system_info = true,
            Self::Stability => can.stability = true,
            Self::RestartPreflight => can.restart_preflight = true,
            Self::CronStatus => can.cron = true,
            Self::ExecApprovals => can.exec_approvals = true,
            Self::PluginApprovals => can.plugin_approvals = true,
            Self::ChannelPairing => can.channel_pairing = true,
            Self::DevicePairing => can.device_pairing = true,
            Self::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_newest_release() {
        let wire: WireHello = serde_json::from_str(
            r#"{"type":"hello-ok","protocol":4,
            "server":{"version":"2026.9.6","buildId":"b","bootId":"i","connId":"c"},
            "features":{"methods":["health","config.set","config.schema.lookup","secrets.reload","logs.tail","gateway.restart.request","channels.status","system.info"],"events":["tick"]},
            "snapshot":{"appliedConfigHash":"hmac-sha256:v1:x","configPath":"/d/openclaw.json","health":{"a":[1]}},
            "auth":{"scopes":["operator.read"]},
            "policy":{"maxPayload":26214400,"tickIntervalMs":30000}}"#,
        )
        .unwrap();
        assert!(wire.grants(&[Scope::Read]));
        assert!(!wire.grants(&[Scope::Read, Scope::Admin]));
        let hello = Hello::from(wire);
        assert_eq!(hello.version, "2026.9.6");
        assert_eq!(hello.boot_id.as_deref(), Some("i"));
        assert_eq!(hello.max_payload, 26_214_400);
        assert_eq!(hello.tick, Some(Duration::from_secs(30)));
        let want = Can {
            hashes: true,
            config_set: true,
            schema_lookup: true,
            secrets_reload: true,
            logs_tail: true,
            restart_request: true,
            channels: true,
            system_info: true,
            ..Can::default()
        };
        assert_eq!(hello.can, want);
    }

    #[test]
    fn an_older_release_can_less() {
        let wire: WireHello =
            serde_json::from_str(r#"{"server":{"version":"2026.6.6"},"snapshot":{},"auth":{}}"#)
                .unwrap();
        assert!(wire.grants(&[Scope::Admin]));
        let hello = Hello::from(wire);
        assert_eq!(hello.can, Can::default());
        assert_eq!(hello.max_payload, MAX_PAYLOAD);
    }
}
