use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;
use nix::unistd::fsync;

use crate::line_reader::{LineReader, Snapshot};
use crate::read::bounded_part;
use crate::{Digest, Error, Target, open};

/// Digits of the checksum before each line.
pub(crate) const SUM_LEN: usize = 16;

/// Bytes that gather before they go to the file.
const CHUNK: usize = 32 * 1024;

/// An append-only file of lines of JSON, each after a short checksum. The caller encodes them.
///
/// What [`append`](Self::append) has acknowledged is there after a crash, and only whole lines are ever read back.
/// No content is held in memory.
#[derive(Debug)]
pub struct Lines {
    target: Target,
    file: Arc<File>,
    len: u64,
    max_bytes: u64,
    cut: u64,
    /// An append failed and left something behind the end.
    torn: bool,
    /// The directory does not surely know of the file yet.
    unsettled: bool,
}

/// What is found in a file of lines when it is opened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// One that is kept.
    Whole {
        /// Where it begins in the file.
        at: u64,
        /// Its JSON.
        json: &'a [u8],
    },
    /// One that is cut off: the first damaged one, and what follows it up to the last line end.
    Cut {
        /// Its JSON, where this very line is undamaged.
        json: Option<&'a [u8]>,
    },
}

/// Where lines are written to, within one [`Lines::append`] or [`Lines::rewrite`].
#[derive(Debug)]
pub struct Sink<'a> {
    file: &'a File,
    path: &'a Path,
    start: u64,
    len: u64,
    buffer: Vec<u8>,
    max_bytes: u64,
}

