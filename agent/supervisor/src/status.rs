//! What is known of the child, as the supervisor publishes it.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::Protection;

/// The child as a whole: what it does now, and how it last ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it does now.
    pub state: State,
    /// How often this supervisor has started it. An adopted child was not started.
    pub starts: u64,
    /// How often it has ended. A reader that sees the number jump has missed an exit.
    pub exits: u64,
    /// How it last ended.
    pub last_exit: Option<Exit>,
    /// Whether the child can write what it must see read-only; known once there is a child.
    pub protection: Option<Protection>,
}

/// What the child does now.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Not running, and not started until the caller says so.
    Held,
    /// It is being started.
    Starting,
    /// It runs.
    Running {
        /// Its process id.
        pid: i32,
        /// When it was started.
        since: SystemTime,
        /// Whether a predecessor of ours has started it.
        adopted: bool,
    },
    /// It runs, and has been told to end.
    Ending {
        /// Its process id.
        pid: i32,
        /// Why it has to end.
        why: String,
    },
    /// It ended by itself and is started again after a pause.
    BackingOff {
        /// When the next start is due.
        until: SystemTime,
    },
    /// It ended and stays so: the supervisor has drained.
    Stopped,
}

/// One end of the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The way it ended.
    pub how: How,
    /// The process that ended; 0 when it never came to life.
    pub pid: i32,
    /// When we learnt of it.
    pub at: SystemTime,
    /// How long it had lived.
    pub lived: Duration,
    /// Whether the caller had told it to end.
    pub asked: bool,
    /// The last 8 KiB that this child wrote, as text. Data from a stranger: bound and escape it
    /// before showing, never log it.
    pub console_tail: String,
}

/// The way a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It exited with a code.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// An adopted child ended: only its parent could have learnt how.
    Unknown,
    /// It never came to life.
    NotStarted {
        /// Why.
        why: String,
    },
}

impl How {
    /// A short, stable word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            How::Code(0) => "success",
            How::Code(_) => "code",
            How::Signal(_) => "signal",
            How::Unknown => "unknown",
            How::NotStarted { .. } => "not_started",
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::Code(code) => write!(out, "exit code {code}"),
            How::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => write!(out, "killed by {signal}"),
                Err(_) => write!(out, "killed by signal {number}"),
            },
            How::Unknown => write!(out, "ended, how is not known"),
            How::NotStarted { why } => write!(out, "not started: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_reads_as_a_sentence() {
        let cases = [
            (How::Code(78), "exit code 78", "code"),
            (How::Code(0), "exit code 0", "success"),
            (How::Signal(9), "killed by SIGKILL", "signal"),
            (How::Signal(40), "killed by signal 40", "signal"),
            (How::Unknown, "ended, how is not known", "unknown"),
        ];
        for (how, text, reason) in cases {
            assert_eq!((how.to_string().as_str(), how.reason()), (text, reason));
        }
    }
}
