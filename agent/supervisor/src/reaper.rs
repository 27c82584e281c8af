//! Zombies that nobody else will wait for.
//!
//! As process 1, or as the nearest sub-reaper, we inherit the orphans of the child. The kernel does
//! not tell orphans from children that some other part of this process has started, and waiting for
//! *any* child would steal those exit codes. But whoever starts a child waits for it at once when
//! it ends, so what is still a zombie at a second look belongs to nobody.

use std::collections::HashSet;
use std::time::Duration;

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use crate::Error;
use crate::stat::{self, Stat};

/// From the notice to the first look: many children may end together.
const GATHER: Duration = Duration::from_millis(50);
/// From one look to the next: the time that others have to fetch their children.
const GRACE: Duration = Duration::from_millis(450);

/// Collects orphans; does nothing, at no cost, while no child ends.
#[derive(Debug)]
pub(crate) struct Reaper {
    ended: Signal,
    look: Option<Instant>,
    seen: HashSet<(i32, u64)>,
}

impl Reaper {
    /// Makes this process the one that inherits orphans, and listens for children that end.
    pub(crate) fn new() -> Result<Reaper, Error> {
        // Without it orphans go to process 1, which is as good; so a refusal does not matter.
        let _ = nix::sys::prctl::set_child_subreaper(true);
        Ok(Reaper {
            ended: signal(SignalKind::child()).map_err(Error::Children)?,
            look: Some(Instant::now()),
            seen: HashSet::new(),
        })
    }

    /// Returns when a look is due. Cancel-safe.
    pub(crate) async fn due(&mut self) {
        match self.look {
            Some(at) => sleep_until(at).await,
            None => {
                self.ended.recv().await;
                let at = Instant::now() + GATHER;
                self.look = Some(at);
                sleep_until(at).await;
            }
        }
    }

    /// Collects the zombies of the former look and remembers those that are new. The child that
    /// is supervised is never touched.
    pub(crate) fn look(&mut self, keep: Option<i32>) {
        let me = i32::try_from(std::process::id()).unwrap_or(0);
        let zombies = stat::all()
            .into_iter()
            .filter(|stat| stat.parent == me && stat.is_zombie() && Some(stat.pid) != keep);
        let (old, new): (Vec<Stat>, Vec<Stat>) =
            zombies.partition(|stat| self.seen.contains(&(stat.pid, stat.start_ticks)));
        for orphan in old {
            let _ = waitpid(Pid::from_raw(orphan.pid), Some(WaitPidFlag::WNOHANG));
            tracing::debug!(pid = orphan.pid, "collected an orphan that had ended");
        }
        self.seen = new
            .iter()
            .map(|stat| (stat.pid, stat.start_ticks))
            .collect();
        self.look = (!self.seen.is_empty()).then(|| Instant::now() + GRACE);
    }
}
