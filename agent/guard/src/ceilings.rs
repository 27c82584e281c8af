//! What one sandbox may be at most: the settings, and under them what the document in force says.

use std::collections::BTreeSet;

use crate::{Settings, images::Images};

/// What the document in force allows; what it does not name is bounded by the settings alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// The images, by their whole names; nothing while no document is known.
    pub images: Option<BTreeSet<String>>,
    /// The most memory of one sandbox.
    pub memory_bytes: Option<i64>,
    /// The most memory and swap of one sandbox; without it there is no swap.
    pub memory_swap_bytes: Option<i64>,
    /// The most CPU of one sandbox in billionths.
    pub nano_cpus: Option<i64>,
    /// The most processes of one sandbox.
    pub pids: Option<i64>,
}

/// What holds at this moment.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) images: Images,
    pub(crate) memory_bytes: Option<i64>,
    pub(crate) memory_swap_bytes: Option<i64>,
    pub(crate) nano_cpus: Option<i64>,
    pub(crate) pids: Option<i64>,
}

impl Limits {
    /// Of two bounds the smaller one holds.
    pub(crate) fn new(settings: &Settings, document: &Ceilings) -> Self {
        Self {
            images: Images::new(settings.images.as_deref(), document.images.as_ref()),
            memory_bytes: smaller(settings.memory_bytes, document.memory_bytes),
            memory_swap_bytes: document
                .memory_swap_bytes
                .and_then(|swap| smaller(settings.memory_bytes, Some(swap))),
            nano_cpus: smaller(settings.nano_cpus, document.nano_cpus),
            pids: smaller(settings.pids, document.pids),
        }
    }
}

fn smaller(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_bound_holds() {
        for (knob, document, holds) in [
            (None, None, None),
            (Some(2), None, Some(2)),
            (None, Some(3), Some(3)),
            (Some(2), Some(3), Some(2)),
            (Some(3), Some(2), Some(2)),
        ] {
            let settings = Settings {
                memory_bytes: knob,
                nano_cpus: knob,
                pids: knob,
                ..Settings::default()
            };
            let document = Ceilings {
                memory_bytes: document,
                nano_cpus: document,
                pids: document,
                ..Ceilings::default()
            };
            let limits = Limits::new(&settings, &document);
            let all = [limits.memory_bytes, limits.nano_cpus, limits.pids];
            assert_eq!(all, [holds; 3], "{settings:?} {document:?}");
        }
    }
}
