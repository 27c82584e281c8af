use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, unlinkat};

use crate::read::bounded;
use crate::{Error, open};

/// Between a target's name and the random part of its temporary file's name.
const MARK: &str = ".pilotfish-";

/// Hexadecimal digits in the random part.
const RANDOM_LEN: usize = 16;

/// The longest name that leaves room for its temporary file.
const NAME_MAX: usize = 255 - 1 - MARK.len() - RANDOM_LEN;

/// The permission bits that a mode may have.
const PERMISSIONS: u32 = 0o7777;

/// A file that is replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The directory, which must exist and must not be a symlink itself.
    pub dir: PathBuf,
    /// The name in it.
    pub name: String,
    /// Permission bits, exactly as they shall be (no umask).
    pub mode: u32,
    /// User and group, where they shall differ from what the system gives.
    pub owner: Option<(u32, u32)>,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The file is new or has new bytes, mode or owner.
    Changed,
    /// The file was already so, and nothing was written.
    Same,
}

impl Target {
    /// Makes the file hold exactly `bytes`. A reader sees the old file or the new one, also after a crash.
    ///
    /// A symlink, pipe, device or hard link at the name is replaced and its other end left alone.
    ///
    /// # Errors
    /// A directory at the name is [`Error::NotRegular`]. Only when the directory's own fsync fails may
    /// an error come after the new file is in place; after every other one the old file still is.
    pub fn write(&self, bytes: &[u8]) -> Result<Written, Error> {
        let dir = self.open_dir()?;
        if self.is_same(dir.as_fd(), bytes)? {
            return Ok(Written::Same);
        }
        self.replace(dir.as_fd(), bytes)?;
        Ok(Written::Changed)
    }

    /// Removes temporary files that killed predecessors left behind; tells how many.
    ///
    /// Only the one owner of the directory may call this: it cannot tell a live writer's file from a dead one's.
    ///
    /// # Errors
    /// [`Error::Io`] where the directory cannot be listed or a file cannot be removed.
    pub fn sweep(&self) -> Result<usize, Error> {
        let dir = self.open_dir()?;
        sweep_where(dir, &self.dir, |owner| owner == self.name)
    }

    /// The file's path, for errors and logs.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    pub(crate) fn open_dir(&self) -> Result<OwnedFd, Error> {
        check_name(&self.name)?;
        open::directory(&self.dir)
    }

    /// Writes a new file and renames it over the old one; the handle is the new file, open for reading and writing.
    pub(crate) fn replace(&self, dir: BorrowedFd<'_>, bytes: &[u8]) -> Result<File, Error> {
        let file = self.swap(dir, |mut file| {
            file.write_all(bytes)
                .map_err(Error::io("write", &self.path()))
        })?;
        fsync(dir).map_err(Error::io("fsync the directory", &self.dir))?;
        Ok(file)
    }

    /// As [`replace`](Self::replace), with what `fill` writes, and without the directory's fsync: the caller owes it.
    pub(crate) fn swap(
        &self,
        dir: BorrowedFd<'_>,
        fill: impl FnOnce(&File) -> Result<(), Error>,
    ) -> Result<File, Error> {
        let mut temp = Temp::create(dir, self)?;
        temp.fill(self, fill)?;
        temp.commit(self)
    }

    /// Whether the file already is what it shall be. A second hard link could change it later, so that is not the same.
    fn is_same(&self, dir: BorrowedFd<'_>, bytes: &[u8]) -> Result<bool, Error> {
        let path = self.path();
        let Some(stat) = open::look(dir, Path::new(&self.name), &path)? else {
            return Ok(false);
        };
        match open::kind(&stat) {
            "regular file" => {}
            found @ "directory" => return Err(Error::NotRegular { path, found }),
            _ => return Ok(false),
        }
        if !self.fits(&stat, bytes.len()) {
            return Ok(false);
        }
        // It may change or become unreadable between the look and the read: then it is not the same.
        let read = open::regular(dir, Path::new(&self.name), OFlag::O_RDONLY, &path).and_then(
            |(file, stat)| {
                Ok((
                    self.fits(&stat, bytes.len()),
                    bounded(file, &stat, bytes.len() as u64, &path)?,
                ))
            },
        );
        Ok(matches!(read, Ok((true, found)) if found == bytes))
    }

    fn fits(&self, stat: &FileStat, len: usize) -> bool {
        stat.st_nlink == 1
            && u64::try_from(stat.st_size) == Ok(len as u64)
            && stat.st_mode & PERMISSIONS == self.mode & PERMISSIONS
            && self
                .owner
                .is_none_or(|owner| owner == (stat.st_uid, stat.st_gid))
    }
}

