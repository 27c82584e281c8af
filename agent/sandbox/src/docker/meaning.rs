//! What the daemon's refusals mean.

use bollard::errors::Error;
use hyper::StatusCode;

use super::wire::WireError;
use crate::{EngineError, Meaning};

/// Makes an error of what bollard says.
pub(super) fn refused(action: &str, error: Error) -> EngineError {
    let meaning = match &error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => by_status(*status_code, message),
        Error::RequestTimeoutError => Meaning::Timeout,
        Error::IOError { .. }
        | Error::HyperResponseError { .. }
        | Error::HyperLegacyError { .. }
        | Error::SocketNotFoundError(_) => Meaning::Unreachable,
        Error::DockerStreamError { .. } => Meaning::Failed,
        _ => Meaning::Refused,
    };
    named(action, meaning, error)
}

/// Makes an error of what our own requests end with.
pub(super) fn broken(action: &str, error: WireError) -> EngineError {
    let meaning = match &error {
        WireError::Connect(_) | WireError::Broken(_) | WireError::Ended => Meaning::Unreachable,
        WireError::Refused { status, message } => by_status(status.as_u16(), message),
        WireError::Request(_) | WireError::TooLong(_) | WireError::Shape(_) => Meaning::Refused,
    };
    named(action, meaning, error)
}

/// Makes an error of an answer that did not come.
pub(super) fn late(action: &str) -> EngineError {
    named(action, Meaning::Timeout, "no answer in time")
}

pub(super) fn named(
    action: &str,
    meaning: Meaning,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> EngineError {
    EngineError {
        action: action.to_owned(),
        meaning,
        source: source.into(),
    }
}

/// The daemon has one status for "somebody is at it" and "it is in use": only its words tell them apart.
fn by_status(status: u16, message: &str) -> Meaning {
    match StatusCode::from_u16(status) {
        Ok(StatusCode::NOT_FOUND) => Meaning::Gone,
        Ok(StatusCode::CONFLICT) if message.contains("already in progress") => Meaning::InProgress,
        Ok(StatusCode::CONFLICT) => Meaning::InUse,
        Ok(status) if status.is_server_error() => Meaning::Failed,
        _ => Meaning::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_a_meaning() {
        let busy = "removal of container abc is already in progress";
        for (status, message, wanted) in [
            (404, "No such container: abc", Meaning::Gone),
            (409, busy, Meaning::InProgress),
            (409, "You cannot remove a running container", Meaning::InUse),
            (500, "driver \"overlay2\" failed", Meaning::Failed),
            (503, "", Meaning::Failed),
            (400, "bad", Meaning::Refused),
            (403, "not allowed", Meaning::Refused),
        ] {
            assert_eq!(by_status(status, message), wanted, "{status} {message}");
        }
    }

    #[test]
    fn a_daemon_that_is_away_is_unreachable() {
        let away = refused("list", Error::SocketNotFoundError("/x".to_owned()));
        assert_eq!(away.meaning, Meaning::Unreachable);
        assert_eq!(away.to_string(), "the daemon could not list: unreachable");
        assert_eq!(
            broken("follow", WireError::Ended).meaning,
            Meaning::Unreachable
        );
        assert_eq!(late("list").meaning, Meaning::Timeout);
    }
}
