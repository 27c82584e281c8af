//! How long a caller waits for the outcome of a change, and which answer the outcome is.

use std::time::{Duration, Instant};

use agent_api::{ApplyReport, Outcome, Wait};
use axum::http::StatusCode;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::Error;
use crate::config::{self, Until};

/// How long is waited when the caller says nothing: longer than a restart and its probation.
const DEFAULT_WAIT: Duration = Duration::from_secs(120);
/// The longest wait that a caller may ask for.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// How long a caller waits, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    until: Until,
    lasts: Duration,
}

impl Patience {
    /// What a caller asked for.
    pub(super) fn new(wait: Wait, timeout_seconds: Option<u64>) -> Result<Self, Error> {
        let lasts = timeout_seconds.map_or(DEFAULT_WAIT, Duration::from_secs);
        if lasts > MAX_WAIT {
            return Err(Error::Wait { max: MAX_WAIT });
        }
        let (until, lasts) = match wait {
            Wait::Unknown => return Err(Error::WaitWord),
            Wait::Proved => (Until::Proved, lasts),
            Wait::Settled => (Until::Settled, lasts),
            Wait::None => (Until::Kept, Duration::ZERO),
        };
        Ok(Self { until, lasts })
    }

    /// What is waited for.
    pub(super) fn until(self) -> Until {
        self.until
    }

    /// The report of a change, or one that says it is still on its way.
    pub(super) async fn report(
        self,
        report: oneshot::Receiver<ApplyReport>,
        generation: u64,
        actor: String,
    ) -> Result<ApplyReport, Error> {
        let (started, started_at) = (Instant::now(), Timestamp::now());
        match timeout(self.lasts, report).await {
            Ok(report) => report.map_err(|_| config::Error::Ended.into()),
            Err(_) => Ok(ApplyReport {
                generation,
                restores: None,
                actor,
                started_at: started_at.to_string(),
                duration_seconds: started.elapsed().as_secs_f64(),
                outcome: Outcome::Pending,
                proof: None,
                changes: Vec::new(),
                requires_restart: false,
                reason: Some(self.unfinished()),
                problems: Vec::new(),
                waiting_for: None,
            }),
        }
    }

    fn unfinished(self) -> String {
        let waited = match self.lasts.as_secs() {
            0 => "not waited for".to_owned(),
            seconds => format!("no verdict within {seconds} s"),
        };
        format!("{waited}; the change goes on, and the last report of the document will tell")
    }
}

/// The report of an edit whose change was overtaken by one that holds it too.
pub(super) fn carried(report: ApplyReport) -> ApplyReport {
    let reason = "a change of other layers took its place and holds this edit too; \
        the last report of the document will tell";
    ApplyReport {
        outcome: Outcome::Pending,
        reason: Some(reason.to_owned()),
        ..report
    }
}

/// The status of a change that is in force or on its way; an error for one that is neither.
pub(super) fn judged(report: ApplyReport) -> Result<(StatusCode, ApplyReport), Error> {
    match report.outcome {
        Outcome::Proved | Outcome::NotProvable | Outcome::Unchanged => Ok((StatusCode::OK, report)),
        Outcome::Pending => Ok((StatusCode::ACCEPTED, report)),
        Outcome::Refused
        | Outcome::RolledBack
        | Outcome::Quarantined
        | Outcome::Superseded
        | Outcome::Failed
        | Outcome::Unknown => Err(Error::NotInForce {
            report: Box::new(report),
            etag: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_waits_as_long_as_it_asked() {
        let cases = [
            (Wait::Proved, None, Until::Proved, 120),
            (Wait::Settled, Some(600), Until::Settled, 600),
            (Wait::Proved, Some(0), Until::Proved, 0),
            (Wait::None, Some(5), Until::Kept, 0),
        ];
        for (wait, seconds, until, lasts) in cases {
            let lasts = Duration::from_secs(lasts);
            let patience = Patience::new(wait, seconds).unwrap();
            assert_eq!(patience, Patience { until, lasts }, "{wait:?} {seconds:?}");
        }
        for seconds in [601, u64::MAX] {
            let error = Patience::new(Wait::None, Some(seconds)).unwrap_err();
            assert_eq!(error.reason(), "bad_duration");
        }
    }

    fn report(outcome: Outcome) -> ApplyReport {
        let sample = include_str!("../../api/samples/apply_report.json");
        let report = serde_json::from_str(sample).unwrap();
        ApplyReport { outcome, ..report }
    }

    #[test]
    fn an_outcome_is_a_status() {
        for (outcome, status) in [
            (Outcome::Proved, 200),
            (Outcome::NotProvable, 200),
            (Outcome::Unchanged, 200),
            (Outcome::Pending, 202),
        ] {
            let judged = judged(report(outcome)).unwrap();
            assert_eq!(judged.0, status, "{outcome:?}");
        }
        for (outcome, status, code) in [
            (Outcome::Refused, 422, "refused"),
            (Outcome::Quarantined, 422, "quarantined"),
            (Outcome::RolledBack, 409, "rolled_back"),
            (Outcome::Superseded, 409, "superseded"),
            (Outcome::Failed, 409, "failed"),
            (Outcome::Unknown, 409, "failed"),
        ] {
            let error = judged(report(outcome)).unwrap_err();
            assert_eq!((error.status().as_u16(), error.reason()), (status, code));
        }
    }

    #[tokio::test]
    async fn a_wait_that_runs_out_is_pending_and_what_is_known_is_told_at_once() {
        let patience = Patience::new(Wait::Proved, Some(1)).unwrap();
        let (_engine, waiting) = oneshot::channel();
        let told = patience.report(waiting, 7, "operate:alice".to_owned());
        let told = told.await.unwrap();
        assert_eq!((told.outcome, told.generation), (Outcome::Pending, 7));
        assert_eq!(told.actor, "operate:alice");
        assert!(told.reason.unwrap().contains("within 1 s"));

        let at_once = Patience::new(Wait::None, None).unwrap();
        let (engine, waiting) = oneshot::channel();
        engine.send(report(Outcome::Unchanged)).unwrap();
        let told = at_once.report(waiting, 7, "operate".to_owned()).await;
        assert_eq!(told.unwrap().outcome, Outcome::Unchanged);
    }

    #[tokio::test]
    async fn an_engine_that_ends_leaves_no_caller_waiting() {
        let patience = Patience::new(Wait::Settled, None).unwrap();
        let (engine, waiting) = oneshot::channel::<ApplyReport>();
        drop(engine);
        let error = patience.report(waiting, 7, "operate".to_owned()).await;
        assert_eq!(error.unwrap_err().reason(), "shutting_down");
    }
}
