//! What a pass saw and did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Id, Meaning, Moment, Reason, Removal, Step, Target};

/// The most failures that a report names; the rest is counted.
pub const FAILURES_MAX: usize = 100;

/// Whether a pass removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It only decides.
    Dry,
    /// It removes what it decided.
    Real,
}

/// Something that did not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What.
    pub target: Target,
    /// Why it was to go.
    pub reason: Reason,
    /// What the refusal means.
    pub meaning: Meaning,
    /// What the daemon said.
    pub message: String,
}

/// What a pass saw and did.
#[derive(Debug, Clone, PartialEq)]
pub struct PassReport {
    /// Whether it removed.
    pub mode: Mode,
    /// When it began.
    pub began: Moment,
    /// How long it took.
    pub took: Duration,
    /// The step of the disk that it decided at.
    pub step: Step,
    /// How many sandboxes there were.
    pub seen: usize,
    /// How many sandboxes it left.
    pub kept: usize,
    /// What was to go, in the order of its going.
    pub decided: Vec<Removal>,
    /// The names of the sandboxes that were to go.
    pub names: BTreeMap<Id, String>,
    /// How many went, by kind and reason.
    pub removed: BTreeMap<(&'static str, Reason), usize>,
    /// How many turned out to be live, or in use, right before their removal.
    pub spared: usize,
    /// What stayed after all, and why, in words.
    pub stayed: BTreeMap<Target, &'static str>,
    /// What did not go, the first [`FAILURES_MAX`].
    pub failed: Vec<Failure>,
    /// How many did not go.
    pub failures: usize,
    /// The bytes that were freed, as far as the daemon tells.
    pub bytes_freed: u64,
    /// Whether the disk is critically full and nothing but live sandboxes is left.
    pub full_of_live: bool,
}

impl PassReport {
    /// The name of a sandbox that was to go; of other things, what they are is their name.
    #[must_use]
    pub fn name(&self, target: &Target) -> &str {
        match target {
            Target::Container(id) => self.names.get(id).map_or("", String::as_str),
            _ => "",
        }
    }

    /// How many things went.
    #[must_use]
    pub fn removed_count(&self) -> usize {
        self.removed.values().sum()
    }
}
