//! What the child says: one file for stdout and stderr, bounded, with its tail at hand.
//!
//! The file is bounded by giving the blocks at its head back to the file system (a hole), so no
//! byte that the child is just writing is lost and positions in it never go back: its apparent
//! size grows, what it takes on disk does not. A file system without holes gets the file cut to
//! nothing instead. Nobody looks at the file while the child is silent.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::fcntl::{FallocateFlags, OFlag, fallocate};
use nix::unistd::{Whence, lseek};
use rustix::fs::inotify;
use tokio::io::unix::AsyncFd;

use crate::echo::Echo;
use crate::readiness::readable;
use crate::{ConsoleSettings, Error, RunAs};

/// How much of the end is kept for an [`crate::Exit`].
const TAIL: u64 = 8 * 1024;
/// The least that the spool is bounded to, and what its holes are aligned to.
const LEAST: u64 = 64 * 1024;
const BLOCK: u64 = 4096;
/// The most that is copied to stdout at once.
const CHUNK: u64 = 64 * 1024;
/// The pause between a change and the look at it: while it is shown, and while it is not.
const SHOWN: Duration = Duration::from_millis(50);
const UNSEEN: Duration = Duration::from_secs(1);

/// The spool of one child's output.
#[derive(Debug)]
pub(crate) struct Console {
    settings: ConsoleSettings,
    file: File,
    /// Where the present child's output begins.
    begin: AtomicU64,
    /// Where what is still there begins.
    kept: AtomicU64,
}

