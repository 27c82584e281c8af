//! A full disk, or a file that cannot be read: what becomes of the change on its way, and of who waits for it.
//!
//! What was recorded is applied when there is room; a caller of such a change is told `pending`.
//! What was not recorded is dropped, and only then a caller is told `failed`.

use std::time::Duration;

use agent_api::{ApplyReport, ConfigState, Outcome};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::engine::Engine;
use super::error::{Error, chain};

/// How long after a failure of the disk it is tried again.
const RETRY: Duration = Duration::from_secs(5);

impl Engine {
    /// Gives up the change on its way for now, and tries again later.
    pub(super) fn stumble(&mut self, error: &Error) {
        let reason = chain(error);
        tracing::error!(
            reason,
            "the document cannot be taken care of now; trying again in {} s",
            RETRY.as_secs()
        );
        self.work = None;
        self.handing = false;
        self.retry_at = Some(Instant::now() + RETRY);
        let Some(attempt) = self.attempt.take() else {
            return self.ended(Outcome::Failed);
        };
        if attempt.user.is_none() || !attempt.kept {
            let report = attempt.report(Outcome::Failed, Some(reason));
            return self.finish(&report, attempt.waiters);
        }
        self.ended(Outcome::Failed);
        let report = recorded(attempt.report(Outcome::Pending, None), &reason);
        self.publish(&report);
        self.state(ConfigState::Pending);
        self.answer(attempt.waiters, &report);
    }

    /// The answer to an edit that is recorded and could not be gone on with.
    pub(super) fn kept_for_later(
        &mut self,
        error: &Error,
        actor: &str,
    ) -> oneshot::Receiver<ApplyReport> {
        self.stumble(error);
        answered(recorded(self.not_now(actor, ""), &chain(error)))
    }
}

/// An answer that is there already.
pub(super) fn answered(report: ApplyReport) -> oneshot::Receiver<ApplyReport> {
    let (reply, told) = oneshot::channel();
    // The other end is in hand.
    let _ = reply.send(report);
    told
}

fn recorded(mut report: ApplyReport, reason: &str) -> ApplyReport {
    report.outcome = Outcome::Pending;
    report.reason = Some(format!(
        "the edit is kept and is applied as soon as this is over: {reason}"
    ));
    report.waiting_for =
        Some("the agent's own files: they cannot be read or written now".to_owned());
    report
}
