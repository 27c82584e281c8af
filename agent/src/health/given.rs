//! The cures of late: each told when it is given, and when it is known what came of it.

use std::collections::VecDeque;

use ::health::cure::{Prescription, Report};
use agent_api::JournalEvent;
use jiff::Timestamp;

use super::metrics::Metrics;
use super::view::Given;
use super::wire;
use crate::journal::Journal;

/// More than these are not shown.
const SHOWN: usize = 16;

/// The cures of late, the newest first.
#[derive(Debug, Default)]
pub(super) struct Cures {
    recent: VecDeque<Given>,
}

impl Cures {
    /// One is given, or would have been.
    pub(super) fn give(&mut self, prescription: &Prescription, observed: bool) -> Given {
        let given = Given {
            cure: prescription.cure.clone(),
            cause: prescription.cause.clone(),
            at: Timestamp::now(),
            reason: prescription.reason.clone(),
            outcome: None,
            observed,
        };
        self.recent.push_front(given.clone());
        self.recent.truncate(SHOWN);
        given
    }

    /// What came of one is known.
    pub(super) fn settle(&mut self, report: &Report) -> Option<Given> {
        let mut pending = self
            .recent
            .iter_mut()
            .filter(|given| given.outcome.is_none() && !given.observed);
        let given =
            pending.find(|given| given.cause == report.cause && given.cure == report.cure)?;
        given.outcome = Some(report.outcome);
        Some(given.clone())
    }

    pub(super) fn recent(&self) -> VecDeque<Given> {
        self.recent.clone()
    }
}

/// In log, metrics and journal.
pub(super) fn tell(given: &Given, why: &str, metrics: &Metrics, journal: &Journal) {
    let grade = given.cure.grade();
    let subject = wire::subject(&given.cure);
    let outcome = wire::outcome(given);
    let word = given.outcome.map_or("given", |outcome| outcome.word());
    let about = subject.as_deref().unwrap_or_default();
    match (given.outcome, given.observed) {
        (None, true) => tracing::warn!(
            cure = grade.word(),
            about,
            reason = given.reason,
            "would cure, but only observes"
        ),
        (None, false) => tracing::warn!(
            cure = grade.word(),
            about,
            reason = given.reason,
            hopes = grade.rule().hopes,
            "cures"
        ),
        (Some(_), _) => tracing::info!(
            cure = grade.word(),
            about,
            outcome = word,
            why,
            "what came of a cure"
        ),
    }
    metrics.cured(grade, outcome);
    journal.record(&JournalEvent::Cure {
        cure: wire::cure_kind(grade),
        subject,
        reason: given.reason.clone(),
        outcome,
    });
}
