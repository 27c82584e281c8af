//! What does not pass, and how Docker's clients are told.

use bytes::Bytes;
use hyper::{Response, StatusCode};

use crate::{
    answer::{self, Body},
    metrics::Verdict,
};

/// Why a request was not carried out.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is understood and not let through.
    Forbidden(String),
    /// It is not understood.
    Invalid(String),
    /// It is about something that does not exist, or that does not exist here.
    Absent(String),
    /// The container is being removed.
    Busy(String),
    /// Its body is too long.
    TooLong(String),
    /// The daemon gave no answer that can be read.
    Daemon(String),
    /// The daemon itself said no.
    Said(StatusCode, Bytes),
}

impl Refusal {
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden(message.into())
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn no_container(name: &str) -> Self {
        Self::Absent(format!("No such container: {name}"))
    }

    pub(crate) fn no_exec(id: &str) -> Self {
        Self::Absent(format!("No such exec instance: {id}"))
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Forbidden(_) => Verdict::Refused,
            Self::Invalid(_) | Self::TooLong(_) => Verdict::Invalid,
            Self::Absent(_) => Verdict::Absent,
            Self::Busy(_) => Verdict::Busy,
            Self::Daemon(_) => Verdict::Failed,
            Self::Said(..) => Verdict::Passed,
        }
    }

    /// The answer in Docker's own shape.
    pub(crate) fn into_response(self) -> Response<Body> {
        let (status, message) = match self {
            Self::Forbidden(message) => (
                StatusCode::FORBIDDEN,
                format!("refused by the sandbox guard: {message}"),
            ),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, message),
            Self::Absent(message) => (StatusCode::NOT_FOUND, message),
            Self::Busy(message) => (StatusCode::CONFLICT, message),
            Self::TooLong(message) => (StatusCode::PAYLOAD_TOO_LARGE, message),
            Self::Daemon(message) => (StatusCode::BAD_GATEWAY, message),
            Self::Said(status, body) => return answer::json(status, body),
        };
        answer::json(
            status,
            serde_json::json!({ "message": message }).to_string(),
        )
    }
}
