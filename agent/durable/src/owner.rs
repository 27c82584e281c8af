use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, fstat};

use crate::{Error, open};

/// The name of the lock in the directory.
const NAME: &str = "lock";

/// A directory that has one owner for as long as this value lives.
///
/// The kernel holds the lock for us, so it goes with the process however that ends. The file stays.
#[derive(Debug)]
pub struct Owner {
    lock: Flock<File>,
}

impl Owner {
    /// Claims the directory, which must exist.
    ///
    /// # Errors
    /// [`Error::Owned`] when another process holds it, [`Error::NotRegular`] for a planted lock.
    pub fn claim(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let fd = open::directory(dir)?;
        // A lock file that was removed or replaced while we took it protects nothing, so look again.
        for _ in 0..8 {
            let (file, stat) = lock_file(&fd, &path)?;
            let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => lock,
                Err((file, Errno::EWOULDBLOCK)) => return Err(owned(dir, file)),
                Err((_, errno)) => return Err(Error::io("lock", &path)(errno)),
            };
            let there = open::look(&fd, Path::new(NAME), &path)?;
            if there.is_some_and(|there| same_file(&there, &stat)) {
                return Self::sign(lock, &path);
            }
        }
        Err(Error::Unsettled { path })
    }

    /// Says in the lock who holds it.
    fn sign(mut lock: Flock<File>, path: &Path) -> Result<Self, Error> {
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(Error::io("write", path))?;
        Ok(Self { lock })
    }

    /// Whether the lock that we hold is still the one in the directory.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be looked at.
    pub fn holds(&self, dir: &Path) -> Result<bool, Error> {
        let path: PathBuf = dir.join(NAME);
        let ours = fstat(self.lock.as_fd()).map_err(Error::io("stat", &path))?;
        let there = open::look(open::directory(dir)?, Path::new(NAME), &path)?;
        Ok(there.is_some_and(|there| same_file(&there, &ours)))
    }
}

fn lock_file(dir: impl AsFd + Copy, path: &Path) -> Result<(File, FileStat), Error> {
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | open::CAREFUL;
    let opened = match openat(dir, NAME, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(fd) => open::checked(fd, path),
        // What is planted there gets its name from the careful open.
        Err(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => {
            open::regular(dir, Path::new(NAME), OFlag::O_RDWR, path)
        }
        Err(errno) => Err(Error::io("open", path)(errno)),
    };
    // The pid is written to it, so it must not be another file as well.
    open::sole(opened?, path)
}

fn owned(dir: &Path, file: File) -> Error {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    Error::Owned {
        path: dir.to_path_buf(),
        pid: read.ok().and_then(|_| text.trim().parse().ok()),
    }
}

fn same_file(a: &FileStat, b: &FileStat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}
