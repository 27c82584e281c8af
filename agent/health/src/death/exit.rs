//! An end that the gateway's parent saw.

use std::time::Duration;

use crate::death::{Death, DeathCause};
use crate::facts::Memory;
use crate::{Verdict, words};

/// More lines of evidence are dropped.
const LINES: usize = 8;
/// An exit code above this is a signal that a shell or the gateway itself turned into a code.
const SIGNALS: i32 = 128;
const KILL: i32 = 9;

/// What the parent saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// When.
    pub at: Duration,
    /// The way it ended.
    pub how: How,
    /// Whether the kernel counted a kill for memory in its cgroup.
    pub oom_killed: bool,
    /// Whether it was told to end, and what for.
    pub asked: Option<Asked>,
    /// What its last words say, when it ended with 78.
    pub refusal: Option<Refusal>,
    /// Its memory at the last look.
    pub memory: Option<Memory>,
    /// What else is known of the time before, in words that are fit to be kept.
    pub before: Vec<String>,
    /// The verdict just before.
    pub last_verdict: Option<Verdict>,
    /// How long it had lived.
    pub lived: Option<Duration>,
}

/// The way a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// With an exit code.
    Code(i32),
    /// A signal killed it.
    Signal(i32),
    /// Nobody saw: another had started it.
    Unseen,
    /// It never came to life.
    NotStarted,
}

/// Why we told it to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To start it anew.
    Restart,
    /// To have it stopped.
    Stop,
    /// The pod goes.
    Drain,
}

/// What it refuses when it ends with 78. Started again on the same, it ends the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its document.
    Document,
    /// Another gateway holds the state directory.
    Lock,
    /// Something else, such as a migration.
    Other,
}

impl Exit {
    /// The cause of this death.
    pub fn death(&self) -> Death {
        let (code, signal) = self.numbers();
        let (cause, meaning) = self.judge(code, signal);
        Death {
            at: self.at,
            cause,
            certain: self.how != How::Unseen,
            code,
            signal,
            meaning,
            evidence: self.evidence(signal),
            last_verdict: self.last_verdict,
            lived: self.lived,
        }
    }

    fn numbers(&self) -> (Option<i32>, Option<i32>) {
        match self.how {
            How::Code(code) if code > SIGNALS && code <= SIGNALS + 64 => {
                (Some(code), Some(code - SIGNALS))
            }
            How::Code(code) => (Some(code), None),
            How::Signal(signal) => (None, Some(signal)),
            How::Unseen | How::NotStarted => (None, None),
        }
    }

    fn judge(&self, code: Option<i32>, signal: Option<i32>) -> (DeathCause, String) {
        if self.oom_killed && signal == Some(KILL) {
            return (
                DeathCause::Oom,
                "the kernel killed it for its memory".to_owned(),
            );
        }
        let how = match (signal, code) {
            (Some(signal), _) => signal_meaning(signal),
            (None, Some(code)) => self.code_meaning(code),
            (None, None) if self.how == How::NotStarted => {
                "its process could not be started".to_owned()
            }
            (None, None) => "it ended, how is not known: this agent had not started it".to_owned(),
        };
        let cause = match self.asked {
            Some(Asked::Restart) => DeathCause::Restart,
            Some(Asked::Stop) => DeathCause::Stopped,
            Some(Asked::Drain) => DeathCause::PodDeleted,
            None => self.unasked(code, signal),
        };
        (cause, how)
    }

    fn unasked(&self, code: Option<i32>, signal: Option<i32>) -> DeathCause {
        match (signal, code) {
            (Some(_), _) => DeathCause::Signal,
            (None, Some(0)) => DeathCause::Stopped,
            (None, Some(78)) if self.refusal == Some(Refusal::Document) => {
                DeathCause::RefusedConfig
            }
            (None, Some(_)) => DeathCause::Exit,
            (None, None) if self.how == How::NotStarted => DeathCause::Exit,
            (None, None) => DeathCause::Unknown,
        }
    }

    /// The gateway's exit codes.
    fn code_meaning(&self, code: i32) -> String {
        let text = match (code, self.refusal) {
            (0, _) => "it ended in good order",
            (1, _) if self.asked.is_some() => "it did not end within its shutdown budget of 325 s",
            (1, _) => "its start failed, or it did not end within its shutdown budget of 325 s",
            (78, Some(Refusal::Document)) => {
                "it refuses its configuration; started again it ends the same"
            }
            (78, Some(Refusal::Lock)) => "another gateway holds the state directory",
            (78, _) => {
                "it refuses to start: configuration, a migration or a lock; started again it ends the same"
            }
            (126, _) => "its command cannot be run: permissions, or no program",
            (127, _) => "its command was not found",
            _ => return format!("it ended with exit code {code}"),
        };
        text.to_owned()
    }

    fn evidence(&self, signal: Option<i32>) -> Vec<String> {
        let mut seen = Vec::new();
        if self.oom_killed && signal != Some(KILL) {
            seen.push("the kernel killed another process of its cgroup for memory".to_owned());
        }
        if let Some(part) = self.memory.and_then(Memory::ratio) {
            seen.push(format!(
                "memory at {:.0} % of its limit at the last look",
                part * 100.0
            ));
        }
        if self.asked.is_some() {
            seen.push("the agent had told it to end".to_owned());
        }
        seen.extend(self.before.iter().map(|line| words(line)));
        seen.truncate(LINES);
        seen
    }
}

fn signal_meaning(signal: i32) -> String {
    let text = match signal {
        1 => "SIGHUP killed it; it takes that as an end, not as a reload",
        2 => "SIGINT ended it",
        4 => "SIGILL: its program is not made for this processor, or broken",
        6 => "SIGABRT: it ended itself, as Node does when its heap is full",
        9 => "SIGKILL: somebody killed it, or a drain took too long",
        11 => "SIGSEGV: a bug in the program or a native module",
        15 => "SIGTERM ended it before it could drain",
        _ => return format!("signal {signal} killed it"),
    };
    text.to_owned()
}
