//! Errors as answers: a status, a stable code, and every problem at once (RFC 9457).

use std::ops::RangeInclusive;
use std::time::Duration;

use agent_api::{ApplyReport, Outcome, PROBLEM_CONTENT_TYPE, ProblemDocument, ProblemView};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sandbox::KeeperError;
use serde::Serialize;

use crate::{config, operations};

/// Why a call is not answered as it wished.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A word for `wait` that there is not.
    #[error("wait is one of proved, settled, none")]
    WaitWord,
    /// The document's owner said no.
    #[error("{0}")]
    Config(#[from] config::Error),
    /// A change was refused, undone, or overtaken.
    #[error("{}", told(report))]
    NotInForce {
        /// What became of it.
        report: Box<ApplyReport>,
        /// The user layer's tag after it, for the next try.
        etag: Option<String>,
    },
    /// A change that does not say what it replaces.
    #[error("say with If-Match which user layer this replaces: its ETag, or * for any")]
    NoIfMatch,
    /// A condition that cannot guard a change.
    #[error("If-Match takes one strong ETag in its quotes, or *")]
    IfMatch,
    /// A body that is not what this call takes.
    #[error("the body cannot be read: {why}")]
    Body {
        /// What is wrong with it, without its content.
        why: String,
    },
    /// A body that does not come to its end.
    #[error("the body was not there within {} s", limit.as_secs())]
    SlowBody {
        /// The limit.
        limit: Duration,
    },
    /// A body beyond the limit.
    #[error("a body has at most {} bytes", super::decode::MAX_BODY_BYTES)]
    TooLarge,
    /// A query that is not what this call takes.
    #[error("{}", .0.body_text())]
    Query(#[from] QueryRejection),
    /// A name in the query that this call does not take.
    #[error("names that this call takes in its query: {names}")]
    QueryName {
        /// Those that it takes.
        names: String,
    },
    /// No key has such a path.
    #[error("{0}")]
    Path(#[from] config_merge::Error),
    /// A wait beyond the limit.
    #[error("timeout_seconds is at most {}", max.as_secs())]
    Wait {
        /// The limit.
        max: Duration,
    },
    /// A pause beyond the limit.
    #[error("duration_seconds is at most {}", max.as_secs())]
    Pause {
        /// The limit.
        max: Duration,
    },
    /// A length of time beyond its limits.
    #[error("{name} is {} to {}", range.start(), range.end())]
    Range {
        /// The field.
        name: &'static str,
        /// The limits, in seconds.
        range: RangeInclusive<u64>,
    },
    /// The gateway's life is not as the caller wants it.
    #[error("{0}")]
    Operations(#[from] operations::Error),
    /// An answer that cannot be written as JSON.
    #[error("the answer cannot be written")]
    Encode(#[from] serde_json::Error),
    /// This agent owns no sandbox daemon.
    #[error("this agent owns no sandbox daemon; --docker-socket names one")]
    NoDaemon,
    /// The owner of the sandboxes said no.
    #[error("{0}")]
    Sandboxes(#[from] KeeperError),
    /// What stands in the path is no id.
    #[error("a sandbox is named by its full id of 64 hexadecimal digits")]
    BadId,
    /// Another name than the sandbox's.
    #[error("force names another sandbox than this one; nothing was removed")]
    WrongName,
    /// Enough read already.
    #[error("{max} readers follow the sandboxes already; try again later")]
    TooManyReaders {
        /// The limit.
        max: usize,
    },
    /// The journal said no.
    #[error("{0}")]
    Journal(#[from] ::journal::Error),
    /// What is given as a place in the journal is none.
    #[error("{0}")]
    Cursor(#[from] ::journal::NotACursor),
    /// More than one page has.
    #[error("limit is 1 to {max}")]
    Limit {
        /// The most.
        max: usize,
    },
    /// The gateway has no page of its own to pass on.
    #[error("{0}")]
    NoGatewayPage(String),
    /// Nothing is there.
    #[error("nothing is at this path")]
    NoPath,
    /// Something is there, and does not do that.
    #[error("this path does not take this method; the header Allow says what it takes")]
    NoMethod,
}

/// A problem document, with the report of a change where there is one.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    problem: ProblemDocument,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Box<ApplyReport>>,
}

impl Error {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Config(error) => status(error),
            Self::NotInForce { report, .. } => match report.outcome {
                Outcome::Refused | Outcome::Quarantined => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::CONFLICT,
            },
            Self::NoIfMatch => StatusCode::PRECONDITION_REQUIRED,
            Self::IfMatch | Self::Body { .. } | Self::Query(_) | Self::Path(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::QueryName { .. } | Self::Wait { .. } | Self::WaitWord | Self::Pause { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Range { .. } => StatusCode::BAD_REQUEST,
            Self::Operations(error) => hindered(error),
            Self::SlowBody { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encode(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Sandboxes(error) => refused(error),
            Self::BadId => StatusCode::BAD_REQUEST,
            Self::WrongName => StatusCode::CONFLICT,
            Self::TooManyReaders { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Journal(error) => unwritten(error),
            Self::Cursor(_) | Self::Limit { .. } => StatusCode::BAD_REQUEST,
            Self::NoDaemon => StatusCode::NOT_FOUND,
            Self::NoGatewayPage(_) => StatusCode::NOT_FOUND,
            Self::NoPath => StatusCode::NOT_FOUND,
            Self::NoMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The stable code of the answer.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Config(error) => error.reason(),
            Self::NotInForce { report, .. } => match report.outcome {
                Outcome::Refused => "refused",
                Outcome::Quarantined => "quarantined",
                Outcome::RolledBack => "rolled_back",
                Outcome::Superseded => "superseded",
                _ => "failed",
            },
            Self::NoIfMatch => "if_match_required",
            Self::IfMatch => "bad_if_match",
            Self::Body { .. } => "bad_body",
            Self::SlowBody { .. } => "slow_body",
            Self::TooLarge => "too_large",
            Self::Query(_) | Self::QueryName { .. } | Self::WaitWord => "bad_query",
            Self::Path(_) => "bad_path",
            Self::Wait { .. } | Self::Pause { .. } | Self::Range { .. } => "bad_duration",
            Self::Operations(error) => error.reason(),
            Self::Encode(_) => "encode",
            Self::Sandboxes(error) => error.reason(),
            Self::BadId => "bad_id",
            Self::WrongName => "wrong_name",
            Self::TooManyReaders { .. } => "too_many_readers",
            Self::Journal(error) => journal_reason(error),
            Self::Cursor(_) => "bad_cursor",
            Self::Limit { .. } => "bad_query",
            Self::NoDaemon => "no_daemon",
            Self::NoGatewayPage(_) => "no_gateway_page",
            Self::NoPath => "not_found",
            Self::NoMethod => "method_not_allowed",
        }
    }

    /// The same, with the user layer's tag as it is now.
    pub(super) fn with_etag(mut self, now: Option<String>) -> Self {
        if let Self::NotInForce { etag, .. } = &mut self {
            *etag = now;
        }
        self
    }

    fn etag(&self) -> Option<&str> {
        match self {
            Self::Config(config::Error::Stale { etag, .. }) => Some(etag),
            Self::NotInForce { etag, .. } => etag.as_deref(),
            _ => None,
        }
    }

    fn problems(&self) -> &[ProblemView] {
        match self {
            Self::Config(config::Error::Refused(problems)) => problems,
            Self::NotInForce { report, .. } => &report.problems,
            _ => &[],
        }
    }

    fn problem(&self) -> ProblemDocument {
        let status = self.status();
        ProblemDocument {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: Some(self.to_string()),
            code: self.reason().to_owned(),
            problems: self.problems().to_vec(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, problem) = (self.status(), self.problem());
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = config::chain(&self), "a call could not be answered");
        }
        let etag = self.etag().and_then(|etag| etag.parse().ok());
        let report = match self {
            Self::NotInForce { report, .. } => Some(report),
            _ => None,
        };
        let mut response = (status, Json(Body { problem, report })).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
        if let Some(etag) = etag {
            headers.insert(ETAG, etag);
        }
        response
    }
}

fn status(error: &config::Error) -> StatusCode {
    match error {
        config::Error::Stale { .. } => StatusCode::PRECONDITION_FAILED,
        config::Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        config::Error::NoGeneration { .. } => StatusCode::NOT_FOUND,
        config::Error::TooLong => StatusCode::BAD_REQUEST,
        config::Error::Ended => StatusCode::SERVICE_UNAVAILABLE,
        // The caller did nothing wrong: our own files, or the layers that are already there.
        config::Error::MakeState { .. } | config::Error::Files(_) | config::Error::Layers(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn unwritten(error: &::journal::Error) -> StatusCode {
    match error {
        ::journal::Error::NoId | ::journal::Error::BeyondNewest { .. } => StatusCode::BAD_REQUEST,
        ::journal::Error::UnknownId { .. } => StatusCode::CONFLICT,
        ::journal::Error::File(_) | ::journal::Error::Random(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        ::journal::Error::Unwritable { .. } | ::journal::Error::Ended => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn journal_reason(error: &::journal::Error) -> &'static str {
    match error {
        ::journal::Error::NoId | ::journal::Error::BeyondNewest { .. } => "bad_cursor",
        ::journal::Error::UnknownId { .. } => "unknown_cursor",
        _ => "journal_failed",
    }
}

fn refused(error: &KeeperError) -> StatusCode {
    match error {
        KeeperError::Unknown(_) => StatusCode::NOT_FOUND,
        KeeperError::Live(_) | KeeperError::InUse => StatusCode::CONFLICT,
        KeeperError::Failed(_) => StatusCode::BAD_GATEWAY,
        KeeperError::DaemonDown { .. } | KeeperError::Busy | KeeperError::Ended => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn hindered(error: &operations::Error) -> StatusCode {
    use operations::Error;
    match error {
        Error::Busy { .. }
        | Error::Elsewhere { .. }
        | Error::Suspended
        | Error::ConfigBusy { .. }
        | Error::Restarting => StatusCode::CONFLICT,
        Error::Unsupported { .. } => StatusCode::NOT_IMPLEMENTED,
        Error::Refused { .. } => StatusCode::BAD_GATEWAY,
        Error::Absent { .. } | Error::NoWay | Error::Ended => StatusCode::SERVICE_UNAVAILABLE,
        Error::Silent => StatusCode::GATEWAY_TIMEOUT,
    }
}

fn told(report: &ApplyReport) -> &str {
    let reason = report.reason.as_deref();
    reason.unwrap_or("the change is not in force")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    fn problem() -> ProblemView {
        ProblemView {
            layer: Some("user".to_owned()),
            file: "user.json5".to_owned(),
            line: 3,
            column: 5,
            path: "gateway.bind".to_owned(),
            kind: "locked".to_owned(),
            message: "locked by policy".to_owned(),
            cure: "remove the key".to_owned(),
        }
    }

    fn state() -> config::Error {
        config::Error::MakeState {
            path: PathBuf::from("/state"),
            source: std::io::Error::other("disk full"),
        }
    }

    #[test]
    fn every_error_of_the_document_has_a_status_and_a_code() {
        let none = config::Error::NoGeneration {
            number: 9,
            oldest: 1,
            newest: 3,
        };
        let stale = config::Error::Stale {
            revision: 6,
            etag: "\"6-abc\"".to_owned(),
        };
        let cases = [
            (none, 404, "no_generation"),
            (stale, 412, "stale"),
            (config::Error::Refused(vec![problem()]), 422, "refused"),
            (config::Error::TooLong, 400, "too_long"),
            (config::Error::Ended, 503, "shutting_down"),
            (state(), 500, "state"),
            (config::Error::Layers(Vec::new()), 500, "layers"),
        ];
        for (error, status, code) in cases {
            let error = Error::from(error);
            assert_eq!((error.status().as_u16(), error.reason()), (status, code));
        }
    }

    #[test]
    fn every_hindrance_of_an_operation_has_a_status_and_a_code() {
        use crate::operations::Error as Hindrance;
        let why = || "x".to_owned();
        let busy = Hindrance::Busy {
            active: 1,
            work: Vec::new(),
        };
        let cases = [
            (busy, 409, "gateway_busy"),
            (
                Hindrance::Elsewhere { until: None },
                409,
                "suspended_elsewhere",
            ),
            (Hindrance::Suspended, 409, "gateway_suspended"),
            (
                Hindrance::ConfigBusy { state: "proving" },
                409,
                "config_busy",
            ),
            (Hindrance::Restarting, 409, "restarting"),
            (Hindrance::Unsupported { what: "x" }, 501, "unsupported"),
            (Hindrance::Refused { why: why() }, 502, "gateway_refused"),
            (Hindrance::Absent { reason: why() }, 503, "gateway_absent"),
            (Hindrance::NoWay, 503, "kubelet_only"),
            (Hindrance::Ended, 503, "shutting_down"),
            (Hindrance::Silent, 504, "gateway_silent"),
        ];
        for (error, status, code) in cases {
            let error = Error::from(error);
            assert_eq!((error.status().as_u16(), error.reason()), (status, code));
        }
    }

    #[tokio::test]
    async fn an_answer_names_every_problem_and_the_tag() {
        let error = Error::Config(config::Error::Refused(vec![problem(), problem()]));
        let response = error.into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_CONTENT_TYPE);
        assert!(!response.headers().contains_key(ETAG));
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let document: ProblemDocument = serde_json::from_slice(&body).unwrap();
        assert_eq!(document.problems, [problem(), problem()]);
        assert_eq!(document.title, "Unprocessable Entity");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("report"), None);

        let etag = "\"6-abc\"".to_owned();
        let stale = Error::Config(config::Error::Stale { revision: 6, etag });
        assert_eq!(stale.into_response().headers()[ETAG], "\"6-abc\"");
    }
}