impl Lines {
    /// Opens the file, makes it where it is missing, and shows what it holds, oldest first.
    ///
    /// From the first line that is torn or damaged on, the file is cut off, and what is cut off is kept beside it;
    /// [`cut_bytes`](Self::cut_bytes) tells how much.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max_bytes`, and what `each` returns: then the file is left alone.
    pub fn open(
        path: &Path,
        max_bytes: u64,
        each: impl FnMut(Line<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let target = target(path)?;
        let path = target.path();
        let dir = target.open_dir()?;
        let opened = open::regular(&dir, Path::new(&target.name), OFlag::O_RDWR, &path)
            .and_then(|opened| open::sole(opened, &path));
        let (file, size) = match opened {
            Ok((file, stat)) => (file, u64::try_from(stat.st_size).unwrap_or(u64::MAX)),
            Err(error) if error.is_missing() => (target.replace(dir.as_fd(), b"")?, 0),
            Err(error) => return Err(error),
        };
        let mut lines = Self {
            target,
            file: Arc::new(file),
            len: 0,
            max_bytes,
            cut: 0,
            torn: false,
            unsettled: false,
        };
        lines.within_limit(size)?;
        lines.len = lines.show(size, each)?;
        lines.cut = size - lines.len;
        if lines.cut > 0 {
            lines.keep_damaged(&dir)?;
            lines.cut_back()?;
        }
        Ok(lines)
    }

    /// Adds the lines that `fill` pushes, with one fsync for all. When this returns, they are on the disk; when it fails,
    /// the file is as it was.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when the file would grow above its limit (compact it with [`rewrite`](Self::rewrite)),
    /// [`Error::Io`] for a full disk, and what `fill` returns.
    pub fn append(
        &mut self,
        fill: impl FnOnce(&mut Sink<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.settle()?;
        match self.add(fill) {
            Ok(len) => {
                self.len = len;
                Ok(())
            }
            Err(error) => {
                self.torn = true;
                // What cannot be cut back now is cut back before the next append, or when the file is opened next.
                let _ = self.settle();
                Err(error)
            }
        }
    }

    /// Replaces all lines at once by those that `fill` pushes: afterwards the file holds these, or after an error the old
    /// ones. Only when the directory's own fsync fails may an error come with the new ones in place, and the next append
    /// does not succeed before that is made good.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn rewrite(
        &mut self,
        fill: impl FnOnce(&mut Sink<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = self.target.path();
        let dir = self.target.open_dir()?;
        let mut len = 0;
        let file = self.target.swap(dir.as_fd(), |file| {
            let mut sink = Sink::new(file, &path, 0, self.max_bytes);
            fill(&mut sink)?;
            len = sink.finish()?;
            Ok(())
        })?;
        self.file = Arc::new(file);
        self.len = len;
        self.torn = false;
        self.unsettled = true;
        self.settle()
    }

    /// What the file holds now, for readers beside the writer. Appends and rewrites do not change a snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.file.clone(), self.len, self.target.path().into())
    }

    /// Removes what rewrites of killed predecessors left behind; tells how many files.
    ///
    /// Only the one owner of the directory may call this, as [`Target::sweep`].
    ///
    /// # Errors
    /// As [`Target::sweep`].
    pub fn sweep(&self) -> Result<usize, Error> {
        Ok(self.target.sweep()? + self.damaged().sweep()?)
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

    /// Shows the lines; returns where the whole ones end.
    fn show(
        &self,
        size: u64,
        mut each: impl FnMut(Line<'_>) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let snapshot = Snapshot::new(self.file.clone(), size, self.target.path().into());
        let mut reader: LineReader = snapshot.read_from(0);
        let mut damaged_at = None;
        while let Some(found) = reader.read_line()? {
            match (damaged_at, found.json) {
                (None, Some(json)) => each(Line::Whole { at: found.at, json })?,
                (_, json) => {
                    damaged_at.get_or_insert(found.at);
                    if found.ended {
                        each(Line::Cut { json })?;
                    }
                }
            }
        }
        Ok(damaged_at.unwrap_or(size))
    }

    /// The length of the file with what `fill` pushed.
    fn add(&self, fill: impl FnOnce(&mut Sink<'_>) -> Result<(), Error>) -> Result<u64, Error> {
        let path = self.target.path();
        // Written at a position, not at the end, so that leftovers of a failed append are overwritten.
        let mut sink = Sink::new(&self.file, &path, self.len, self.max_bytes);
        fill(&mut sink)?;
        let len = sink.finish()?;
        self.file
            .sync_data()
            .map_err(Error::io("fsync", &self.target.path()))?;
        Ok(len)
    }

    /// Makes good what an earlier failure left undone.
    fn settle(&mut self) -> Result<(), Error> {
        if self.torn {
            self.cut_back()?;
            self.torn = false;
        }
        if self.unsettled {
            let dir = self.target.open_dir()?;
            fsync(&dir).map_err(Error::io("fsync the directory", &self.target.dir))?;
            self.unsettled = false;
        }
        Ok(())
    }

    fn within_limit(&self, len: u64) -> Result<(), Error> {
        within(len, self.max_bytes, || self.target.path())
    }

    /// What is cut off is kept beside the file: more than a torn tail may be worth a look. A full disk is no reason
    /// not to go on.
    fn keep_damaged(&self, dir: impl AsFd) -> Result<(), Error> {
        let path = self.target.path();
        let bytes = bounded_part(&self.file, self.len, self.cut, &path)?;
        match self.damaged().replace(dir.as_fd(), &bytes) {
            Err(error) if !error.is_disk_full() => Err(error),
            _ => Ok(()),
        }
    }

    /// Where it is kept.
    fn damaged(&self) -> Target {
        Target {
            name: format!("{}.damaged", self.target.name),
            ..self.target.clone()
        }
    }

    fn cut_back(&self) -> Result<(), Error> {
        self.file
            .set_len(self.len)
            .and_then(|()| self.file.sync_data())
            .map_err(Error::io("cut off the tail of", &self.target.path()))
    }
}

impl<'a> Sink<'a> {
    fn new(file: &'a File, path: &'a Path, start: u64, max_bytes: u64) -> Self {
        Self {
            file,
            path,
            start,
            len: start,
            buffer: Vec::new(),
            max_bytes,
        }
    }

    /// Adds a line, whose JSON must not hold a line end; tells where in the file it begins.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above the file's limit, [`Error::Io`] for a full disk.
    pub fn push(&mut self, json: &[u8]) -> Result<u64, Error> {
        let at = self.len;
        let len = at + Self::size_of(json.len() as u64);
        within(len, self.max_bytes, || self.path.to_path_buf())?;
        self.buffer.extend_from_slice(sum(json).as_bytes());
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(json);
        self.buffer.push(b'\n');
        self.len = len;
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(at)
    }

    /// Bytes that were pushed.
    #[must_use]
    pub fn pushed_bytes(&self) -> u64 {
        self.len - self.start
    }

    /// Bytes that a line with so much JSON takes in the file.
    #[must_use]
    pub const fn size_of(json: u64) -> u64 {
        json + SUM_LEN as u64 + 2
    }

    fn flush(&mut self) -> Result<(), Error> {
        let at = self.len - self.buffer.len() as u64;
        self.file
            .write_all_at(&self.buffer, at)
            .map_err(Error::io("write to", self.path))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        Ok(self.len)
    }
}

/// The checksum of a line's JSON, in hexadecimal.
pub(crate) fn sum(json: &[u8]) -> String {
    let mut text = Digest::of(json).to_string();
    text.truncate(SUM_LEN);
    text
}

fn within(len: u64, max: u64, path: impl FnOnce() -> PathBuf) -> Result<(), Error> {
    if len <= max {
        return Ok(());
    }
    Err(Error::TooLarge { path: path(), max })
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
