//! The only file that talks to inotify: which directories it watches for us.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::{ErrorKind, INotifyWatcher, RecursiveMode, Watcher};

use crate::events::Sender;

/// Which directory a path leads to. Numbers are used again soon after a removal, so the time of birth belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Identity {
    /// `None` where no directory is.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let found = fs::metadata(dir).ok().filter(fs::Metadata::is_dir)?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            born: found.created().ok(),
        })
    }
}

/// Directories to watch, and what they were when that was decided.
pub(crate) type Wanted = BTreeMap<PathBuf, Identity>;

/// One inotify instance and its watches.
///
/// The kernel watches a directory once however many paths lead to it, and notify then knows only the last path.
/// So one path has the watch, and events are told under all the others too.
#[derive(Debug)]
pub(crate) struct Watches {
    inotify: INotifyWatcher,
    dirs: HashMap<PathBuf, Identity>,
    watched_as: HashMap<Identity, PathBuf>,
}

impl Watches {
    /// Takes an inotify instance; the error says why there is none.
    pub(crate) fn open(sender: Sender) -> Result<Self, String> {
        let inotify =
            INotifyWatcher::new(sender, notify::Config::default()).map_err(|error| text(&error))?;
        Ok(Self {
            inotify,
            dirs: HashMap::new(),
            watched_as: HashMap::new(),
        })
    }

    /// Watches these directories and no others, and adds to `placed` those with a new watch.
    /// Returns those that could not be watched, with the reason.
    pub(crate) fn keep(
        &mut self,
        wanted: &Wanted,
        placed: &mut BTreeSet<PathBuf>,
    ) -> BTreeMap<PathBuf, String> {
        let stale: Vec<PathBuf> = self
            .dirs
            .iter()
            .filter(|(dir, was)| wanted.get(*dir) != Some(was))
            .map(|(dir, _)| dir.clone())
            .collect();
        for dir in stale {
            self.drop_watch(&dir);
        }
        let mut failures = BTreeMap::new();
        for (dir, identity) in wanted {
            match self.add(dir, *identity) {
                Ok(true) => {
                    placed.insert(dir.clone());
                }
                Ok(false) => {}
                Err(why) => {
                    failures.insert(dir.clone(), why);
                }
            }
        }
        failures
    }

    /// Gives up the watches at and beneath a path, so that the next `keep` places them anew.
    pub(crate) fn forget(&mut self, path: &Path) {
        let beneath: Vec<PathBuf> = self
            .dirs
            .keys()
            .filter(|dir| dir.starts_with(path))
            .cloned()
            .collect();
        for dir in beneath {
            self.drop_watch(&dir);
        }
    }

    /// Asks the kernel again for every watch. One that is alive stays as it is; one that died unnoticed lives again.
    pub(crate) fn renew(&mut self) {
        for dir in self.watched_as.values() {
            // A directory that is gone is found by the next `keep`.
            let _ = self.inotify.watch(dir, RecursiveMode::NonRecursive);
        }
    }

    /// All paths under which an event at `path` is to be told.
    pub(crate) fn names(&self, path: &Path) -> Vec<PathBuf> {
        let mut names = vec![path.to_path_buf()];
        if let Some(others) = self.others(path) {
            names.extend(others.cloned());
        }
        if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
            && let Some(others) = self.others(parent)
        {
            names.extend(others.map(|other| other.join(name)));
        }
        names
    }

    /// The other paths of a watched directory.
    fn others<'a>(&'a self, dir: &'a Path) -> Option<impl Iterator<Item = &'a PathBuf>> {
        let identity = self.dirs.get(dir)?;
        Some(
            self.dirs
                .iter()
                .filter(move |(other, same)| *same == identity && *other != dir)
                .map(|(other, _)| other),
        )
    }

    /// Tells whether the directory had no watch before and has one now.
    fn add(&mut self, dir: &Path, identity: Identity) -> Result<bool, String> {
        if self.dirs.contains_key(dir) {
            return Ok(false);
        }
        if !self.watched_as.contains_key(&identity) {
            match self.inotify.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // Gone meanwhile: the caller looks again and wants something else.
                Err(error) if is_gone(&error) => return Ok(false),
                Err(error) => return Err(text(&error)),
            }
            self.watched_as.insert(identity, dir.to_path_buf());
        }
        self.dirs.insert(dir.to_path_buf(), identity);
        Ok(true)
    }

    /// Drops a watch together with all paths that shared it.
    fn drop_watch(&mut self, dir: &Path) {
        let Some(identity) = self.dirs.remove(dir) else {
            return;
        };
        self.dirs.retain(|_, other| *other != identity);
        if let Some(watched) = self.watched_as.remove(&identity) {
            // It is not found where the kernel gave it up first, and that is what we want.
            let _ = self.inotify.unwatch(&watched);
        }
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(source) => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Why inotify refused, in words that name the limit.
fn text(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => "all inotify watches of this user are in use (max_user_watches)".to_owned(),
        ErrorKind::Io(source) if source.raw_os_error() == Some(nix::libc::EMFILE) => {
            "all inotify instances of this user, or all our file descriptors, are in use (max_user_instances)".to_owned()
        }
        _ => error.to_string(),
    }
}
