//! What locks a path, for those who explain it.

use crate::path::KeyPath;
use crate::rules::{Demand, Rules};

/// One lock as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The pattern of the lock.
    pub rule: String,
    /// The locks file.
    pub file: String,
    /// Line of the rule, from 1.
    pub line: u32,
    /// Column of the rule, from 1.
    pub column: u32,
    /// Why it is there.
    pub why: Option<String>,
}

impl Rules {
    /// The lock that keeps user and runtime from this path.
    #[must_use]
    pub fn lock_of(&self, path: &KeyPath) -> Option<Lock> {
        self.all().iter().find_map(|rule| match &rule.demand {
            Demand::Lock { why, .. } if rule.pattern.covers(path) => Some(Lock {
                rule: rule.pattern.to_string(),
                file: self.file().to_owned(),
                line: rule.spot.line,
                column: rule.spot.column,
                why: why.clone(),
            }),
            _ => None,
        })
    }
}
