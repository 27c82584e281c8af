//! The short life between fork and exec, as a process of its own.
//!
//! Code that runs between fork and exec has to be unsafe, so the child is first started as *our
//! own binary* with a subcommand: [`enter`]. It has one thread, makes directories read-only for
//! itself, leaves our session, becomes another user, gives up new privileges, and turns into the
//! command; the process id stays the same.
//!
//! Before that it waits for one byte on stdin, the *gate*. The supervisor opens the gate when the
//! child is on record, so that one killed in between leaves no child that nobody knows of.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{self, Gid, Uid};

use crate::mounts;
use crate::{Error, RunAs};

/// The exit code of a probe that found the directories unprotected.
pub(crate) const UNPROTECTED: u8 = 3;

/// What becomes of this process before it turns into the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confine {
    /// The user to become.
    pub run_as: Option<RunAs>,
    /// Directories to see read-only.
    pub read_only: Vec<PathBuf>,
    /// The program and its arguments. Empty: only try out whether `read_only` works here.
    pub command: Vec<OsString>,
}

/// The whole subcommand: takes the arguments behind its name, and returns the exit code when the
/// process did not turn into the command. Call it first thing in `main`, before any thread.
pub fn enter(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let outcome = Confine::from_arguments(arguments).and_then(|confine| {
        if confine.command.is_empty() {
            mounts::protect(&confine.read_only)
        } else {
            confine.exec().map(|never| match never {})
        }
    });
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "confine: {}", error.chain());
            exit_code(&error)
        }
    }
}

/// As shells do: 127 for a command that is not there, 126 for one that cannot be executed.
fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
        Error::Namespace { .. } | Error::ReadOnly { .. } => UNPROTECTED,
        _ => 126,
    }
}

impl Confine {
    /// The arguments that [`Confine::from_arguments`] reads back.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(RunAs { uid, gid }) = self.run_as {
            arguments.extend(["--uid".into(), uid.to_string().into()]);
            arguments.extend(["--gid".into(), gid.to_string().into()]);
        }
        for dir in &self.read_only {
            arguments.extend(["--read-only".into(), dir.clone().into_os_string()]);
        }
        arguments.push("--".into());
        arguments.extend(self.command.iter().cloned());
        arguments
    }

    /// Reads `[--uid U --gid G] [--read-only DIR]... -- [COMMAND...]`.
    pub fn from_arguments(words: impl IntoIterator<Item = OsString>) -> Result<Confine, Error> {
        let mut words = words.into_iter();
        let (mut uid, mut gid, mut read_only) = (None, None, Vec::new());
        loop {
            let word = words
                .next()
                .ok_or_else(|| problem("no -- before the command"))?;
            let mut value = || words.next().ok_or_else(|| problem("a value is missing"));
            match word.to_str() {
                Some("--") => break,
                Some("--uid") => uid = Some(number(&value()?)?),
                Some("--gid") => gid = Some(number(&value()?)?),
                Some("--read-only") => read_only.push(PathBuf::from(value()?)),
                _ => return Err(problem(&format!("unknown argument {word:?}"))),
            }
        }
        let run_as = match (uid, gid) {
            (Some(uid), Some(gid)) => Some(RunAs { uid, gid }),
            (None, None) => None,
            _ => return Err(problem("--uid and --gid go together")),
        };
        Ok(Confine {
            run_as,
            read_only,
            command: words.collect(),
        })
    }

    /// Waits at the gate, confines this process and turns it into the command. Only for a process
    /// with a single thread.
    pub fn exec(self) -> Result<Infallible, Error> {
        let (program, arguments) = self.command.split_first().ok_or(Error::EmptyCommand)?;
        pass_gate()?;
        mounts::protect(&self.read_only)?;
        // Away from our terminal: its Ctrl-C and its hang-up are for us to pass on.
        let _ = unistd::setsid();
        if let Some(run_as) = self.run_as {
            become_user(run_as)?;
        }
        prctl::set_no_new_privs().map_err(identity("no new privileges"))?;
        let source = Command::new(program).args(arguments).exec();
        Err(Error::Exec {
            program: program.clone(),
            source,
        })
    }
}

/// Returns when the supervisor has opened the gate, and then has no stdin any more.
fn pass_gate() -> Result<(), Error> {
    io::stdin()
        .read_exact(&mut [0])
        .map_err(|_| Error::Orphaned)?;
    let null = File::open("/dev/null").map_err(Error::Gate)?;
    unistd::dup2_stdin(&null).map_err(|errno| Error::Gate(errno.into()))
}

/// For good: groups first, since only root may change them.
fn become_user(RunAs { uid, gid }: RunAs) -> Result<(), Error> {
    if !unistd::geteuid().is_root() {
        return match unistd::geteuid().as_raw() == uid {
            true => Ok(()),
            false => Err(Error::NotRoot { uid }),
        };
    }
    unistd::setgroups(&[]).map_err(identity("setgroups"))?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    unistd::setresgid(gid, gid, gid).map_err(identity("setresgid"))?;
    unistd::setresuid(uid, uid, uid).map_err(identity("setresuid"))
}

fn identity(step: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Identity {
        step,
        source: errno.into(),
    }
}

fn number(word: &OsStr) -> Result<u32, Error> {
    let parsed = word.to_str().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| problem(&format!("{word:?} is no id")))
}

fn problem(text: &str) -> Error {
    Error::Arguments {
        problem: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn arguments_are_read_back_as_written() {
        let run_as = Some(RunAs {
            uid: 1000,
            gid: 1001,
        });
        for (run_as, dirs, command) in [
            (None, vec![], words("true")),
            (
                run_as,
                vec!["/a b".into(), "--".into()],
                words("sh -c -- --uid"),
            ),
            (run_as, vec!["/etc".into()], vec![]),
        ] {
            let confine = Confine {
                run_as,
                read_only: dirs,
                command,
            };
            assert_eq!(
                Confine::from_arguments(confine.to_arguments()).unwrap(),
                confine
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_survive_the_arguments(
            ids in proptest::option::of((0_u32.., 0_u32..)),
            dirs in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..9), 0..4),
            command in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..9), 0..4),
        ) {
            use std::os::unix::ffi::OsStringExt;
            let confine = Confine {
                run_as: ids.map(|(uid, gid)| RunAs { uid, gid }),
                read_only: dirs.into_iter().map(|dir| OsString::from_vec(dir).into()).collect(),
                command: command.into_iter().map(OsString::from_vec).collect(),
            };
            proptest::prop_assert_eq!(
                &Confine::from_arguments(confine.to_arguments()).unwrap(),
                &confine
            );
        }
    }

    #[test]
    fn senseless_arguments_are_refused() {
        for line in [
            "true",
            "--uid 1 -- true",
            "--gid 1 -- true",
            "--uid x --gid 1 -- true",
            "--uid -1 --gid 1 -- true",
            "--uid",
            "--read-only",
            "--else -- true",
        ] {
            let error = Confine::from_arguments(words(line)).unwrap_err();
            assert_eq!(error.reason(), "arguments", "{line}");
        }
    }
}
