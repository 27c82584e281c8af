//! The knobs of one supervised child.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Error;

/// The user that the child runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id. The child has no other groups.
    pub gid: u32,
}

/// Where the child's output goes.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// The file that takes stdout and stderr. It is a file and no pipe, so that the child can
    /// neither block on us nor fail when we are gone. Its directory must exist, and be one that
    /// the child cannot write.
    pub spool: PathBuf,
    /// How many bytes of it may stay on disk; 64 KiB at least.
    pub max_bytes: u64,
    /// Whether new output is also copied to our own stdout.
    pub echo: bool,
}

impl ConsoleSettings {
    /// A spool of 8 MiB that is not copied to stdout.
    pub fn new(spool: PathBuf) -> ConsoleSettings {
        ConsoleSettings {
            spool,
            max_bytes: 8 * 1024 * 1024,
            echo: false,
        }
    }
}

/// All knobs of one supervised child.
#[derive(Clone)]
pub struct Settings {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// Added to the environment that the child inherits from us.
    pub env: Vec<(OsString, OsString)>,
    /// Another user for the child. Needs root.
    pub run_as: Option<RunAs>,
    /// Directories that the child must see read-only, while they stay writable for us. What is
    /// mounted below them is not there for the child. Their parents should not be the child's: it
    /// could move them away and put others in their place.
    pub read_only: Vec<PathBuf>,
    /// How long the child may take to end after SIGTERM.
    pub drain: Duration,
    /// The first pause before a start that follows an exit nobody asked for.
    pub backoff_first: Duration,
    /// The longest such pause; each one is twice its predecessor.
    pub backoff_longest: Duration,
    /// A child that lived this long starts the pauses anew.
    pub backoff_reset: Duration,
    /// How often the child's control group is looked at. A kill for want of memory that is older
    /// than two looks is not taken for the end of the child.
    pub look: Duration,
    /// Where the child is recorded, so that a successor finds and adopts it.
    pub state_file: PathBuf,
    /// Where its output goes.
    pub console: ConsoleSettings,
    /// The program and the words before the arguments of [`crate::confine::enter`]: how the
    /// binary that this crate is linked into spells that subcommand.
    pub launcher: Vec<OsString>,
}

impl Settings {
    /// A command with the usual drain and back-off. `/proc/self/exe confine` is the launcher: the
    /// running binary itself, also after it was replaced on disk.
    pub fn new(command: Vec<OsString>, state_file: PathBuf, spool: PathBuf) -> Settings {
        Settings {
            command,
            env: Vec::new(),
            run_as: None,
            read_only: Vec::new(),
            drain: Duration::from_secs(330),
            backoff_first: Duration::from_secs(1),
            backoff_longest: Duration::from_secs(60),
            backoff_reset: Duration::from_secs(60),
            look: Duration::from_secs(10),
            state_file,
            console: ConsoleSettings::new(spool),
            launcher: vec!["/proc/self/exe".into(), "confine".into()],
        }
    }

    /// Refuses what can never work, before anything is started.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.command.is_empty() || self.launcher.is_empty() {
            return Err(Error::EmptyCommand);
        }
        let me = nix::unistd::geteuid();
        match self.run_as {
            Some(RunAs { uid, .. }) if !me.is_root() && me.as_raw() != uid => {
                Err(Error::NotRoot { uid })
            }
            _ => Ok(()),
        }
    }
}

/// Without the values of the environment: secrets travel there.
impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&OsString> = self.env.iter().map(|(name, _)| name).collect();
        out.debug_struct("Settings")
            .field("command", &self.command)
            .field("env", &names)
            .field("run_as", &self.run_as)
            .field("read_only", &self.read_only)
            .field("drain", &self.drain)
            .field("state_file", &self.state_file)
            .field("console", &self.console)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_environment_is_not_shown() {
        let mut settings = Settings::new(vec!["true".into()], "s".into(), "c".into());
        settings.env.push(("TOKEN".into(), "swordfish".into()));
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("TOKEN") && !shown.contains("swordfish"),
            "{shown}"
        );
    }
}
