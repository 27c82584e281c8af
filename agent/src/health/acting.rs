//! What the observer does about what it sees: cures, and word of it to everybody.

use std::sync::Arc;
use std::time::Duration;

use ::health::cure::{Cure, Decision, Hands, Prescription, Situation};
use ::health::death::Seen;
use ::health::{Cause, Key, Verdict};
use agent_api::JournalEvent;
use jiff::Timestamp;
use tokio::time::Instant;

use super::observer::Observer;
use super::remedies::Remedies;
use super::view::View;
use super::{given, translated, wire};

/// More causes than these are not told with a change of the verdict.
const TOLD: usize = 8;

impl Observer {
    pub(super) fn situation(&self, verdict: Verdict) -> Situation {
        let restarts_inside = self.parts.tokens.restarts_inside();
        Situation {
            mode: self.settings.cures.into(),
            hands: match self.parts.child {
                Some(_) => Hands::Supervisor { restarts_inside },
                None => Hands::Sidecar,
            },
            verdict,
            rpc: self.heard.is_up(),
            active_runs: self.runs,
            config_busy: translated::busy(&self.parts.document.view()),
            started: self.heard.up_since,
        }
    }

    pub(super) fn settle(&mut self, causes: &[Cause], situation: &Situation, now: Duration) {
        for report in self.book.outcome(causes, situation, now) {
            if let Some(given) = self.cures.settle(&report) {
                given::tell(
                    &given,
                    &report.why,
                    &self.parts.metrics,
                    &self.parts.journal,
                );
            }
        }
    }

    pub(super) fn cure(&mut self, causes: &[Cause], situation: &Situation, now: Duration) {
        if self.curing.is_some() {
            return;
        }
        match self.book.next(causes, situation, now) {
            Decision::Do(prescription) => {
                self.prescribed(&prescription, false);
                if matches!(
                    prescription.cure,
                    Cure::RestartGateway | Cure::RestartInside
                ) {
                    self.see(Seen::RestartExpected, now);
                }
                let remedies = Remedies {
                    link: self.parts.link.clone(),
                    child: self.parts.child.clone(),
                };
                let verdict = situation.verdict;
                self.curing = Some(Box::pin(async move {
                    let given = remedies.give(prescription.cure, verdict).await;
                    (prescription.cause, given)
                }));
            }
            Decision::Observe(prescription) => self.prescribed(&prescription, true),
            Decision::Wait { .. } | Decision::Exhausted { .. } | Decision::Nothing => {}
        }
    }

    pub(super) fn prescribed(&mut self, prescription: &Prescription, observed: bool) {
        let given = self.cures.give(prescription, observed);
        given::tell(&given, "", &self.parts.metrics, &self.parts.journal);
    }

    pub(super) fn given(&mut self, key: &Key, given: Result<(), String>, now: Duration) {
        self.curing = None;
        self.ask_at = Instant::now();
        let Err(why) = given else { return };
        if let Some(report) = self.book.failed(key, &why, now)
            && let Some(given) = self.cures.settle(&report)
        {
            given::tell(
                &given,
                &report.why,
                &self.parts.metrics,
                &self.parts.journal,
            );
        }
    }

    pub(super) fn publish(&mut self, verdict: Verdict, causes: Vec<Cause>, now: Duration) {
        let before = self.view.borrow().clone();
        let channels = self.heard.channels.clone();
        let view = View {
            at: now,
            now: Timestamp::now(),
            verdict,
            since: if verdict == before.verdict {
                before.since
            } else {
                now
            },
            causes: Arc::new(causes),
            channels: channels.map(Arc::new).unwrap_or_default(),
            resources: self.resources.clone(),
            mode: before.mode,
            standing: self.book.standing(now),
            recent: self.cures.recent(),
            last_death: before.last_death,
        };
        match verdict.is_ready() {
            true => self.parts.gate.open(),
            false => self.parts.gate.close(reason(&view)),
        }
        self.parts.metrics.shows(&view, self.heard.is_up());
        if verdict != before.verdict {
            self.tell(&view, before.verdict);
        }
        self.view.send_replace(view);
    }

    pub(super) fn tell(&self, view: &View, was: Verdict) {
        let why = reason(view);
        match view.verdict {
            Verdict::Failing | Verdict::Degraded => {
                tracing::warn!(
                    verdict = view.verdict.word(),
                    was = was.word(),
                    why,
                    "the verdict on this pod changed"
                );
            }
            _ => tracing::info!(
                verdict = view.verdict.word(),
                was = was.word(),
                why,
                "the verdict on this pod changed"
            ),
        }
        let causes = view.causes.iter().take(TOLD);
        self.parts.journal.record(&JournalEvent::Verdict {
            verdict: wire::verdict(view.verdict),
            was: wire::verdict(was),
            causes: causes.map(|cause| wire::cause_view(cause, view)).collect(),
        });
    }
}

/// The gravest cause, for people; the verdict's own word where nothing is wrong.
fn reason(view: &View) -> String {
    let gravest = view
        .causes
        .iter()
        .find(|cause| cause.severity() > ::health::Severity::Notice);
    match gravest {
        Some(cause) => match cause.subject() {
            Some(subject) => format!("{subject}: {}", cause.evidence),
            None => cause.evidence.clone(),
        },
        None => view.verdict.word().to_owned(),
    }
}
