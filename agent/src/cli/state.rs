//! The state directory, opened with care: a file of root's in it would lock the agent out.

use std::os::unix::fs::MetadataExt;

use anyhow::anyhow;
use nix::unistd::geteuid;

use super::error::Error;
use crate::config::{Offline, Settings};

/// Whether a state directory was given.
pub fn is_named(settings: &Settings) -> bool {
    !settings.state.as_os_str().is_empty()
}

/// Opens the state directory, as its user only.
pub fn open(settings: Settings) -> Result<Offline, Error> {
    let ledger = std::fs::symlink_metadata(settings.state.join("ledger"));
    let (me, owner) = (geteuid().as_raw(), ledger.map_or_else(|_| geteuid().as_raw(), |found| found.uid()));
    if me != owner {
        let state = settings.state.display();
        let cure = format!("run this as user {owner}, or through the agent: --agent URL --token-file FILE");
        return Err(anyhow!("{state} belongs to user {owner} and we are {me}: {cure}").into());
    }
    Ok(Offline::open(settings)?)
}
