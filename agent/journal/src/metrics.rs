//! What the journal counts.

use prometheus::{IntCounter, IntGauge, Registry};

use crate::View;

/// The families of the journal.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) entries: IntCounter,
    pub(crate) writes: IntCounter,
    pub(crate) lost: IntCounter,
    bytes: IntGauge,
    unacknowledged: IntGauge,
}

impl Metrics {
    /// Makes the families and registers them.
    ///
    /// # Errors
    /// Where one of them is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            entries: IntCounter::new(
                "pilotfish_journal_entries_total",
                "Entries that were written to the journal.",
            )?,
            writes: IntCounter::new(
                "pilotfish_journal_writes_total",
                "Writes to the journal, each with one fsync for all entries that waited.",
            )?,
            lost: IntCounter::new(
                "pilotfish_journal_lost_total",
                "Entries that found no room while the journal could not be written.",
            )?,
            bytes: IntGauge::new("pilotfish_journal_bytes", "Size of the journal.")?,
            unacknowledged: IntGauge::new(
                "pilotfish_journal_unacknowledged",
                "Numbers of the journal that wait to be acknowledged.",
            )?,
        };
        registry.register(Box::new(metrics.entries.clone()))?;
        registry.register(Box::new(metrics.writes.clone()))?;
        registry.register(Box::new(metrics.lost.clone()))?;
        registry.register(Box::new(metrics.bytes.clone()))?;
        registry.register(Box::new(metrics.unacknowledged.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn show(&self, view: &View, unacknowledged: u64) {
        let signed = |number| i64::try_from(number).unwrap_or(i64::MAX);
        self.bytes.set(signed(view.bytes));
        self.unacknowledged.set(signed(unacknowledged));
    }
}