/// Removes the temporary files of those targets in `path` whose names `belongs` likes.
pub(crate) fn sweep_where(
    dir: OwnedFd,
    path: &Path,
    belongs: impl Fn(&str) -> bool,
) -> Result<usize, Error> {
    let mut listing = Dir::from_fd(dir).map_err(Error::io("list", path))?;
    let mut stale = Vec::new();
    for entry in listing.iter() {
        let entry = entry.map_err(Error::io("list", path))?;
        if let Ok(name) = entry.file_name().to_str()
            && temp_owner(name).is_some_and(&belongs)
        {
            stale.push(name.to_owned());
        }
    }
    let mut removed = 0;
    for name in stale {
        match unlinkat(&listing, name.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => removed += 1,
            // Gone already, or a directory that never was ours.
            Err(Errno::ENOENT | Errno::EISDIR) => {}
            Err(errno) => return Err(Error::io("remove", &path.join(name))(errno)),
        }
    }
    Ok(removed)
}

/// The target to which a temporary file of this name belongs.
fn temp_owner(name: &str) -> Option<&str> {
    let (owner, random) = name.strip_prefix('.')?.rsplit_once(MARK)?;
    let ours = random.len() == RANDOM_LEN && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    ours.then_some(owner)
}

fn check_name(name: &str) -> Result<(), Error> {
    let usable = !name.is_empty()
        && name.len() <= NAME_MAX
        && !matches!(name, "." | "..")
        && !name.contains(['/', '\0']);
    if usable {
        return Ok(());
    }
    Err(Error::BadName {
        name: name.to_owned(),
    })
}

/// A temporary file that removes itself unless it was renamed to its target.
struct Temp<'a> {
    dir: BorrowedFd<'a>,
    name: String,
    path: PathBuf,
    file: Option<File>,
}

impl<'a> Temp<'a> {
    fn create(dir: BorrowedFd<'a>, target: &Target) -> Result<Self, Error> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | open::CAREFUL;
        // A random name that is taken was planted or is a rare chance; a few tries are plenty.
        for _ in 0..8 {
            let name = format!(
                ".{}{MARK}{:016x}",
                target.name,
                RandomState::new().hash_one(std::process::id())
            );
            let path = target.dir.join(&name);
            match openat(dir, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
                Ok(fd) => {
                    let file = Some(File::from(fd));
                    return Ok(Self {
                        dir,
                        name,
                        path,
                        file,
                    });
                }
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(Error::io("create", &path)(errno)),
            }
        }
        Err(Error::io("create a temporary file for", &target.path())(
            Errno::EEXIST,
        ))
    }

    fn fill(
        &mut self,
        target: &Target,
        fill: impl FnOnce(&File) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        // The owner first: changing it clears permission bits.
        if let Some((uid, gid)) = target.owner {
            fchown(&*file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(Error::io("change the owner of", &self.path))?;
        }
        let mode = Mode::from_bits_truncate(target.mode & PERMISSIONS);
        fchmod(&*file, mode).map_err(Error::io("change the mode of", &self.path))?;
        fill(file)?;
        file.sync_all().map_err(Error::io("fsync", &self.path))
    }

    fn commit(mut self, target: &Target) -> Result<File, Error> {
        let path = target.path();
        renameat(self.dir, self.name.as_str(), self.dir, target.name.as_str()).map_err(
            |errno| match errno {
                Errno::EISDIR => Error::NotRegular {
                    path: path.clone(),
                    found: "directory",
                },
                errno => Error::io("rename to", &path)(errno),
            },
        )?;
        self.file
            .take()
            .ok_or_else(|| Error::io("rename to", &path)(Errno::EBADF))
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Nothing more can be done about a failure here; the next owner sweeps.
            let _ = unlinkat(self.dir, self.name.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}
