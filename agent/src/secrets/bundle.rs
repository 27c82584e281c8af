//! One regular file with all secrets, made of a directory with one file for each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use durable::{Target, Written, read_mounted_dir, read_regular};
use serde::Serialize;
use zeroize::Zeroizing;

use super::predecessor::Predecessor;
use super::{GATEWAY_TOKEN, Settings};

/// A secret larger than this is no secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;
/// More secrets than this are a mistake.
const MAX_SECRETS: usize = 256;
/// The file has no more, even where every value has to be escaped.
const MAX_BUNDLE_BYTES: u64 = 8 * MAX_SECRETS as u64 * MAX_SECRET_BYTES;

/// What can go wrong. No message holds a value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source directory cannot be read.
    #[error("cannot read the secrets in {}: {source}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: durable::Error,
    },
    /// One secret cannot be read.
    #[error("cannot read the secret {name}: {source}")]
    One {
        /// Its name.
        name: String,
        /// The cause.
        source: durable::Error,
    },
    /// One secret is no text.
    #[error(
        "the secret {name} is not UTF-8: the gateway reads text only; encode it, for example as base64"
    )]
    NotText {
        /// Its name.
        name: String,
    },
    /// There is none.
    #[error("{} holds no secret", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write the gateway's secrets to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: durable::Error,
    },
}

/// The way from the directory to the file.
#[derive(Clone, Debug)]
pub struct Bundle {
    source: PathBuf,
    out: PathBuf,
    target: Target,
    /// Which of the secrets is the gateway's token.
    token: String,
    predecessor: Option<Predecessor>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Secrets<'a>(BTreeMap<&'a str, &'a str>);

impl Bundle {
    /// Does no IO.
    pub fn new(settings: &Settings) -> Self {
        let dir = settings
            .out
            .parent()
            .map_or_else(|| PathBuf::from("."), ToOwned::to_owned);
        let name = settings
            .out
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self {
            source: settings.source.clone(),
            out: settings.out.clone(),
            target: Target {
                dir,
                name,
                mode: 0o600,
                owner: settings.owner,
            },
            token: GATEWAY_TOKEN.to_owned(),
            predecessor: Predecessor::beside(&settings.out),
        }
    }

    /// The gateway's token is the secret with the name of this file.
    #[must_use]
    pub fn with_token(mut self, file: Option<&Path>) -> Self {
        if let Some(name) = file.and_then(Path::file_name) {
            self.token = name.to_string_lossy().into_owned();
        }
        self
    }

    /// Writes the file anew when a secret changed. All or nothing: one bad secret leaves the old file.
    /// A gateway token that is replaced is kept as predecessor first: the gateway that runs may not
    /// have read the new one, and nobody else remembers what it wants.
    pub fn write(&self) -> Result<Written, Error> {
        let accept = |name: &str| !name.starts_with('.');
        let outcomes = read_mounted_dir(&self.source, &accept, MAX_SECRET_BYTES, MAX_SECRETS)
            .map_err(|source| Error::Read {
                path: self.source.clone(),
                source,
            })?;
        let mut found = Vec::new();
        for outcome in outcomes {
            let one = outcome.map_err(|(name, source)| Error::One { name, source })?;
            found.push((one.name, Zeroizing::new(one.bytes)));
        }
        if found.is_empty() {
            return Err(Error::Empty {
                path: self.source.clone(),
            });
        }
        let secrets = texts(&found)?;
        self.keep_predecessor(secrets.get(self.token.as_str()).copied());
        let bytes = render(secrets);
        self.target.write(&bytes).map_err(|source| Error::Write {
            path: self.out.clone(),
            source,
        })
    }

    /// Of two tokens that were replaced before the gateway took one, the older is kept.
    fn keep_predecessor(&self, new: Option<&str>) {
        let Some(predecessor) = &self.predecessor else {
            return;
        };
        let old = self.written_token();
        let replaced = old
            .as_deref()
            .map(|old| old.trim())
            .filter(|old| !old.is_empty() && Some(*old) != new.map(str::trim));
        if let Some(old) = replaced
            && predecessor.read().is_none()
        {
            predecessor.keep(old);
        }
    }

    /// The gateway's token in the file as it is now.
    fn written_token(&self) -> Option<Zeroizing<String>> {
        let bytes = match read_regular(&self.out, MAX_BUNDLE_BYTES) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) => {
                if !error.is_missing() {
                    tracing::warn!("the gateway's token before this one is not known: {error}");
                }
                return None;
            }
        };
        // What the parser says of a broken file may quote a value.
        let secrets: BTreeMap<String, String> = serde_json::from_slice(&bytes).ok()?;
        let mut secrets: BTreeMap<_, _> = secrets
            .into_iter()
            .map(|(name, text)| (name, Zeroizing::new(text)))
            .collect();
        secrets.remove(&self.token)
    }
}

