//! What to do about events and about time: synchronous, and all of it in terms of the watched paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::change::Change;
use crate::events::{Batch, Sender};
use crate::fingerprint::Fingerprint;
use crate::place::{Effect, Place};
use crate::watcher::Mode;
use crate::watches::{Identity, Wanted, Watches};

/// How often the watches are placed again because directories changed while we placed them.
const ARM_ATTEMPTS: usize = 8;

/// In which resyncs the kernel is asked again for every watch: each one wakes the thread that reads inotify.
const RENEW: u32 = 5;

/// Why a path is polled whose changes inotify did not tell of.
const SILENT: &str = "a change was there that inotify had not told of";

/// A path, how it looked last, and how it is watched.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    place: Place,
    seen: Fingerprint,
    mode: Mode,
    silent: bool,
}

/// All watched paths with their watches, and what changed since the last take.
#[derive(Debug)]
pub(crate) struct Rounds {
    watched: Vec<Watched>,
    watches: Result<Watches, String>,
    sender: Sender,
    pending: Change,
    suspects: BTreeSet<usize>,
    resyncs: u32,
}

impl Rounds {
    pub(crate) fn start(paths: Vec<PathBuf>, sender: Sender) -> Self {
        let mut rounds = Self {
            watched: Vec::new(),
            watches: Watches::open(sender.clone()),
            sender,
            pending: Change::default(),
            suspects: BTreeSet::new(),
            resyncs: 0,
        };
        rounds.watched = paths.into_iter().map(Watched::new).collect();
        rounds.arm();
        // Only what is seen after the watches are in place can be relied on.
        for watched in &mut rounds.watched {
            watched.look();
        }
        rounds
    }

    pub(crate) fn take_changes(&mut self) -> Change {
        std::mem::take(&mut self.pending)
    }

    pub(crate) fn modes(&self) -> Vec<(PathBuf, Mode)> {
        self.watched
            .iter()
            .map(|watched| (watched.path.clone(), watched.mode.clone()))
            .collect()
    }

    pub(crate) fn is_polling(&self) -> bool {
        self.watched
            .iter()
            .any(|watched| watched.mode != Mode::Inotify)
    }

    pub(crate) fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    /// Takes in what inotify told.
    pub(crate) fn hear(&mut self, batch: Batch) {
        match batch {
            Batch::Paths(paths) => paths.iter().for_each(|path| self.hear_path(path)),
            Batch::Lost => {
                tracing::warn!("file events were lost, so every watched path counts as changed");
                self.forget(Path::new("/"));
                (0..self.watched.len()).for_each(|index| self.pending.add(index));
            }
        }
        if self.pending.is_empty() {
            return;
        }
        // A directory that got a new watch may have changed while it had none.
        let placed = self.arm();
        for (index, watched) in self.watched.iter_mut().enumerate() {
            if placed.contains(&watched.place.dir) {
                self.pending.add(index);
            }
            if self.pending.contains(index) {
                watched.look();
                self.suspects.remove(&index);
            }
        }
    }

    /// Looks at the polled paths.
    pub(crate) fn poll(&mut self) {
        for (index, watched) in self.watched.iter_mut().enumerate() {
            if watched.mode != Mode::Inotify && watched.look() {
                self.pending.add(index);
            }
        }
    }

    /// Looks at everything: takes inotify where it was not to be had, renews the watches now and then, and finds what
    /// nobody told.
    pub(crate) fn resync(&mut self) {
        let renews = self.resyncs.is_multiple_of(RENEW);
        self.resyncs = self.resyncs.wrapping_add(1);
        match &mut self.watches {
            Ok(watches) if renews => watches.renew(),
            Ok(_) => {}
            Err(_) => self.watches = Watches::open(self.sender.clone()),
        }
        let placed = self.arm();
        for (index, watched) in self.watched.iter_mut().enumerate() {
            if !watched.differs() {
                continue;
            }
            if watched.mode == Mode::Inotify && !placed.contains(&watched.place.dir) {
                self.suspects.insert(index);
            } else {
                watched.look();
                self.pending.add(index);
            }
        }
    }

