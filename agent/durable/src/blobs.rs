use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::read::bounded;
use crate::write::sweep_where;
use crate::{Digest, Error, Target, open};

/// Only we read what we keep.
const MODE: u32 = 0o600;

/// Bytes kept under their own digest, each whole or absent.
#[derive(Debug, Clone)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// Opens the directory, makes it where it is missing (its parent must exist) and sweeps what a crash left behind.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made or is not a directory.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io("make the directory", dir)(error));
            }
            _ => {}
        }
        sweep_where(open::directory(dir)?, dir, |owner| {
            owner.parse::<Digest>().is_ok()
        })?;
        Ok(Self {
            dir: dir.to_path_buf(),
        })
    }

    /// Keeps `bytes`; those that are there already are not written again.
    ///
    /// # Errors
    /// As [`Target::write`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        self.target(&digest).write(bytes)?;
        Ok(digest)
    }

    /// The bytes of `digest`, at most `max`, and proved to be the right ones.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for other bytes, [`Error::is_missing`] where there are none.
    pub fn get(&self, digest: &Digest, max: u64) -> Result<Vec<u8>, Error> {
        let target = self.target(digest);
        let path = target.path();
        let dir = target.open_dir()?;
        let (file, stat) = open::regular(&dir, Path::new(&target.name), OFlag::O_RDONLY, &path)?;
        let bytes = bounded(file, &stat, max, &path)?;
        if Digest::of(&bytes) == *digest {
            return Ok(bytes);
        }
        Err(Error::Corrupt { path })
    }

    /// Removes all blobs but those in `keep`; tells how many went.
    ///
    /// # Errors
    /// [`Error::Io`] where the directory cannot be listed or a blob cannot be removed.
    pub fn retain(&self, keep: &HashSet<Digest>) -> Result<usize, Error> {
        let mut listing =
            Dir::from_fd(open::directory(&self.dir)?).map_err(Error::io("list", &self.dir))?;
        let mut doomed = Vec::new();
        for entry in listing.iter() {
            let entry = entry.map_err(Error::io("list", &self.dir))?;
            let digest = entry
                .file_name()
                .to_str()
                .ok()
                .and_then(|name| name.parse::<Digest>().ok());
            doomed.extend(digest.filter(|digest| !keep.contains(digest)));
        }
        let mut removed = 0;
        for digest in doomed {
            match unlinkat(
                &listing,
                digest.to_string().as_str(),
                UnlinkatFlags::NoRemoveDir,
            ) {
                Ok(()) => removed += 1,
                // Gone already, or a directory that somebody planted.
                Err(Errno::ENOENT | Errno::EISDIR) => {}
                Err(errno) => {
                    return Err(Error::io("remove", &self.dir.join(digest.to_string()))(
                        errno,
                    ));
                }
            }
        }
        Ok(removed)
    }

    fn target(&self, digest: &Digest) -> Target {
        Target {
            dir: self.dir.clone(),
            name: digest.to_string(),
            mode: MODE,
            owner: None,
        }
    }
}