/// Values by their names; a newline at a value's end, as editors leave it, is dropped.
fn texts(found: &[(String, Zeroizing<Vec<u8>>)]) -> Result<BTreeMap<&str, &str>, Error> {
    let mut secrets = BTreeMap::new();
    for (name, bytes) in found {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText { name: name.clone() })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        secrets.insert(name.as_str(), text.strip_suffix('\r').unwrap_or(text));
    }
    Ok(secrets)
}

/// A JSON object of names and values.
fn render(secrets: BTreeMap<&str, &str>) -> Zeroizing<Vec<u8>> {
    let capacity = secrets
        .iter()
        .map(|(name, text)| name.len() + 2 * text.len() + 8)
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(capacity));
    if serde_json::to_writer(&mut *out, &Secrets(secrets)).is_err() {
        unreachable!("strings always serialise into memory");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::TokenFile;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn stage() -> (tempfile::TempDir, Bundle) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("source/..v1")).unwrap();
        std::fs::write(dir.path().join("source/..v1/gateway-token"), "one\n").unwrap();
        symlink("..v1", dir.path().join("source/..data")).unwrap();
        symlink(
            "..data/gateway-token",
            dir.path().join("source/gateway-token"),
        )
        .unwrap();
        let settings = Settings {
            source: dir.path().join("source"),
            out: dir.path().join("secrets.json"),
            owner: None,
            poll: std::time::Duration::from_secs(5),
        };
        let bundle = Bundle::new(&settings);
        (dir, bundle)
    }

    #[test]
    fn a_mounted_secret_becomes_one_regular_private_file() {
        let (dir, bundle) = stage();
        assert_eq!(bundle.write().unwrap(), Written::Changed);
        assert_eq!(bundle.write().unwrap(), Written::Same);
        let out = dir.path().join("secrets.json");
        assert_eq!(
            std::fs::read_to_string(&out).unwrap(),
            r#"{"gateway-token":"one"}"#
        );
        let found = std::fs::symlink_metadata(&out).unwrap();
        assert!(found.is_file());
        assert_eq!(found.permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn one_bad_secret_leaves_the_old_file_and_tells_no_value() {
        let (dir, bundle) = stage();
        bundle.write().unwrap();
        std::fs::write(dir.path().join("source/..v1/broken"), b"sk-planted-\xff").unwrap();
        symlink("..data/broken", dir.path().join("source/broken")).unwrap();
        let error = bundle.write().unwrap_err();
        assert!(
            error.to_string().contains("broken") && !error.to_string().contains("planted"),
            "{error}"
        );
        assert_eq!(
            std::fs::read_to_string(dir.path().join("secrets.json")).unwrap(),
            r#"{"gateway-token":"one"}"#
        );
    }

    #[test]
    fn a_token_rotated_while_no_agent_ran_has_its_predecessor() {
        let (dir, bundle) = stage();
        let token = dir.path().join("source/gateway-token");
        let out = dir.path().join("secrets.json");
        let kept = dir.path().join(".previous-gateway-token");
        let start = || TokenFile::read(Some(token.clone()), Some(&out));
        bundle.write().unwrap();
        assert!(!kept.exists(), "nothing came before the first token");

        std::fs::write(dir.path().join("source/..v1/gateway-token"), "two\n").unwrap();
        bundle.write().unwrap();
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "one");
        let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let (mut file, pair) = start();
        assert!(pair.borrow().previous.is_some());

        std::fs::write(dir.path().join("source/..v1/gateway-token"), "three").unwrap();
        bundle.write().unwrap();
        let text = std::fs::read_to_string(&kept).unwrap();
        assert_eq!(text, "one", "the one that the gateway let in last");
        file.proved();
        assert!(!kept.exists() && start().1.borrow().previous.is_none());
    }

    #[test]
    fn a_token_that_came_back_is_not_its_own_predecessor() {
        let (dir, bundle) = stage();
        bundle.write().unwrap();
        for token in ["two", "one"] {
            std::fs::write(dir.path().join("source/..v1/gateway-token"), token).unwrap();
            bundle.write().unwrap();
        }
        let token = dir.path().join("source/gateway-token");
        let (_, pair) = TokenFile::read(Some(token), Some(&dir.path().join("secrets.json")));
        assert!(pair.borrow().previous.is_none());
    }

    #[test]
    fn other_secrets_and_broken_files_have_no_predecessor() {
        let (dir, bundle) = stage();
        let bundle = bundle.with_token(Some(Path::new("/elsewhere/admin")));
        let kept = dir.path().join(".previous-gateway-token");
        for before in [r#"{"gateway-token":"zero"}"#, "no JSON", "[1]", ""] {
            std::fs::write(dir.path().join("secrets.json"), before).unwrap();
            bundle.write().unwrap();
            assert!(!kept.exists(), "{before}");
        }
        std::fs::write(dir.path().join("secrets.json"), r#"{"admin":"old"}"#).unwrap();
        bundle.write().unwrap();
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "old");
    }
}
