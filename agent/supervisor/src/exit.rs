//! One end of the child: how, by whom, and what it said before.

use std::fmt;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

/// A line of the last ones is no longer than this.
const LINE: usize = 300;

/// One end of the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The way it ended.
    pub how: How,
    /// Where the signal came from, if one killed it.
    pub killer: Option<Killer>,
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

impl Exit {
    /// Its last lines, in order: each bounded and without control characters, and still a
    /// stranger's text.
    pub fn last_lines(&self, most: usize) -> Vec<String> {
        let plain = |line: &str| {
            let shown = line.chars().filter(|c| !c.is_control());
            shown.take(LINE).collect()
        };
        let lines = self.console_tail.lines().rev().take(most);
        let mut lines: Vec<String> = lines.map(plain).collect();
        lines.reverse();
        lines
    }
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
            How::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(out, "killed by {signal}"),
                Err(_) => write!(out, "killed by signal {number}"),
            },
            How::Unknown => write!(out, "ended, how is not known"),
            How::NotStarted { why } => write!(out, "not started: {why}"),
        }
    }
}

/// Where a signal came from that killed the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killer {
    /// We sent it: to pass it on, to end the child, or by force when it did not end in time.
    Supervisor,
    /// The kernel, for want of memory: SIGKILL that we did not send, and a kill that its control
    /// group has counted within the last two looks.
    Oom(OomKill),
    /// Its own fault, such as SIGSEGV or SIGABRT.
    Fault,
    /// Somebody else, or itself on purpose.
    Foreign,
    /// Somebody else or the kernel: SIGKILL, and its control group cannot be read.
    Unknown,
}

impl Killer {
    /// Who it was. `sigkill` tells it of one that we did not send.
    pub(crate) fn of(how: &How, ours: bool, sigkill: impl FnOnce() -> Killer) -> Option<Killer> {
        let How::Signal(number) = how else {
            return None;
        };
        let killer = match Signal::try_from(*number) {
            _ if ours => Killer::Supervisor,
            Ok(Signal::SIGKILL) => sigkill(),
            Ok(
                Signal::SIGILL
                | Signal::SIGTRAP
                | Signal::SIGABRT
                | Signal::SIGBUS
                | Signal::SIGFPE
                | Signal::SIGSEGV
                | Signal::SIGSYS,
            ) => Killer::Fault,
            _ => Killer::Foreign,
        };
        Some(killer)
    }

    /// A short, stable word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Killer::Supervisor => "supervisor",
            Killer::Oom(_) => "oom",
            Killer::Fault => "fault",
            Killer::Foreign => "foreign",
            Killer::Unknown => "unknown",
        }
    }
}

/// What is known of a kill for want of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomKill {
    /// The tightest limit on the memory of its group that can be seen from here. Without one it
    /// was the machine, or an ancestor out of sight, that had no memory left.
    pub limit_bytes: Option<u64>,
    /// What its group used at the last look before the end, file pages and all. It may have grown
    /// fast since.
    pub used_bytes: Option<u64>,
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

    #[test]
    fn the_kernel_is_named_only_for_a_kill_that_was_not_ours() {
        let kernel = Killer::Oom(OomKill {
            limit_bytes: Some(1),
            used_bytes: None,
        });
        let cases = [
            (How::Signal(9), false, Some(kernel)),
            (How::Signal(9), true, Some(Killer::Supervisor)),
            (How::Signal(15), true, Some(Killer::Supervisor)),
            (How::Signal(15), false, Some(Killer::Foreign)),
            (How::Signal(6), false, Some(Killer::Fault)),
            (How::Signal(11), false, Some(Killer::Fault)),
            (How::Signal(40), false, Some(Killer::Foreign)),
            (How::Code(137), false, None),
            (How::Unknown, false, None),
        ];
        for (how, ours, expected) in cases {
            assert_eq!(Killer::of(&how, ours, || kernel), expected, "{how}, {ours}");
        }
    }

    #[test]
    fn last_lines_are_bounded_and_plain() {
        let exit = |console_tail: String| Exit {
            how: How::Code(1),
            killer: None,
            pid: 7,
            at: SystemTime::UNIX_EPOCH,
            lived: Duration::ZERO,
            asked: false,
            console_tail,
        };
        let said = exit(format!("one\n\u{1b}[31mtwo\u{7}\n{}\n", "x".repeat(900)));
        let long = "x".repeat(LINE);
        assert_eq!(said.last_lines(2), ["[31mtwo", long.as_str()]);
        assert_eq!(said.last_lines(9).len(), 3);
        assert_eq!(said.last_lines(0), [""; 0]);
        assert_eq!(exit(String::new()).last_lines(3), [""; 0]);
    }
}
