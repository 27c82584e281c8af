//! The gateway's document: its value, its exact bytes, and the file that holds them.

use config_merge::{Layer, Merged, Problem, Provenance, Rules};
use durable::{Digest, Target, Written};
use serde_json::Value;

use super::Error;
use super::settings::Settings;

/// A document larger than this is not read back from disk.
pub const MAX_DOCUMENT_BYTES: u64 = 8 << 20;

/// A merged document. Its Debug shows the hash alone: the value may hold what is private.
#[derive(Clone)]
pub struct Document {
    /// The value.
    pub value: Value,
    /// The bytes, in the gateway's own format.
    pub bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub sha256: Digest,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document")
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

impl Document {
    /// Renders a value.
    pub fn of(value: Value) -> Self {
        let bytes = config_merge::render(&value);
        let sha256 = Digest::of(&bytes);
        Self {
            value,
            bytes,
            sha256,
        }
    }
}

/// Whether two documents say the same, but for objects that hold nothing.
pub fn says_the_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one.keys().chain(other.keys()).all(|key| {
            let absent = Value::Object(serde_json::Map::new());
            let (one, other) = (one.get(key), other.get(key));
            says_the_same(one.unwrap_or(&absent), other.unwrap_or(&absent))
        }),
        (one, other) => one == other,
    }
}

/// A document with the reason for each of its keys.
pub struct Evaluation {
    /// The document.
    pub document: Document,
    /// Who set what.
    pub provenance: Provenance,
    /// Keys of user and runtime that a lock or bound kept out.
    pub left_out: Vec<Problem>,
}

impl Evaluation {
    /// Merges, and refuses when user or runtime break a rule.
    pub fn strict(layers: &[Layer], rules: &Rules) -> Result<Self, Vec<Problem>> {
        config_merge::merge(layers, rules).map(Self::from)
    }

    /// Merges, and leaves out what breaks a rule.
    pub fn lenient(layers: &[Layer], rules: &Rules) -> Result<Self, Vec<Problem>> {
        config_merge::merge_lenient(layers, rules).map(Self::from)
    }
}

impl From<Merged> for Evaluation {
    fn from(merged: Merged) -> Self {
        Self {
            document: Document::of(merged.document),
            provenance: merged.provenance,
            left_out: merged.left_out,
        }
    }
}

/// The document's file.
#[derive(Clone, Debug)]
pub struct DocumentFile {
    target: Target,
}

impl DocumentFile {
    /// The file that the settings name. Does no IO.
    pub fn new(settings: &Settings) -> Self {
        let dir = settings
            .document
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty());
        let name = settings
            .document
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Self {
            target: Target {
                dir: dir.map_or_else(|| ".".into(), ToOwned::to_owned),
                name: name.unwrap_or_else(|| "openclaw.json".to_owned()),
                mode: settings.mode,
                owner: settings.owner,
            },
        }
    }

    /// Makes the file hold these bytes; the same bytes are not written again.
    pub fn write(&self, bytes: &[u8]) -> Result<Written, Error> {
        Ok(self.target.write(bytes)?)
    }

    /// Removes what a killed predecessor left half written.
    pub fn sweep(&self) -> Result<usize, Error> {
        Ok(self.target.sweep()?)
    }

    /// What the file holds now; none when nothing (or no regular file) is there.
    pub fn read(&self) -> Option<Vec<u8>> {
        durable::read_regular(&self.target.dir.join(&self.target.name), MAX_DOCUMENT_BYTES).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_that_hold_nothing_say_nothing() {
        let same = [
            (json!({}), json!({ "messages": {} })),
            (json!({ "a": { "b": {} } }), json!({ "a": {} })),
            (
                json!({ "a": 1, "b": {} }),
                json!({ "a": 1, "c": { "d": {} } }),
            ),
        ];
        for (one, other) in same {
            assert!(
                says_the_same(&one, &other) && says_the_same(&other, &one),
                "{one} {other}"
            );
        }
        let different = [
            (json!({}), json!({ "a": [] })),
            (json!({}), json!({ "a": null })),
            (json!({ "a": {} }), json!({ "a": 0 })),
            (json!({ "a": [{}] }), json!({ "a": [] })),
            (json!({ "a": { "b": 1 } }), json!({ "a": {} })),
        ];
        for (one, other) in different {
            assert!(
                !says_the_same(&one, &other) && !says_the_same(&other, &one),
                "{one} {other}"
            );
        }
    }
}
