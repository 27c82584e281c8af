//! A question to the child's program: a short run as the child would be, for what it prints.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::process::how;
use crate::stat::Stat;
use crate::{Error, How, Protection, Settings, launch, leftovers};

/// No answer is longer; the rest is not read.
const MAX_BYTES: u64 = 4096;

/// What a command prints on stdout, run as the child of these settings would be: its user, its
/// environment, its read-only directories where `protection` says so. One that fails or takes
/// longer than `patience` gives no answer. Nothing of it is left running.
pub async fn ask(
    settings: &Settings,
    protection: &Protection,
    command: Vec<OsString>,
    patience: Duration,
) -> Result<String, Error> {
    let program = command.first().cloned().ok_or(Error::EmptyCommand)?;
    let line = launch::confined(settings, protection, command)?;
    let not_launched = launch::not_launched(&line);
    let mut child = Command::from(line)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_launched)?;
    let leader = child
        .id()
        .and_then(|pid| Stat::read(i32::try_from(pid).ok()?));
    let answered = tokio::time::timeout(patience, answer(&mut child)).await;
    let _ = child.kill().await;
    if let Some(leader) = leader {
        leftovers::sweep(leader).await;
    }
    let silent = |why: String| Error::NoAnswer { program, why };
    match answered {
        Err(_) => Err(silent(format!("nothing within {} s", patience.as_secs()))),
        Ok(Err(error)) => Err(silent(error.to_string())),
        Ok(Ok((How::Code(0), text))) => Ok(text),
        Ok(Ok((how, _))) => Err(silent(how.to_string())),
    }
}

/// Opens the gate, reads, and waits for the end.
async fn answer(child: &mut Child) -> std::io::Result<(How, String)> {
    if let Some(mut gate) = child.stdin.take() {
        gate.write_all(b"\n").await?;
    }
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_BYTES).read_to_end(&mut bytes).await?;
    }
    let status = child.wait().await?;
    Ok((how(status), String::from_utf8_lossy(&bytes).into_owned()))
}
