//! The state directory, opened with care: a file of root's in it would lock the agent out.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;

use super::error::Error;
use crate::config::{self, Offline, Settings};

/// What became of opening the state directory.
pub(super) enum Opened {
    /// It is ours for as long as this lives.
    Ours(Box<Offline>),
    /// An agent owns it now.
    Owned,
    /// It is another user's: why, for people.
    Foreign(String),
}

/// Whether a state directory was given.
pub(super) fn is_named(settings: &Settings) -> bool {
    !settings.state.as_os_str().is_empty()
}

/// Opens the state directory, as its user only.
pub(super) fn open(settings: Settings) -> Result<Opened, Error> {
    let state = settings.state.display().to_string();
    let (me, ledger) = (
        geteuid().as_raw(),
        std::fs::symlink_metadata(settings.state.join("ledger")),
    );
    if let Some(owner) = ledger
        .ok()
        .map(|found| found.uid())
        .filter(|owner| *owner != me)
    {
        return Ok(Opened::Foreign(format!(
            "{state} belongs to user {owner} and we are {me}"
        )));
    }
    match Offline::open(settings) {
        Ok(offline) => Ok(Opened::Ours(Box::new(offline))),
        Err(config::Error::Files(durable::Error::Owned { .. })) => Ok(Opened::Owned),
        Err(config::Error::Files(durable::Error::Io { source, .. }))
            if source.kind() == ErrorKind::PermissionDenied =>
        {
            Ok(Opened::Foreign(format!(
                "{state} is closed to us, user {me}"
            )))
        }
        Err(other) => Err(other.into()),
    }
}

/// Opens the state directory for a command that no agent can do.
pub(super) fn own(settings: Settings) -> Result<Offline, Error> {
    let state = settings.state.display().to_string();
    match open(settings)? {
        Opened::Ours(offline) => Ok(*offline),
        Opened::Owned => {
            Err(anyhow::anyhow!("an agent owns {state} and writes the document itself").into())
        }
        Opened::Foreign(why) => Err(anyhow::anyhow!("{why}: run this as its user").into()),
    }
}
