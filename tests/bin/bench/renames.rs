//! What is renamed into a folder, and when: seen by inotify.

use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Renames into one folder.
pub struct Renames(Receiver<(Instant, OsString)>);

impl Renames {
    /// Begins to look.
    pub fn into_folder(folder: &Path) -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC).unwrap();
        inotify
            .add_watch(folder, AddWatchFlags::IN_MOVED_TO)
            .unwrap();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            while let Ok(events) = inotify.read_events() {
                let now = Instant::now();
                let mut names = events.into_iter().filter_map(|event| event.name);
                if names.any(|name| sender.send((now, name)).is_err()) {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// When the first file of this name came for which `holds` holds; None when none comes in time.
    pub fn wait(
        &self,
        name: &str,
        within: Duration,
        mut holds: impl FnMut() -> bool,
    ) -> Option<Instant> {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(left) {
                Ok((at, found)) if found == name && holds() => return Some(at),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Forgets what came so far.
    pub fn forget(&self) {
        while self.0.try_recv().is_ok() {}
    }
}
