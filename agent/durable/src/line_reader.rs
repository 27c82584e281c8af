use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::Error;
use crate::lines::{SUM_LEN, sum};

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;

/// What a [`Lines`](crate::Lines) held at one moment. It stays readable, and the same, while the writer goes on.
#[derive(Debug, Clone)]
pub struct Snapshot {
    file: Arc<File>,
    len: u64,
    path: Arc<Path>,
}

/// Reads the lines of a [`Snapshot`], one at a time.
#[derive(Debug)]
pub struct LineReader {
    input: BufReader<Part>,
    line: Vec<u8>,
    at: u64,
    path: Arc<Path>,
}

/// A line as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundLine<'a> {
    /// Where it begins in the file.
    pub at: u64,
    /// Its JSON, where it is complete and has the right checksum.
    pub json: Option<&'a [u8]>,
    /// Whether it has a line end; the last one of a torn file has none.
    pub ended: bool,
}

/// A part of a file that others may write to behind its end; the file's own position is not used.
#[derive(Debug)]
struct Part {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Snapshot {
    pub(crate) fn new(file: Arc<File>, len: u64, path: Arc<Path>) -> Self {
        Self { file, len, path }
    }

    /// How long the file was.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.len
    }

    /// A reader that starts with the line that begins at `at`.
    #[must_use]
    pub fn read_from(&self, at: u64) -> LineReader {
        let part = Part {
            file: self.file.clone(),
            at,
            end: self.len,
        };
        LineReader {
            input: BufReader::with_capacity(CHUNK, part),
            line: Vec::new(),
            at,
            path: self.path.clone(),
        }
    }
}

impl LineReader {
    /// The next line, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read.
    pub fn read_line(&mut self) -> Result<Option<FoundLine<'_>>, Error> {
        self.line.clear();
        let len = self
            .input
            .read_until(b'\n', &mut self.line)
            .map_err(Error::io("read", &self.path))?;
        if len == 0 {
            return Ok(None);
        }
        let at = self.at;
        self.at += len as u64;
        Ok(Some(FoundLine {
            at,
            json: whole(&self.line),
            ended: self.line.ends_with(b"\n"),
        }))
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted) else {
            return Ok(0);
        };
        let len = self.file.read_at(buffer, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// The JSON of a line that is complete and has the right checksum.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (head, json) = line.split_at_checked(SUM_LEN + 1)?;
    (head.strip_suffix(b" ")? == sum(json).as_bytes()).then_some(json)
}
