//! One regular file with all secrets, made of a directory with one file for each.

use std::path::PathBuf;

use durable::{Target, Written, read_mounted_dir};
use serde::Serialize;
use zeroize::Zeroizing;

use super::Settings;

/// A secret larger than this is no secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;
/// More secrets than this are a mistake.
const MAX_SECRETS: usize = 256;

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
}

#[derive(Serialize)]
#[serde(transparent)]
struct Secrets<'a>(std::collections::BTreeMap<&'a str, &'a str>);

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
        }
    }

    /// Writes the file anew when a secret changed. All or nothing: one bad secret leaves the old file.
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
        let bytes = render(&found)?;
        self.target.write(&bytes).map_err(|source| Error::Write {
            path: self.out.clone(),
            source,
        })
    }
}

/// A JSON object of names and values; a newline at a value's end, as editors leave it, is dropped.
fn render(found: &[(String, Zeroizing<Vec<u8>>)]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut secrets = std::collections::BTreeMap::new();
    for (name, bytes) in found {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::NotText { name: name.clone() })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        secrets.insert(name.as_str(), text.strip_suffix('\r').unwrap_or(text));
    }
    let capacity = found
        .iter()
        .map(|(name, bytes)| name.len() + 2 * bytes.len() + 8)
        .sum();
    let mut out = Zeroizing::new(Vec::with_capacity(capacity));
    if serde_json::to_writer(&mut *out, &Secrets(secrets)).is_err() {
        unreachable!("strings always serialise into memory");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
