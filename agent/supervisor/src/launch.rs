//! Brings a child to life: through the launcher, onto the record, through the gate.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

use crate::confine::Confine;
use crate::console::Console;
use crate::process::Process;
use crate::record::{self, Record};
use crate::stat::Stat;
use crate::{Error, Protection, Settings};

/// Starts the command. When this returns, the child is on record and on its way; a record that
/// cannot be written is a warning, since an outage would be worse than a child nobody can adopt.
pub(crate) fn launch(
    settings: &Settings,
    console: &Console,
    protection: &Protection,
) -> Result<Process, Error> {
    let mut child = spawn(settings, console, protection)?;
    match admit(&mut child, settings, protection) {
        Ok(stat) => Ok(Process::own(child, stat)),
        Err(error) => {
            // Nothing of the command has run yet, so nothing is lost by force.
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

fn spawn(settings: &Settings, console: &Console, protection: &Protection) -> Result<Child, Error> {
    let (stdout, stderr) = console.ends()?;
    let mut line = confined(settings, protection, settings.command.clone())?;
    line.stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(not_launched(&line))
}

/// A command as the child has it: its user, its environment, its read-only directories, behind
/// the gate that its stdin is.
pub(crate) fn confined(
    settings: &Settings,
    protection: &Protection,
    command: Vec<OsString>,
) -> Result<Command, Error> {
    let (program, words) = settings.launcher.split_first().ok_or(Error::EmptyCommand)?;
    let confine = Confine {
        run_as: settings.run_as,
        read_only: match protection {
            Protection::Mount => settings.read_only.clone(),
            Protection::None { .. } => Vec::new(),
        },
        command,
    };
    let mut line = Command::new(program);
    line.args(words)
        .args(confine.to_arguments())
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped());
    Ok(line)
}

/// The error of a launcher that is not there.
pub(crate) fn not_launched(line: &Command) -> impl FnOnce(io::Error) -> Error + use<> {
    let program = line.get_program().to_owned();
    |source| Error::Launch { program, source }
}

fn admit(child: &mut Child, settings: &Settings, protection: &Protection) -> Result<Stat, Error> {
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    let stat = Stat::read(pid).ok_or_else(|| Error::Proc {
        path: format!("/proc/{pid}/stat").into(),
        source: std::io::ErrorKind::InvalidData.into(),
    })?;
    let recorded = Record::of(&stat, protection.clone())
        .and_then(|record| record::write(&settings.state_file, &record));
    if let Err(error) = recorded {
        tracing::warn!(
            error = error.chain(),
            "the child is not on record: nobody can adopt it"
        );
    }
    match child.stdin.take() {
        Some(mut gate) => gate.write_all(b"\n").map_err(Error::Gate)?,
        None => return Err(Error::Gate(std::io::ErrorKind::BrokenPipe.into())),
    }
    Ok(stat)
}

/// Whether a predecessor of ours has left a child alive: one that is adopted, and not started.
pub fn left_alive(settings: &Settings) -> bool {
    record::read(&settings.state_file).is_some_and(|record| record.alive().is_some())
}

/// The child that a predecessor of ours has left alive, if there is one.
pub(crate) fn adopt(settings: &Settings) -> Option<(Process, Protection)> {
    let record = record::read(&settings.state_file)?;
    let process = Process::foreign(record.alive()?, || record.alive().is_some())?;
    Some((process, record.protection))
}
