//! Reading a ConfigMap or Secret volume: files that are symlinks through `..data`, which is swapped under us.

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open as open_path, openat2, readlinkat};
use nix::sys::stat::Mode;

use crate::read::bounded;
use crate::{Error, open};

/// The symlink that Kubernetes swaps to publish a new version of a whole volume.
const DATA: &str = "..data";

/// How often a directory that is swapped while we read is read again.
const ATTEMPTS: u32 = 12;

/// The first pause before reading again; it doubles each time up to a tenth of a second.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// One file of a mounted directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name in the directory.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What became of one file: its bytes, or its name with the reason why not.
type Outcome = Result<Found, (String, Error)>;

/// Reads the files of a mounted volume whose names `accept` likes, in the order of their names.
///
/// Names that start with a dot are skipped. Symlinks are followed, but only beneath `dir`. The result is one
/// consistent view: when the volume was swapped meanwhile, everything is read again.
///
/// # Errors
/// The outer error speaks of the directory, an inner one of a single file.
pub fn read_mounted_dir(
    dir: &Path,
    accept: &dyn Fn(&str) -> bool,
    max_file: u64,
    max_files: usize,
) -> Result<Vec<Outcome>, Error> {
    let root = root(dir)?;
    one_view(&root, dir, || {
        let names = names(&root, dir, accept, max_files)?;
        Ok(names
            .into_iter()
            .map(|name| outcome(&root, dir, name, max_file))
            .collect())
    })
}

/// Reads one file of a mounted volume; symlinks are followed, but only beneath the file's own directory.
///
/// # Errors
/// As [`read_regular`](crate::read_regular), and [`Error::Escapes`] for a link that leads out.
pub fn read_mounted_file(path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let name = path.file_name().ok_or_else(|| Error::BadName {
        name: path.display().to_string(),
    })?;
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = root(dir)?;
    // While the volume is swapped the old version may be gone under our feet: that is not a missing file.
    one_view(&root, dir, || {
        Ok(read_beneath(&root, Path::new(name), path, max))
    })?
}

/// Calls `read` until the volume's version was the same before and after.
fn one_view<T>(
    root: &OwnedFd,
    dir: &Path,
    read: impl Fn() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..ATTEMPTS {
        let before = version(root, dir)?;
        let seen = read()?;
        if version(root, dir)? == before {
            return Ok(seen);
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
    Err(Error::Unsettled {
        path: dir.to_path_buf(),
    })
}

/// The directory itself is the operator's word, so a symlink to it is fine.
fn root(dir: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open_path(dir, flags, Mode::empty()).map_err(Error::io("open the directory", dir))
}

/// Where `..data` points, or `None` in a plain directory.
fn version(root: &OwnedFd, dir: &Path) -> Result<Option<OsString>, Error> {
    match readlinkat(root, DATA) {
        Ok(target) => Ok(Some(target)),
        Err(Errno::ENOENT | Errno::EINVAL) => Ok(None),
        Err(errno) => Err(Error::io("read the link", &dir.join(DATA))(errno)),
    }
}

fn names(
    root: &OwnedFd,
    dir: &Path,
    accept: &dyn Fn(&str) -> bool,
    max_files: usize,
) -> Result<Vec<Result<String, String>>, Error> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut listing =
        Dir::openat(root, ".", flags, Mode::empty()).map_err(Error::io("list", dir))?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let entry = entry.map_err(Error::io("list", dir))?;
        match entry.file_name().to_str() {
            Ok(name) if name.starts_with('.') || !accept(name) => continue,
            Ok(name) => names.push(Ok(name.to_owned())),
            Err(_) => names.push(Err(entry.file_name().to_string_lossy().into_owned())),
        }
        if names.len() > max_files {
            return Err(Error::TooMany {
                path: dir.to_path_buf(),
                max: max_files,
            });
        }
    }
    names.sort_by(|a, b| text(a).as_bytes().cmp(text(b).as_bytes()));
    Ok(names)
}

/// Reads one file; a name that is not UTF-8 comes in as `Err` and stays one.
fn outcome(root: &OwnedFd, dir: &Path, name: Result<String, String>, max: u64) -> Outcome {
    match name {
        Ok(name) => match read_beneath(root, Path::new(&name), &dir.join(&name), max) {
            Ok(bytes) => Ok(Found { name, bytes }),
            Err(error) => Err((name, error)),
        },
        Err(name) => Err((name.clone(), Error::BadName { name })),
    }
}

fn read_beneath(root: &OwnedFd, name: &Path, path: &Path, max: u64) -> Result<Vec<u8>, Error> {
    let (file, stat) = open::checked(open_beneath(root.as_fd(), name, path)?, path)?;
    bounded(file, &stat, max, path)
}

fn open_beneath(root: impl AsFd + Copy, name: &Path, path: &Path) -> Result<OwnedFd, Error> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut opened = openat2(root, name, how);
    // The kernel answers EAGAIN when a rename anywhere made it unsure whether we are still beneath.
    for _ in 0..ATTEMPTS {
        if !matches!(opened, Err(Errno::EAGAIN)) {
            break;
        }
        opened = openat2(root, name, how);
    }
    opened.map_err(|errno| refusal(errno, path))
}

fn refusal(errno: Errno, path: &Path) -> Error {
    let path: PathBuf = path.to_path_buf();
    match errno {
        Errno::EXDEV | Errno::ELOOP => Error::Escapes { path },
        Errno::ENOSYS | Errno::EPERM => Error::Unsupported { path },
        Errno::ENXIO => Error::NotRegular {
            path,
            found: "socket",
        },
        errno => Error::io("open", &path)(errno),
    }
}

fn text(name: &Result<String, String>) -> &std::ffi::OsStr {
    std::ffi::OsStr::new(match name {
        Ok(name) | Err(name) => name,
    })
}
