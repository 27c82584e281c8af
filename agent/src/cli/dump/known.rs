//! The secrets that are known here: what the settings name, read so that it can be searched for.

use std::path::{Path, PathBuf};

use durable::{read_mounted_dir, read_mounted_file, read_regular};
use serde_json::Value;
use zeroize::Zeroizing;

use super::needles::SHORTEST;
use crate::secrets;
use crate::settings::Given;

/// The largest file of one secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;
/// The most files of secrets.
const MAX_SECRETS: usize = 256;
/// The largest file of all secrets.
const MAX_BUNDLE_BYTES: u64 = 64 << 20;

/// Files of tokens, one in a line.
const TOKENS: [&str; 3] = [
    "read-token-file",
    "operate-token-file",
    "gateway-token-file",
];

/// What is known, and what is not.
pub(super) struct Known {
    /// The values.
    pub(super) values: Vec<Zeroizing<String>>,
    /// Why some are missing, for people.
    pub(super) problems: Vec<String>,
    /// Whether every secret that is there could be read.
    pub(super) complete: bool,
}

impl Known {
    /// Reads every secret that the settings name, and these files of tokens.
    pub(super) fn read(given: &Given, tokens: &[&Option<PathBuf>]) -> Self {
        let mut known = Self {
            values: Vec::new(),
            problems: Vec::new(),
            complete: true,
        };
        match given.path("secrets") {
            Some(dir) => known.mounted(&dir),
            None => known.problems.push(
                "no --secrets: values of secrets are not known, only what has the shape of one is blanked"
                    .to_owned(),
            ),
        }
        if let Some(file) = given.path("secrets-out") {
            known.bundle(&file);
        }
        let named = TOKENS.iter().filter_map(|knob| given.path(knob));
        let mut files: Vec<PathBuf> = named
            .chain(tokens.iter().filter_map(|file| (*file).clone()))
            .collect();
        files.sort();
        files.dedup();
        files.iter().for_each(|file| known.file(file));
        if let Some(dir) = given.path("tls-dir") {
            known.file(&dir.join("tls.key"));
        }
        known
    }

    fn mounted(&mut self, dir: &Path) {
        match read_mounted_dir(dir, &|_| true, MAX_SECRET_BYTES, MAX_SECRETS) {
            Err(error) => self.unreadable(&dir.display().to_string(), &error),
            Ok(found) => {
                for outcome in found {
                    match outcome {
                        Ok(found) => self.value(&found.name, &Zeroizing::new(found.bytes)),
                        Err((name, error)) => self.unreadable(&name, &error),
                    }
                }
            }
        }
    }

    /// The gateway's own file: an object of texts. And the token before the newest, which is kept beside it.
    fn bundle(&mut self, file: &Path) {
        let name = file.display().to_string();
        match read_regular(file, MAX_BUNDLE_BYTES).map(Zeroizing::new) {
            Err(error) => self.unreadable(&name, &error),
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(Value::Object(map)) => {
                    let texts = map.into_iter().map(|(key, value)| (key, text(value)));
                    texts.for_each(|(key, text)| self.value(&key, text.as_bytes()));
                }
                _ => self.value(&name, &bytes),
            },
        }
        self.values.extend(secrets::kept_token(file));
    }

    /// A file of tokens or a key: every line, and the whole.
    fn file(&mut self, file: &Path) {
        let name = file.display().to_string();
        match read_mounted_file(file, MAX_BUNDLE_BYTES).map(Zeroizing::new) {
            Err(error) => self.unreadable(&name, &error),
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lines = text.lines().map(str::trim);
                let lines = lines.filter(|line| line.len() >= SHORTEST && !line.starts_with('#'));
                self.values
                    .extend(lines.map(|line| Zeroizing::new(line.to_owned())));
            }
        }
    }

    fn value(&mut self, name: &str, bytes: &[u8]) {
        let value = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
        if value.trim().len() < SHORTEST {
            self.problems.push(format!(
                "the secret {name} is shorter than {SHORTEST} characters, and was not looked for"
            ));
        }
        self.values.push(value);
    }

    /// What is not there is no secret; what is there and closed to us may stand in every log.
    fn unreadable(&mut self, name: &str, error: &durable::Error) {
        self.complete &= error.is_missing();
        self.problems
            .push(format!("the secrets of {name}: {error}"));
    }
}

fn text(value: Value) -> Zeroizing<String> {
    Zeroizing::new(match value {
        Value::String(text) => text,
        other => other.to_string(),
    })
}
