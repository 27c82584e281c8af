//! The pod's journal: what a caller must not miss, until it has been collected.
//!
//! In: what other components tell of themselves, here turned into events of the wire. Out: the crate `journal`'s handle,
//! through which everybody records and callers read. It decides nothing, and nothing in it is a secret or a user's text.

mod told;

use std::path::Path;

use agent_api::JournalEvent;
use anyhow::{Context, Result};
use prometheus::Registry;

pub use told::tell;

/// The way to the journal, to record and to read.
pub type Journal = ::journal::Handle<JournalEvent>;

/// The journal's file in the agent's own directory.
const FILE: &str = "journal";

/// Opens the journal in the agent's own directory. Nothing is written before its task runs.
pub fn open(state: &Path, registry: &Registry) -> Result<(::journal::Journal, Journal)> {
    let metrics = ::journal::Metrics::register(registry)?;
    let settings = ::journal::Settings::new(state.join(FILE));
    ::journal::Journal::open(settings, metrics).context("the journal cannot be opened")
}
