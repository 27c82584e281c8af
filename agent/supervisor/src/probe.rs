//! Finds out, with a throw-away process, whether directories can be made read-only for a child.

use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::confine::Confine;

/// A probe that takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the child can write the directories that it must see read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Protection {
    /// It cannot: they are mounted read-only for it. A child that itself runs as root could undo
    /// that, but not by mistake.
    Mount,
    /// It can, as far as the permissions of the files let it.
    None {
        /// Why there is no such mount.
        why: String,
    },
}

/// Tries the mounts of a child with these settings in a process that ends at once. What it finds
/// holds for every child that is started with the same settings on this machine.
pub async fn probe(settings: &Settings) -> Protection {
    if settings.read_only.is_empty() {
        return unprotected("no directory is to be read-only");
    }
    match tokio::time::timeout(PATIENCE, attempt(settings)).await {
        Err(_) => unprotected("the probe took too long"),
        Ok(Err(error)) => unprotected(&format!("the probe could not be started: {error}")),
        Ok(Ok(output)) if output.status.success() => Protection::Mount,
        Ok(Ok(output)) => unprotected(String::from_utf8_lossy(&output.stderr).trim()),
    }
}

async fn attempt(settings: &Settings) -> std::io::Result<std::process::Output> {
    let (program, words) = settings
        .launcher
        .split_first()
        .ok_or(std::io::ErrorKind::InvalidInput)?;
    let confine = Confine {
        run_as: None,
        read_only: settings.read_only.clone(),
        command: Vec::new(),
    };
    tokio::process::Command::new(program)
        .args(words)
        .args(confine.to_arguments())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
}

fn unprotected(why: &str) -> Protection {
    Protection::None {
        why: why.chars().take(400).collect(),
    }
}
