//! From what was given to settings: every mistake of a call at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, ValueEnum};
use config_merge::{LayerName, Pattern};

use crate::settings::{
    AGENT, CHILD, DOCUMENT, Given, Knob, SANDBOX, duration, owner, parsed, word,
};
use crate::{config, secrets};

/// Every knob there is.
pub(super) const ALL: [&[Knob]; 4] = [DOCUMENT, AGENT, CHILD, SANDBOX];

/// Mode of a document that only its owner reads.
pub(super) const PRIVATE: u32 = 0o600;

/// A switch.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

/// Gathers what was given to a command: flags, environment, settings file, defaults.
pub(super) fn given(matches: &ArgMatches) -> Given {
    let flag = matches
        .try_get_one::<String>("settings")
        .ok()
        .flatten()
        .map(PathBuf::from);
    let file = flag.or_else(|| {
        std::env::var_os("PILOTFISH_SETTINGS")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    Given::gather(matches, &ALL, file.as_deref())
}

/// The settings of the config component. What a command needs of them it says itself.
pub(super) fn config(given: &Given) -> config::Settings {
    config::Settings {
        layers: layers(given),
        locks: given.path("locks"),
        document: given.path("out").unwrap_or_default(),
        mode: given.read("document-mode", mode).unwrap_or(PRIVATE),
        owner: given.read("document-owner", owner),
        state: given.path("state").unwrap_or_default(),
        drift: given.read("drift", word).unwrap_or_default(),
        read_only: false,
        shared_paths: given.all("shared-path", |text| {
            parsed::<Pattern>(text).map(|_| text.to_owned())
        }),
        probation: time(given, "probation"),
        absent: time(given, "absent-after"),
        quiet: time(given, "quiet"),
        poll: time(given, "poll"),
        gateway_version: given.text("gateway-version").map(ToOwned::to_owned),
    }
}

/// A duration with a default of its own.
pub(super) fn time(given: &Given, name: &'static str) -> std::time::Duration {
    given.read(name, duration).unwrap_or_default()
}

fn layers(given: &Given) -> BTreeMap<LayerName, PathBuf> {
    let mut layers = BTreeMap::new();
    for (name, path) in given.all("layer", layer) {
        if layers.insert(name, path).is_some() {
            given.mistake(
                "--layer",
                &format!("the layer {name} is given twice; a layer of many files is a directory"),
            );
        }
    }
    layers
}

fn layer(text: &str) -> Result<(LayerName, PathBuf), String> {
    let (name, path) = text
        .split_once('=')
        .filter(|(_, path)| !path.is_empty())
        .ok_or_else(|| format!("{text:?} is no NAME=PATH; write such as user=/layers/user"))?;
    match name.parse() {
        Ok(LayerName::Runtime) => {
            Err("the runtime layer is the agent's own; give base, plan, user or policy".to_owned())
        }
        Ok(name) => Ok((name, PathBuf::from(path))),
        Err(_) => Err(format!(
            "{name:?} is no layer; give base, plan, user or policy"
        )),
    }
}

/// Permission bits.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| mode & !0o777 == 0);
    mode.ok_or_else(|| format!("{text:?} is no mode; write such as 0600 or 0640"))
}

/// The secrets' way, where there is one: both ends of it or none.
pub(super) fn secrets(given: &Given, owner: Option<(u32, u32)>) -> Option<secrets::Settings> {
    match (given.path("secrets"), given.path("secrets-out")) {
        (Some(source), Some(out)) => Some(secrets::Settings {
            source,
            out,
            owner,
            poll: time(given, "poll"),
        }),
        (None, None) => None,
        (Some(_), None) => {
            given.mistake(
                "--secrets",
                "needs --secrets-out FILE: the one file that the gateway reads",
            );
            None
        }
        (None, Some(_)) => {
            given.mistake(
                "--secrets-out",
                "needs --secrets DIR: where the secrets are mounted",
            );
            None
        }
    }
}

/// At least one layer, and a document that is no directory.
pub(super) fn need_layers(given: &Given, settings: &config::Settings) {
    if settings.layers.is_empty() {
        given.mistake(
            "--layer",
            "is needed here, such as --layer user=/layers/user",
        );
    }
}

/// A path as the gateway sees it, whatever its own directory is.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_a_name_and_a_path() {
        assert_eq!(
            layer("user=/a=b").unwrap(),
            (LayerName::User, "/a=b".into())
        );
        for text in ["user", "user=", "=x", "admin=/x", "runtime=/x"] {
            assert!(layer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mode_is_octal_and_no_more_than_permissions() {
        assert_eq!(mode("0640").unwrap(), 0o640);
        for text in ["8", "rw", "4755", "", "-1"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
