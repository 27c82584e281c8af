//! What can go wrong between a process and its parent.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Why a child could not be started, confined or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command has no program.
    #[error("no command to supervise")]
    EmptyCommand,
    /// Only root can give a child another user.
    #[error("the child is to run as uid {uid}, which only root can give it")]
    NotRoot {
        /// The user that was asked for.
        uid: u32,
    },
    /// The spool of the child's output cannot be opened.
    #[error("cannot open the console spool {}", path.display())]
    Spool {
        /// The spool.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The notice that children have ended cannot be had.
    #[error("cannot watch for children that end")]
    Children(#[source] io::Error),
    /// The launcher could not be started.
    #[error("cannot start the launcher {program:?}")]
    Launch {
        /// The program that was to confine the child.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// The child ended before it was let through its gate.
    #[error("the launcher ended before it started the command")]
    Gate(#[source] io::Error),
    /// `/proc` did not show what it must.
    #[error("cannot read {}", path.display())]
    Proc {
        /// The file in `/proc`.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The record of the child could not be written.
    #[error("cannot write the record of the child {}", path.display())]
    Record {
        /// The state file.
        path: PathBuf,
        /// What stood in the way.
        source: durable::Error,
    },
    /// The child did not even end on SIGKILL.
    #[error("process {pid} lives on after SIGKILL")]
    Unkillable {
        /// The process.
        pid: i32,
    },
    /// The launcher was called with arguments that make no sense.
    #[error("confine: {problem}")]
    Arguments {
        /// What is wrong with them.
        problem: String,
    },
    /// The supervisor ended before it let the child through its gate.
    #[error("the supervisor is gone: the command is not started")]
    Orphaned,
    /// A command that was asked something ended in another way, or not in time.
    #[error("{program:?} gave no answer: {why}")]
    NoAnswer {
        /// The program that was asked.
        program: OsString,
        /// What it did instead.
        why: String,
    },
    /// The very first child ended as a command does that cannot be executed.
    #[error("the command {program:?} cannot be executed: {said} (exit code {code})")]
    NotExecutable {
        /// The program.
        program: OsString,
        /// 126 or 127, as in a shell.
        code: i32,
        /// The last line on its console, bounded and without control characters.
        said: String,
    },
    /// A new mount namespace is not to be had.
    #[error("cannot have mounts of our own ({step})")]
    Namespace {
        /// The step that was refused.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A directory could not be made read-only.
    #[error("cannot make {} read-only ({step})", dir.display())]
    ReadOnly {
        /// The directory.
        dir: PathBuf,
        /// The step that was refused.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The process could not become the user it has to be.
    #[error("cannot become another user ({step})")]
    Identity {
        /// The step that was refused.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The command itself could not be executed.
    #[error("cannot execute {program:?}")]
    Exec {
        /// The program.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// A short, stable word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::EmptyCommand | Error::Arguments { .. } => "arguments",
            Error::NotRoot { .. } | Error::Identity { .. } => "identity",
            Error::Spool { .. } => "spool",
            Error::Children(_) | Error::Proc { .. } => "system",
            Error::Launch { .. } | Error::Gate(_) | Error::Orphaned => "launch",
            Error::Record { .. } => "record",
            Error::Unkillable { .. } => "unkillable",
            Error::Namespace { .. } | Error::ReadOnly { .. } => "read_only",
            Error::Exec { .. } | Error::NotExecutable { .. } => "exec",
            Error::NoAnswer { .. } => "answer",
        }
    }

    /// The error and everything that caused it, in one line.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
