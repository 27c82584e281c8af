//! The record of the child, by which a successor of ours finds it again.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::stat::{self, Stat};
use crate::{Error, Protection};

/// No record is longer than this.
const MAX_BYTES: u64 = 64 * 1024;

/// One process, named so that no other can be taken for it: a number is used again, but not with
/// the same start time and not within the same boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: i32,
    pub(crate) start_ticks: u64,
    pub(crate) boot_id: String,
    pub(crate) protection: Protection,
}

impl Record {
    /// Records a process that lives now.
    pub(crate) fn of(stat: &Stat, protection: Protection) -> Result<Record, Error> {
        Ok(Record {
            pid: stat.pid,
            start_ticks: stat.start_ticks,
            boot_id: stat::boot_id()?,
            protection,
        })
    }

    /// The recorded process, when it is still alive.
    pub(crate) fn alive(&self) -> Option<Stat> {
        let stat = Stat::read(self.pid)?;
        let same = stat.start_ticks == self.start_ticks
            && stat::boot_id().is_ok_and(|id| id == self.boot_id);
        (same && !stat.is_zombie()).then_some(stat)
    }
}

/// Reads a record. An absent or broken one names nobody: it is never a reason not to start.
pub(crate) fn read(path: &Path) -> Option<Record> {
    let bytes = match durable::read_regular(path, MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_missing() => return None,
        Err(error) => {
            tracing::warn!(error = %error, "the record of a former child cannot be read");
            return None;
        }
    };
    serde_json::from_slice(&bytes)
        .inspect_err(|error| tracing::warn!(%error, "the record of a former child is broken"))
        .ok()
}

/// Writes a record, whole or not at all.
pub(crate) fn write(path: &Path, record: &Record) -> Result<(), Error> {
    let target = durable::Target {
        dir: path.parent().unwrap_or(Path::new(".")).to_owned(),
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        mode: 0o600,
        owner: None,
    };
    let bytes = serde_json::to_vec(record).unwrap_or_default();
    match target.write(&bytes) {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Record {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine() -> Record {
        let me = Stat::read(i32::try_from(std::process::id()).unwrap()).unwrap();
        Record::of(&me, Protection::Mount).unwrap()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("child.json");
        assert_eq!(read(&path), None);
        write(&path, &mine()).unwrap();
        assert_eq!(read(&path), Some(mine()));
    }

    #[test]
    fn a_broken_record_names_nobody() {
        let dir = tempfile::tempdir().unwrap();
        for bytes in ["", "{", "{\"pid\":1}", "\u{0}\u{0}"] {
            let path = dir.path().join("child.json");
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), None, "{bytes:?}");
        }
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("link")).unwrap();
        assert_eq!(read(&dir.path().join("link")), None);
    }

    #[test]
    fn only_the_same_life_of_a_number_is_alive() {
        assert!(mine().alive().is_some());
        let other_start = Record {
            start_ticks: 1,
            ..mine()
        };
        let other_boot = Record {
            boot_id: "elsewhere".into(),
            ..mine()
        };
        let nobody = Record {
            pid: i32::MAX,
            ..mine()
        };
        for record in [other_start, other_boot, nobody] {
            assert_eq!(record.alive(), None, "{record:?}");
        }
    }
}
