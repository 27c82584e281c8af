use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::slice;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Line, Lines, Sink};

/// [`Lines`] that are values of one type, few enough to be held in memory.
#[derive(Debug)]
pub struct Records<T> {
    lines: Lines,
    path: PathBuf,
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
        let mut records = Vec::new();
        let lines = Lines::open(path, max_bytes, |line| {
            if let Line::Whole { json, .. } = line {
                let record = serde_json::from_slice(json).map_err(|source| Error::Decode {
                    path: path.to_path_buf(),
                    number: records.len() + 1,
                    source,
                })?;
                records.push(record);
            }
            Ok(())
        })?;
        let opened = Self {
            lines,
            path: path.to_path_buf(),
            record: PhantomData,
        };
        Ok((opened, records))
    }

    /// Adds a record. When this returns, it is on the disk; when it fails, the file is as it was.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the file would grow above its limit (compact it with [`rewrite`](Self::rewrite)),
    /// [`Error::Io`] for a full disk.
    pub fn append(&mut self, record: &T) -> Result<(), Error> {
        let (path, record) = (&self.path, slice::from_ref(record));
        self.lines.append(|sink| push_all(sink, record, path))
    }

    /// Replaces all records at once: afterwards the file holds these, or after an error the old ones.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn rewrite(&mut self, records: &[T]) -> Result<(), Error> {
        let path = &self.path;
        self.lines.rewrite(|sink| push_all(sink, records, path))
    }

    /// How long the file is.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.lines.len_bytes()
    }

    /// How much damaged tail was cut off when the file was opened.
    #[must_use]
    pub fn cut_bytes(&self) -> u64 {
        self.lines.cut_bytes()
    }
}

fn push_all<T: Serialize>(sink: &mut Sink<'_>, records: &[T], path: &Path) -> Result<(), Error> {
    for record in records {
        let json = serde_json::to_vec(record).map_err(|source| Error::Encode {
            path: path.to_path_buf(),
            source,
        })?;
        sink.push(&json)?;
    }
    Ok(())
}
