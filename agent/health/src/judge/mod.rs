//! From facts to findings. Each file holds the rules of one part of the pod.

mod channels;
mod config;
mod gateway;
mod pod;

use std::collections::BTreeSet;

use crate::{Facts, Finding};

/// Subjects of one kind that are named one by one; the others are counted.
const NAMED: usize = 20;

/// Everything that is not as it should be at this moment, each once, before any damping.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    gateway::judge(facts, &mut found);
    channels::judge(facts, &mut found);
    pod::judge(facts, &mut found);
    config::judge(facts, &mut found);
    let mut told = BTreeSet::new();
    found.retain(|finding| told.insert(finding.key.clone()));
    found
}
