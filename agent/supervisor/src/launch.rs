//! Brings a child to life: through the launcher, onto the record, through the gate.

use std::io::Write;
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
    let (program, words) = settings.launcher.split_first().ok_or(Error::EmptyCommand)?;
    let confine = Confine {
        run_as: settings.run_as,
        read_only: match protection {
            Protection::Mount => settings.read_only.clone(),
            Protection::None { .. } => Vec::new(),
        },
        command: settings.command.clone(),
    };
    let (stdout, stderr) = console.ends()?;
    Command::new(program)
        .args(words)
        .args(confine.to_arguments())
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(|source| Error::Launch {
            program: program.clone(),
            source,
        })
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

/// The child that a predecessor of ours has left alive, if there is one.
pub(crate) fn adopt(settings: &Settings) -> Option<(Process, Protection)> {
    let record = record::read(&settings.state_file)?;
    let process = Process::foreign(record.alive()?, || record.alive().is_some())?;
    Some((process, record.protection))
}
