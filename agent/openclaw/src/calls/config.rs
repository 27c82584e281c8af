//! `config.get`: what the gateway has and what it runs.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clip::{NAME, clip};
use crate::{Connection, Error, Issue};

/// What stands in [`ConfigSnapshot::parsed`] in the place of a value that may be secret.
pub const REDACTED: &str = "__OPENCLAW_REDACTED__";

/// The state of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigSnapshot {
    /// Whether the file is valid. It is read again for the answer, so it may be newer than
    /// what runs.
    pub valid: bool,
    /// Why not.
    pub issues: Vec<Issue>,
    /// What the next write has to name as its base.
    pub hash: Option<String>,
    /// The file's revision; absent when it is invalid, or on a release without proof.
    pub revision: Option<String>,
    /// The revision that runs.
    pub applied: Option<String>,
    /// The document, with [`REDACTED`] in many places, when it was asked for.
    pub parsed: Option<Value>,
}

impl ConfigSnapshot {
    /// Whether what is in the file is what runs. `None` where the release gives no proof.
    pub fn proved(&self) -> Option<bool> {
        let applied = self.applied.as_ref()?;
        Some(self.valid && self.revision.as_ref() == Some(applied))
    }
}

/// Whether to keep the document, which may be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// Read over it.
    Skip,
    /// Keep it.
    Keep,
}

/// The answer on the wire repeats the document five times; only what is named here is built.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<P> {
    #[serde(default)]
    valid: bool,
    #[serde(default)]
    issues: Value,
    hash: Option<String>,
    config_revision_hash: Option<String>,
    applied_config_hash: Option<String>,
    parsed: Option<P>,
}

#[derive(Serialize)]
struct Nothing {}

impl<P> Wire<P> {
    fn into_snapshot(self, parsed: impl FnOnce(P) -> Option<Value>) -> ConfigSnapshot {
        let short = |text: Option<String>| text.map(|text| clip(&text, NAME));
        ConfigSnapshot {
            valid: self.valid,
            issues: Issue::read_all(Some(&self.issues)),
            hash: short(self.hash),
            revision: short(self.config_revision_hash),
            applied: short(self.applied_config_hash),
            parsed: self.parsed.and_then(parsed),
        }
    }
}

impl Connection {
    /// `config.get` (scope read). The gateway's view may be 200 ms behind the file: right
    /// after a write, an equal pair of hashes may still be the old pair.
    pub async fn config_get(&self, parsed: Parsed) -> Result<ConfigSnapshot, Error> {
        match parsed {
            Parsed::Skip => Ok(self.wire::<IgnoredAny>().await?.into_snapshot(|_| None)),
            Parsed::Keep => Ok(self.wire::<Value>().await?.into_snapshot(Some)),
        }
    }

    async fn wire<P: DeserializeOwned>(&self) -> Result<Wire<P>, Error> {
        self.call("config.get", Nothing {}).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ConfigSnapshot {
        serde_json::from_str::<Wire<Value>>(json)
            .unwrap()
            .into_snapshot(Some)
    }

    #[test]
    fn proof_needs_a_valid_file_and_equal_hashes() {
        let cases = [
            (
                r#"{"valid":true,"configRevisionHash":"a","appliedConfigHash":"a"}"#,
                Some(true),
            ),
            (
                r#"{"valid":true,"configRevisionHash":"b","appliedConfigHash":"a"}"#,
                Some(false),
            ),
            (
                r#"{"valid":false,"configRevisionHash":null,"appliedConfigHash":"a"}"#,
                Some(false),
            ),
            (
                r#"{"valid":false,"configRevisionHash":"a","appliedConfigHash":"a"}"#,
                Some(false),
            ),
            (r#"{"valid":true,"hash":"h"}"#, None),
        ];
        for (json, want) in cases {
            assert_eq!(read(json).proved(), want, "{json}");
        }
    }

    #[test]
    fn skipping_builds_nothing() {
        let json = r#"{"valid":true,"hash":"h","parsed":{"a":{"b":[1,2]}},"resolved":{"c":1},"issues":[]}"#;
        let wire: Wire<IgnoredAny> = serde_json::from_str(json).unwrap();
        assert_eq!(wire.into_snapshot(|_| None).parsed, None);
        assert_eq!(read(json).parsed.unwrap()["a"]["b"][1], 2);
    }
}
