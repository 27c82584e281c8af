use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::FileStat;

use crate::{Error, open};

/// Reads a regular file of at most `max` bytes.
///
/// The last component of `path` is never followed, and a pipe, a device or a directory is refused without a wait.
///
/// # Errors
/// [`Error::NotRegular`] and [`Error::TooLarge`] say what was planted; [`Error::is_missing`] where nothing is.
pub fn read_regular(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let (file, stat) = open::regular(AT_FDCWD, path, OFlag::O_RDONLY, path)?;
    bounded(file, &stat, max, path)
}

/// Reads the end of a regular file: its last `max` bytes, or all where it is shorter. Opened as [`read_regular`] does.
///
/// # Errors
/// As [`read_regular`], but for a size.
pub fn read_tail(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let (mut file, stat) = open::regular(AT_FDCWD, path, OFlag::O_RDONLY, path)?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    file.seek(SeekFrom::Start(size.saturating_sub(max)))
        .map_err(Error::io("read", path))?;
    let mut bytes = Vec::new();
    file.take(max)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// Reads an open regular file, never more than `max` + 1 bytes, even while it grows.
pub(crate) fn bounded(
    file: File,
    stat: &FileStat,
    max: u64,
    path: &Path,
) -> Result<Vec<u8>, Error> {
    let too_large = || Error::TooLarge {
        path: path.to_path_buf(),
        max,
    };
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if size > max {
        return Err(too_large());
    }
    // One byte more than the size, so that the end of the file is seen without a second buffer.
    let mut bytes =
        Vec::with_capacity(usize::try_from(size).map_or(0, |size| size.saturating_add(1)));
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > max {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads `len` bytes of an open file from `at` on.
pub(crate) fn bounded_part(file: &File, at: u64, len: u64, path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = file.read_exact_at(&mut bytes, at);
    read.map_err(Error::io("read", path))?;
    Ok(bytes)
}