    /// Polls from now on what changed without a word from inotify.
    pub(crate) fn condemn_suspects(&mut self) {
        for index in std::mem::take(&mut self.suspects) {
            let watched = &mut self.watched[index];
            if watched.look() {
                watched.silent = true;
                watched.set_mode(Some(SILENT));
                self.pending.add(index);
            }
        }
    }

    fn hear_path(&mut self, path: &Path) {
        let names = match &self.watches {
            Ok(watches) => watches.names(path),
            Err(_) => vec![path.to_path_buf()],
        };
        for name in names {
            let mut moved = false;
            for (index, watched) in self.watched.iter().enumerate() {
                match watched.place.effect(&name) {
                    Effect::None => {}
                    Effect::Changed => self.pending.add(index),
                    Effect::Moved => {
                        self.pending.add(index);
                        moved = true;
                    }
                }
            }
            if moved {
                self.forget(&name);
            }
        }
    }

    fn forget(&mut self, path: &Path) {
        if let Ok(watches) = &mut self.watches {
            watches.forget(path);
        }
    }

    /// Brings the watches in line with what is there; returns the directories that got a new one.
    fn arm(&mut self) -> BTreeSet<PathBuf> {
        let mut placed = BTreeSet::new();
        let mut failures = BTreeMap::new();
        let mut wanted = self.find_places();
        for _ in 0..ARM_ATTEMPTS {
            if let Ok(watches) = &mut self.watches {
                failures = watches.keep(&wanted, &mut placed);
            }
            // What came or went before its watch was in place told nobody, so look until nothing does.
            let now = self.find_places();
            if now == wanted {
                break;
            }
            wanted = now;
        }
        let no_inotify = self.watches.as_ref().err();
        for watched in &mut self.watched {
            let silent = watched.silent.then_some(SILENT);
            let anchor = watched
                .place
                .anchor()
                .and_then(|anchor| failures.get(anchor));
            let failure = failures.get(&watched.place.dir).or(anchor).or(no_inotify);
            watched.set_mode(silent.or(failure.map(String::as_str)));
        }
        placed
    }

    /// Where every path lives now, and the directories to watch for that: its own, and the nearest one above.
    fn find_places(&mut self) -> Wanted {
        let mut wanted = Wanted::new();
        for watched in &mut self.watched {
            watched.place = Place::find(&watched.path);
            let dirs = [Some(watched.place.dir.as_path()), watched.place.anchor()];
            for dir in dirs.into_iter().flatten() {
                if let Some(identity) = Identity::of(dir) {
                    wanted.insert(dir.to_path_buf(), identity);
                }
            }
        }
        wanted
    }
}

impl Watched {
    fn new(path: PathBuf) -> Self {
        // Only an empty path cannot be made absolute; it is missing for ever.
        let path = std::path::absolute(&path).unwrap_or(path);
        Self {
            place: Place::find(&path),
            seen: Fingerprint::of(&path),
            path,
            mode: Mode::Inotify,
            silent: false,
        }
    }

    fn differs(&self) -> bool {
        Fingerprint::of(&self.path) != self.seen
    }

    /// Looks again; tells whether something changed since the last look.
    fn look(&mut self) -> bool {
        let before = std::mem::replace(&mut self.seen, Fingerprint::of(&self.path));
        before != self.seen
    }

    fn set_mode(&mut self, why: Option<&str>) {
        let mode = why.map_or(Mode::Inotify, |why| Mode::Polling {
            why: why.to_owned(),
        });
        if mode == self.mode {
            return;
        }
        match &mode {
            Mode::Inotify => {
                tracing::info!(path = %self.path.display(), "watching with inotify again")
            }
            Mode::Polling { why } => {
                tracing::warn!(path = %self.path.display(), why, "polling instead of inotify")
            }
        }
        self.mode = mode;
    }
}
