//! `health`: the snapshot that the gateway renews every 60 s and pushes as an event.

use serde::Deserialize;
use serde_json::json;

use super::channels::{Channels, WireHealthChannels};
use super::event_loop::{EventLoop, WireLoop};
use crate::clip::{MESSAGE, NAME};
use crate::lenient::{Few, Maybe};
use crate::{Connection, Error};

/// More plugins than these are dropped.
const PLUGINS: usize = 32;

/// What matters of the snapshot of health. The strings are the gateway's own words, cut to
/// bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Health {
    /// When the snapshot was made, in milliseconds since 1970. It may be a minute old.
    pub at_ms: Option<u64>,
    /// `active`, or `disabled` when the watcher of the configuration has given up.
    pub hot_reload: Option<String>,
    /// Its event loop, where it tells.
    pub event_loop: Option<EventLoop>,
    /// Plugins that failed to load or whose service failed.
    pub plugin_errors: Vec<PluginFault>,
    /// Plugins that the configuration wants and that are not there or not trusted.
    pub plugins_unavailable: Vec<PluginFault>,
    /// Sessions of the default agent.
    pub sessions: Option<u64>,
    /// Whether the catalogue of models is incomplete.
    pub models_degraded: Option<bool>,
    /// The accounts of the channels. The snapshot names no issues.
    pub channels: Channels,
}

/// A plugin that does not work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginFault {
    /// Which.
    pub id: String,
    /// Where it failed, such as `validation` or `service`, or the state it is in.
    pub phase: Option<String>,
    /// The error, where there is one.
    pub message: Option<String>,
}

/// The snapshot on the wire.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireHealth {
    ts: Maybe<u64>,
    config_reload: Maybe<Reload>,
    event_loop: Maybe<WireLoop>,
    plugins: Maybe<Plugins>,
    sessions: Maybe<Sessions>,
    model_runtime: Maybe<Models>,
    channels: Maybe<WireHealthChannels>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reload {
    hot_reload_status: Maybe<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Plugins {
    errors: Maybe<Few<WireFault, PLUGINS>>,
    unavailable: Maybe<Few<WireFault, PLUGINS>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireFault {
    id: Maybe<String>,
    failure_phase: Maybe<String>,
    state: Maybe<String>,
    error: Maybe<String>,
    diagnostic: Maybe<Diagnosis>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Diagnosis {
    reason: Maybe<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sessions {
    count: Maybe<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Models {
    degraded: Maybe<bool>,
}

impl From<WireFault> for PluginFault {
    fn from(wire: WireFault) -> Self {
        let phase = wire.failure_phase.text(NAME);
        let message = wire.error.text(MESSAGE);
        let diagnosis = wire.diagnostic.or_default();
        Self {
            id: wire.id.text(NAME).unwrap_or_default(),
            phase: phase.or_else(|| wire.state.text(NAME)),
            message: message.or_else(|| diagnosis.reason.text(MESSAGE)),
        }
    }
}

fn faults(list: Maybe<Few<WireFault, PLUGINS>>) -> Vec<PluginFault> {
    let list = list.or_default().kept;
    list.into_iter().map(PluginFault::from).collect()
}

impl From<WireHealth> for Health {
    fn from(wire: WireHealth) -> Self {
        let plugins = wire.plugins.or_default();
        Self {
            at_ms: wire.ts.0,
            hot_reload: wire.config_reload.or_default().hot_reload_status.text(NAME),
            event_loop: wire.event_loop.0.map(EventLoop::from),
            plugin_errors: faults(plugins.errors),
            plugins_unavailable: faults(plugins.unavailable),
            sessions: wire.sessions.or_default().count.0,
            models_degraded: wire.model_runtime.or_default().degraded.0,
            channels: Channels::from_health(wire.channels.or_default()),
        }
    }
}

impl Connection {
    /// `health` (any scope, even none). It costs the gateway 2.7 ms of CPU (2026.9.6); the
    /// same comes by itself as [`Event::Health`](crate::Event::Health).
    pub async fn health(&self) -> Result<Health, Error> {
        Ok(self.call::<WireHealth>("health", json!({})).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 2026.9.6 answers.
    const RECORDED: &str = include_str!("../../samples/health.json");

    fn read(text: &str) -> Health {
        serde_json::from_str::<WireHealth>(text).unwrap().into()
    }

    #[test]
    fn reads_a_recorded_answer() {
        let health = read(RECORDED);
        assert_eq!(health.hot_reload.as_deref(), Some("active"));
        assert_eq!(health.at_ms, Some(1_795_547_822_853));
        assert_eq!(
            (health.sessions, health.models_degraded),
            (Some(0), Some(false))
        );
        assert!(health.event_loop.is_some_and(|said| !said.degraded));
        assert!(health.plugin_errors.is_empty() && health.plugins_unavailable.is_empty());
        let [account] = health.channels.accounts.as_slice() else {
            panic!("{:?}", health.channels)
        };
        assert_eq!(
            (account.channel.as_str(), account.account.as_str()),
            ("telegram", "default")
        );
        assert_eq!(account.connected, Some(true));
    }

    #[test]
    fn names_plugins_that_do_not_work() {
        let health = read(
            r#"{"plugins":{"errors":[{"id":"a","activated":true,"failurePhase":"load","error":"no\nfile"},5],
            "unavailable":[{"id":"b","state":"missing","diagnostic":{"reason":"not installed"}}]}}"#,
        );
        let fault = |id: &str, phase: &str, message: &str| PluginFault {
            id: id.into(),
            phase: Some(phase.into()),
            message: Some(message.into()),
        };
        assert_eq!(health.plugin_errors, [fault("a", "load", "no file")]);
        assert_eq!(
            health.plugins_unavailable,
            [fault("b", "missing", "not installed")]
        );
    }

    #[test]
    fn odd_answers_are_absences() {
        for odd in [
            "{}",
            r#"{"plugins":1,"channels":7,"sessions":"many","eventLoop":null,"ts":"now","configReload":{}}"#,
            r#"{"channels":{"telegram":{"accounts":[1]}},"modelRuntime":{"degraded":1}}"#,
        ] {
            assert_eq!(read(odd), Health::default(), "{odd}");
        }
        let long = json!({"plugins": {"errors": vec![json!({"error": "x".repeat(5000)}); 100]}});
        let health = read(&long.to_string());
        assert_eq!(health.plugin_errors.len(), PLUGINS);
        assert_eq!(
            health.plugin_errors[0].message.as_ref().map(String::len),
            Some(MESSAGE)
        );
    }
}
