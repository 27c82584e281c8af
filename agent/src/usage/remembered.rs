//! The counters over a restart of the agent: one small file.

use std::path::{Path, PathBuf};

use durable::{Target, read_regular};

use super::counters::Saved;

/// The file in the agent's own directory.
const FILE: &str = "usage.json";

/// Some 30 models by their labels, over a few days, are 20 KiB.
const MAX_BYTES: u64 = 256 << 10;

/// The file of the counters.
#[derive(Debug)]
pub struct Remembered {
    target: Target,
    /// Said once, not at every try.
    fails: bool,
}

impl Remembered {
    /// The file in this directory. Nothing is read yet.
    pub fn new(state: &Path) -> Self {
        let target = Target {
            dir: state.to_path_buf(),
            name: FILE.to_owned(),
            mode: 0o600,
            owner: None,
        };
        Self {
            target,
            fails: false,
        }
    }

    /// What was kept; nothing where it cannot be read, which is said.
    pub fn read(&self) -> Saved {
        if let Err(error) = self.target.sweep() {
            tracing::debug!(%error, "halves of a file stay in the agent's directory");
        }
        let path = self.path();
        let bytes = match read_regular(&path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => return Saved::default(),
            Err(error) => {
                tracing::warn!(%error, "the counters of use cannot be read: tokens and cost are counted anew from the start of this day");
                return Saved::default();
            }
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "the file of the counters of use is broken: tokens and cost are counted anew from the start of this day");
            Saved::default()
        })
    }

    /// Keeps the counters. On a full disk they are kept with the next change.
    pub fn write(&mut self, saved: &Saved) {
        let bytes = match serde_json::to_vec(saved) {
            Ok(bytes) => bytes,
            Err(error) => return tracing::error!(%error, "the counters of use cannot be written"),
        };
        match self.target.write(&bytes) {
            Ok(_) => self.fails = false,
            Err(error) if self.fails => {
                tracing::debug!(%error, "the counters of use are still not kept")
            }
            Err(error) => {
                self.fails = true;
                tracing::warn!(%error, "the counters of use cannot be kept: were the agent to restart now, some tokens would be counted twice");
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.target.dir.join(&self.target.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::UNIX_EPOCH;

    use super::super::counters::{Book, Day, Model, Used};
    use super::*;

    fn book() -> Book {
        let mut book = Book::default();
        let used = Used {
            input: 7,
            output: 3,
            cost_usd: 0.1 + 0.2,
        };
        let day = Day::of(UNIX_EPOCH);
        book.see(day, day, BTreeMap::from([(Model::other(), used)]));
        book
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = Remembered::new(dir.path());
        assert_eq!(file.read(), Saved::default());
        file.write(&book().saved());
        assert_eq!(Remembered::new(dir.path()).read(), book().saved());
    }

    #[test]
    fn what_is_broken_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for broken in [
            "",
            "{",
            "[]",
            r#"{"totals":[{"provider":1}],"days":[],"closed":null}"#,
        ] {
            fs::write(&path, broken).unwrap();
            assert_eq!(
                Remembered::new(dir.path()).read(),
                Saved::default(),
                "{broken}"
            );
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let mut file = Remembered::new(dir.path());
        assert_eq!(file.read(), Saved::default());
        file.write(&book().saved());
        assert!(file.fails);
    }
}
