//! One process of which we learn the end: a child of ours, or one that a predecessor has left.
//!
//! A pidfd names the process itself, not its number: what is sent through it can never reach
//! another process that was given the number later, and it tells the end without asking again and
//! again. Where the kernel has none, `/proc` is looked at once a second.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;

use crate::How;
use crate::readiness::readable;
use crate::stat::Stat;

/// How often we look where the kernel does not tell.
const LOOK: Duration = Duration::from_secs(1);

/// A process that we watch and may signal.
#[derive(Debug)]
pub(crate) struct Process {
    stat: Stat,
    pidfd: Option<AsyncFd<OwnedFd>>,
    child: Option<Child>,
    known_since: Instant,
    sent: Vec<i32>,
}

impl Process {
    /// A child of ours, which nobody else may wait for.
    pub(crate) fn own(child: Child, stat: Stat) -> Process {
        Process {
            pidfd: open(stat.pid),
            child: Some(child),
            known_since: Instant::now(),
            sent: Vec::new(),
            stat,
        }
    }

    /// A process that is not our child. `check` says, after the process is held, whether it is
    /// still the one that was meant.
    pub(crate) fn foreign(stat: Stat, check: impl FnOnce() -> bool) -> Option<Process> {
        let process = Process {
            pidfd: open(stat.pid),
            child: None,
            known_since: Instant::now(),
            sent: Vec::new(),
            stat,
        };
        check().then_some(process)
    }

    /// How it showed in `/proc` when we came to know it.
    pub(crate) fn stat(&self) -> Stat {
        self.stat
    }

    /// Its number.
    pub(crate) fn pid(&self) -> i32 {
        self.stat.pid
    }

    /// Whether somebody else has started it.
    pub(crate) fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// When it was started.
    pub(crate) fn since(&self) -> SystemTime {
        self.stat.since()
    }

    /// How long it has lived; for an adopted one by the clock on the wall.
    pub(crate) fn age(&self) -> Duration {
        match self.child {
            Some(_) => self.known_since.elapsed(),
            None => self.since().elapsed().unwrap_or_default(),
        }
    }

    /// Returns when it has ended. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> How {
        loop {
            match &self.pidfd {
                Some(pidfd) => drop(pidfd.readable().await),
                None => tokio::time::sleep(LOOK).await,
            }
            if let Some(how) = self.look() {
                return how;
            }
            // Readable and yet not ended does not happen; if it does, it must not spin.
            self.pidfd = None;
        }
    }

    fn look(&mut self) -> Option<How> {
        match &mut self.child {
            Some(child) => match child.try_wait() {
                Ok(status) => status.map(how),
                Err(_) => Some(How::Unknown),
            },
            None => (!self.lives()).then_some(How::Unknown),
        }
    }

    fn lives(&self) -> bool {
        Stat::read(self.stat.pid)
            .is_some_and(|now| now.start_ticks == self.stat.start_ticks && !now.is_zombie())
    }

    /// Whether what killed it is a signal that we have sent it.
    pub(crate) fn was_sent(&self, how: &How) -> bool {
        matches!(how, How::Signal(number) if self.sent.contains(number))
    }

    /// Sends it a signal. That it has just ended is no error.
    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let sent = match (&self.pidfd, Pid::from_raw(self.stat.pid)) {
            (Some(pidfd), _) => pidfd_send_signal(pidfd.get_ref(), signal),
            (None, Some(pid)) if self.lives() => kill_process(pid, signal),
            _ => Ok(()),
        };
        match sent {
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            sent => sent.map_err(io::Error::from)?,
        }
        if !self.sent.contains(&signal.as_raw()) {
            self.sent.push(signal.as_raw());
        }
        Ok(())
    }
}

fn open(pid: i32) -> Option<AsyncFd<OwnedFd>> {
    let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    readable(pidfd).ok()
}

/// The way a process of ours ended.
pub(crate) fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Code(code),
        (None, Some(signal)) => How::Signal(signal),
        (None, None) => How::Unknown,
    }
}
