use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::read::bounded;
use crate::{Digest, Error, Target, open};

/// Digits of the checksum before each record.
const SUM_LEN: usize = 16;

/// An append-only file of JSON lines, each after a short checksum.
///
/// What [`append`](Self::append) has acknowledged is there after a crash, and only whole records are ever read back.
#[derive(Debug)]
pub struct Records<T> {
    target: Target,
    file: File,
    len: u64,
    max_bytes: u64,
    cut: u64,
    record: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned> Records<T> {
    /// Opens the file, makes it where it is missing, and returns what it holds, oldest first.
    ///
    /// From the first record that is torn or damaged on, the file is cut off; [`cut_bytes`](Self::cut_bytes) tells how much.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max_bytes`; [`Error::Decode`] for a record that is whole but of another
    /// shape: that one is left alone, since a newer version may have written it.
    pub fn open(path: &Path, max_bytes: u64) -> Result<(Self, Vec<T>), Error> {
        let target = target(path)?;
        let path = target.path();
        let dir = target.open_dir()?;
        let opened = open::regular(&dir, Path::new(&target.name), OFlag::O_RDWR, &path)
            .and_then(|opened| open::sole(opened, &path));
        let (file, bytes) = match opened {
            Ok((file, stat)) => {
                let reader = file.try_clone().map_err(Error::io("open", &path))?;
                (file, bounded(reader, &stat, max_bytes, &path)?)
            }
            Err(error) if error.is_missing() => (target.replace(dir.as_fd(), b"")?, Vec::new()),
            Err(error) => return Err(error),
        };
        let (records, len) = whole_records(&bytes, &path)?;
        let cut = bytes.len() as u64 - len;
        let opened = Self {
            target,
            file,
            len,
            max_bytes,
            cut,
            record: PhantomData,
        };
        if cut > 0 {
            let rest = usize::try_from(len).unwrap_or(usize::MAX);
            opened.keep_damaged(&dir, bytes.get(rest..).unwrap_or_default())?;
            opened.cut_back()?;
        }
        Ok((opened, records))
    }

    /// Adds a record. When this returns, it is on the disk; when it fails, the file is as it was.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the file would grow above its limit (compact it with [`rewrite`](Self::rewrite)),
    /// [`Error::Io`] for a full disk.
    pub fn append(&mut self, record: &T) -> Result<(), Error> {
        let line = self.line(record)?;
        let len = self.within_limit(self.len + line.len() as u64)?;
        // Written at a position, not at the end, so that leftovers of a failed append are overwritten.
        let written = self
            .file
            .write_all_at(&line, self.len)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A tail that cannot be cut back now is cut off when the file is opened next.
            let _ = self.cut_back();
            return Err(Error::io("append to", &self.target.path())(error));
        }
        self.len = len;
        Ok(())
    }

    /// Replaces all records at once: afterwards the file holds these, or after an error the old ones.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn rewrite(&mut self, records: &[T]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend(self.line(record)?);
        }
        let len = self.within_limit(bytes.len() as u64)?;
        let dir = self.target.open_dir()?;
        self.file = self.target.replace(dir.as_fd(), &bytes)?;
        self.len = len;
        Ok(())
    }

    /// How long the file is.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// How much damaged tail was cut off when the file was opened.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.cut
    }

    fn line(&self, record: &T) -> Result<Vec<u8>, Error> {
        let json = serde_json::to_vec(record).map_err(|source| Error::Encode {
            path: self.target.path(),
            source,
        })?;
        let mut line = sum(&json).into_bytes();
        line.push(b' ');
        line.extend(json);
        line.push(b'\n');
        Ok(line)
    }

    fn within_limit(&self, len: u64) -> Result<u64, Error> {
        if len <= self.max_bytes {
            return Ok(len);
        }
        Err(Error::TooLarge {
            path: self.target.path(),
            max: self.max_bytes,
        })
    }

    /// What is cut off is kept beside the file: more than a torn tail may be worth a look.
    fn keep_damaged(&self, dir: impl AsFd, bytes: &[u8]) -> Result<(), Error> {
        let beside = Target {
            name: format!("{}.damaged", self.target.name),
            ..self.target.clone()
        };
        beside.replace(dir.as_fd(), bytes).map(drop)
    }

    fn cut_back(&self) -> Result<(), Error> {
        self.file
            .set_len(self.len)
            .and_then(|()| self.file.sync_data())
            .map_err(Error::io("cut off the tail of", &self.target.path()))
    }
}

fn target(path: &Path) -> Result<Target, Error> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::BadName {
        name: path.display().to_string(),
    })?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    Ok(Target {
        dir,
        name: name.to_owned(),
        mode: 0o600,
        owner: None,
    })
}

/// The records up to the first damage, and how many bytes they take.
fn whole_records<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<(Vec<T>, u64), Error> {
    let mut records = Vec::new();
    let mut len = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(json) = whole(line) else { break };
        let record = serde_json::from_slice(json).map_err(|source| Error::Decode {
            path: path.to_path_buf(),
            number: records.len() + 1,
            source,
        })?;
        records.push(record);
        len += line.len() as u64;
    }
    Ok((records, len))
}

/// The JSON of a line that is complete and has the right checksum.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (head, json) = line.split_at_checked(SUM_LEN + 1)?;
    (head.strip_suffix(b" ")? == sum(json).as_bytes()).then_some(json)
}

fn sum(json: &[u8]) -> String {
    let mut text = Digest::of(json).to_string();
    text.truncate(SUM_LEN);
    text
}