impl Console {
    /// Opens the spool, which the child's user must own: `/dev/stderr` could not be opened by it
    /// otherwise. A link, soft or hard, or anything else than a file in its place is refused.
    pub(crate) fn open(settings: ConsoleSettings, run_as: Option<RunAs>) -> Result<Console, Error> {
        let failed = |source| Error::Spool {
            path: settings.spool.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&settings.spool)
            .map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() || meta.nlink() != 1 {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        if let Some(RunAs { uid, gid }) = run_as.filter(|user| user.uid != meta.uid()) {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid)).map_err(failed)?;
        }
        let kept = lseek(&file, 0, Whence::SeekData).unwrap_or(0);
        let max_bytes = settings.max_bytes.max(LEAST);
        let console = Console {
            file,
            settings: ConsoleSettings {
                max_bytes,
                ..settings
            },
            begin: AtomicU64::new(0),
            kept: AtomicU64::new(u64::try_from(kept).unwrap_or(0)),
        };
        Ok(console)
    }

    /// Both ends for a new child, whose output begins here.
    pub(crate) fn ends(&self) -> Result<(Stdio, Stdio), Error> {
        let end = || {
            self.file
                .try_clone()
                .map(Stdio::from)
                .map_err(|source| Error::Spool {
                    path: self.settings.spool.clone(),
                    source,
                })
        };
        self.begin.store(self.size(), Ordering::Relaxed);
        Ok((end()?, end()?))
    }

    /// The last 8 KiB that the present child wrote.
    pub(crate) fn tail(&self) -> String {
        let size = self.size();
        let begin = self.begin.load(Ordering::Relaxed);
        let from = if begin > size { 0 } else { begin }.max(size.saturating_sub(TAIL));
        let bytes = self.read(from, TAIL).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }

    fn read(&self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(most).unwrap_or(usize::MAX)];
        let read = self.file.read_at(&mut bytes, from)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Bounds the spool and shows what is new, for as long as it is polled.
    pub(crate) async fn tend(&self, shown: &mut Shown) {
        let mut changes = Changes::of(&self.settings);
        loop {
            let behind = self.pass(shown);
            match behind {
                true => tokio::time::sleep(SHOWN).await,
                false => changes.next().await,
            }
        }
    }

    /// One round: bound, then show. Says whether more is to be shown.
    fn pass(&self, shown: &mut Shown) -> bool {
        if let Err(error) = self.bound() {
            tracing::warn!(%error, "the console spool cannot be bounded");
        }
        self.show(shown).unwrap_or_else(|error| {
            tracing::warn!(%error, "the console cannot be shown");
            false
        })
    }

    /// Gives the older half back once there is more than is allowed.
    fn bound(&self) -> io::Result<()> {
        let (size, kept) = (self.size(), self.kept.load(Ordering::Relaxed));
        if size < kept {
            self.kept.store(0, Ordering::Relaxed);
            return Ok(());
        }
        if size - kept <= self.settings.max_bytes {
            return Ok(());
        }
        let cut = size.saturating_sub(self.settings.max_bytes / 2) / BLOCK * BLOCK;
        let hole = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match fallocate(&self.file, hole, 0, i64::try_from(cut).unwrap_or(i64::MAX)) {
            Ok(()) => self.kept.store(cut, Ordering::Relaxed),
            Err(_) => {
                self.file.set_len(0)?;
                self.kept.store(0, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// How far the spool has been copied to our stdout.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    echo: Option<Echo>,
    position: u64,
}

impl Shown {
    /// Begins at the present end: what a former child said is not said again.
    pub(crate) fn from_now(console: &Console) -> Shown {
        Shown {
            echo: console.settings.echo.then(Echo::start).flatten(),
            position: console.size(),
        }
    }

    /// Shows what is left and waits for it, but not for long.
    pub(crate) async fn finish(mut self, console: &Console, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        while console.pass(&mut self) && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(SHOWN).await;
        }
        if let Some(echo) = self.echo {
            echo.finish(patience).await;
        }
    }
}

impl Console {
    /// Copies what is new as far as stdout takes it. Says whether more is waiting.
    fn show(&self, shown: &mut Shown) -> io::Result<bool> {
        let Some(echo) = &shown.echo else {
            return Ok(false);
        };
        let (size, kept) = (self.size(), self.kept.load(Ordering::Relaxed));
        if size < shown.position {
            shown.position = 0;
        }
        if shown.position < kept && echo.has_room() {
            let missed = kept - shown.position;
            echo.put(format!("[{missed} bytes of output are not shown]\n").into_bytes());
            shown.position = kept;
        }
        while shown.position < size && echo.has_room() {
            let chunk = self.read(shown.position, CHUNK.min(size - shown.position))?;
            shown.position += chunk.len() as u64;
            if chunk.is_empty() {
                break;
            }
            if !echo.put(chunk) {
                shown.echo = None;
                return Ok(false);
            }
        }
        Ok(shown.position < size)
    }
}

/// Tells that the spool has grown.
struct Changes {
    notices: Option<AsyncFd<OwnedFd>>,
    pause: Duration,
}

impl Changes {
    fn of(settings: &ConsoleSettings) -> Changes {
        let notices = listen(settings)
            .inspect_err(
                |error| tracing::warn!(%error, "the console spool is looked at by the clock"),
            )
            .ok();
        let pause = if settings.echo { SHOWN } else { UNSEEN };
        Changes { notices, pause }
    }

    /// Returns a pause after a change; where the kernel does not tell, after each second.
    async fn next(&mut self) {
        match &self.notices {
            None => tokio::time::sleep(UNSEEN).await,
            Some(notices) => match notices.readable().await {
                Ok(mut ready) => {
                    tokio::time::sleep(self.pause).await;
                    let drained = |fd: &AsyncFd<OwnedFd>| drain(fd.get_ref());
                    let _ = ready.try_io(drained);
                }
                Err(_) => self.notices = None,
            },
        }
    }
}

/// Reads all notices that wait; what they say is always the same.
fn drain(notices: &OwnedFd) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        rustix::io::read(notices, &mut bytes)?;
    }
}

fn listen(settings: &ConsoleSettings) -> io::Result<AsyncFd<OwnedFd>> {
    let notices = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&notices, &settings.spool, inotify::WatchFlags::MODIFY)?;
    readable(notices)
}
