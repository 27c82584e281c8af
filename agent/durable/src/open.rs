//! Opening directories and regular files so that nothing planted is followed or waited for.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use crate::Error;

/// Flags that every open of a file carries: no link followed, no wait, no terminal taken, nothing inherited.
pub(crate) const CAREFUL: OFlag = OFlag::O_NOFOLLOW
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NOCTTY);

/// Opens a directory that must not itself be a symlink.
pub(crate) fn directory(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).map_err(Error::io("open the directory", path))
}

/// Opens `name` in `dir` and makes sure that it is a regular file. `path` is for the error only.
pub(crate) fn regular(
    dir: impl AsFd + Copy,
    name: &Path,
    access: OFlag,
    path: &Path,
) -> Result<(File, FileStat), Error> {
    match openat(dir, name, access | CAREFUL, Mode::empty()) {
        Ok(fd) => checked(fd, path),
        // A socket answers ENXIO, a symlink ELOOP, a directory opened for writing EISDIR.
        Err(errno @ (Errno::ENXIO | Errno::ELOOP | Errno::EISDIR)) => {
            Err(refused(dir, name, errno, path))
        }
        Err(errno) => Err(Error::io("open", path)(errno)),
    }
}

/// Keeps an open descriptor only if it is a regular file.
pub(crate) fn checked(fd: OwnedFd, path: &Path) -> Result<(File, FileStat), Error> {
    let stat = fstat(&fd).map_err(Error::io("stat", path))?;
    match kind(&stat) {
        "regular file" => Ok((File::from(fd), stat)),
        found => Err(Error::NotRegular {
            path: path.to_path_buf(),
            found,
        }),
    }
}

/// Keeps a file that we are about to change only if no other name leads to it: the other one may not be ours.
pub(crate) fn sole((file, stat): (File, FileStat), path: &Path) -> Result<(File, FileStat), Error> {
    if stat.st_nlink > 1 {
        return Err(Error::NotRegular {
            path: path.to_path_buf(),
            found: "hard link",
        });
    }
    Ok((file, stat))
}

/// What is at `name`, without following it; `None` where nothing is.
pub(crate) fn look(dir: impl AsFd, name: &Path, path: &Path) -> Result<Option<FileStat>, Error> {
    match fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::io("stat", path)(errno)),
    }
}

/// The kind of a file in plain words.
pub(crate) fn kind(stat: &FileStat) -> &'static str {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => "regular file",
        SFlag::S_IFDIR => "directory",
        SFlag::S_IFLNK => "symlink",
        SFlag::S_IFIFO => "pipe",
        SFlag::S_IFSOCK => "socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "device",
        _ => "thing of unknown kind",
    }
}

fn refused(dir: impl AsFd, name: &Path, errno: Errno, path: &Path) -> Error {
    match look(dir, name, path) {
        Ok(Some(stat)) if kind(&stat) != "regular file" => Error::NotRegular {
            path: path.to_path_buf(),
            found: kind(&stat),
        },
        _ => Error::io("open", path)(errno),
    }
}
