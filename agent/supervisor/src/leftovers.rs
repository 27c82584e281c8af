//! What a child leaves behind: the processes of its session that it started and did not end.
//!
//! The child leads a session of its own, so whatever it starts is in that session, unless it left
//! it on purpose, as a daemon does. The children of a child that is gone serve nobody and may hold
//! what the next one needs: ports, locks, memory.

use std::pin::Pin;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::timeout;

use crate::process::Process;
use crate::stat::{self, Stat};

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How long one round of SIGKILL may take.
const KILL: Duration = Duration::from_secs(1);
/// Rounds of SIGKILL: a process may have started another while it was looked for.
const ROUNDS: u8 = 5;

/// A sweep that is under way, if one is.
#[derive(Default)]
pub(crate) struct Leftovers {
    sweep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Leftovers {
    /// Has what this child left ended; it has ended itself.
    pub(crate) fn of(leader: Stat) -> Leftovers {
        Leftovers {
            sweep: Some(Box::pin(sweep(leader))),
        }
    }

    /// Whether there is something to wait for.
    pub(crate) fn is_pending(&self) -> bool {
        self.sweep.is_some()
    }

    /// Returns when nothing is left, or nothing that can be ended. Cancel-safe.
    pub(crate) async fn swept(&mut self) {
        if let Some(sweep) = &mut self.sweep {
            sweep.await;
            self.sweep = None;
        }
    }
}

/// Ends what is left of a session: with SIGTERM, then by force.
pub(crate) async fn sweep(leader: Stat) {
    let mut left = members(&leader);
    if left.is_empty() {
        return;
    }
    tracing::info!(
        pid = leader.pid,
        left = left.len(),
        "ending what the child has left behind"
    );
    signal(&mut left, Signal::TERM);
    if timeout(GRACE, ended(&mut left)).await.is_ok() && members(&leader).is_empty() {
        return;
    }
    for _ in 0..ROUNDS {
        let mut left = members(&leader);
        if left.is_empty() {
            return;
        }
        signal(&mut left, Signal::KILL);
        let _ = timeout(KILL, ended(&mut left)).await;
    }
    tracing::warn!(
        pid = leader.pid,
        "something that the child has left behind does not end"
    );
}

/// The living processes of a session whose leader has ended. A leader that lives is another
/// process that was given the number: then nothing of the session can be left.
fn members(leader: &Stat) -> Vec<Process> {
    let belongs = |stat: &Stat| {
        stat.session == leader.pid && stat.start_ticks >= leader.start_ticks && !stat.is_zombie()
    };
    let all = stat::all();
    if all
        .iter()
        .any(|stat| stat.pid == leader.pid && !stat.is_zombie())
    {
        return Vec::new();
    }
    all.into_iter()
        .filter(belongs)
        .filter_map(|stat| {
            let same = |now: Stat| now.start_ticks == stat.start_ticks && belongs(&now);
            Process::foreign(stat, || Stat::read(stat.pid).is_some_and(same))
        })
        .collect()
}

fn signal(processes: &mut [Process], signal: Signal) {
    for process in processes {
        if let Err(error) = process.signal(signal) {
            tracing::warn!(pid = process.pid(), ?signal, %error, "the signal was not delivered");
        }
    }
}

async fn ended(processes: &mut [Process]) {
    for process in processes {
        process.ended().await;
    }
}
