//! What can go wrong between us and the gateway.

use std::io;
use std::time::Duration;

use crate::{Closed, Rejection};

/// Everything that this crate fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no endpoint yet, or no connection.
    #[error("there is no connection to the gateway")]
    Absent,
    /// The port is closed or the host does not answer.
    #[error("cannot reach the gateway at {authority}")]
    Reach {
        /// Host and port.
        authority: String,
        /// What the system said.
        source: io::Error,
    },
    /// The text holds no certificate to pin.
    #[error("no certificate to pin was found")]
    Pin,
    /// TLS failed: most often another certificate than the pinned one.
    #[error("the TLS handshake with the gateway failed")]
    Tls {
        /// What the TLS library said.
        source: io::Error,
    },
    /// What listens there does not upgrade to a websocket.
    #[error("the gateway did not open a websocket (status {status:?})")]
    Upgrade {
        /// The HTTP status where there was one.
        status: Option<u16>,
    },
    /// The gateway did not greet us as protocol version 4 does.
    #[error("the gateway's greeting is not protocol version 4")]
    Greeting,
    /// The gateway is there but starts, stops or is suspended: it will let us in later.
    #[error("the gateway is not ready: {}", .0.message)]
    NotReady(Box<Rejection>),
    /// The token, the identity or the asked scopes were not accepted.
    #[error("the gateway refused us: {} {}: {}", .0.code, .0.detail.as_deref().unwrap_or(""), .0.message)]
    Refused(Box<Rejection>),
    /// A call was answered with no.
    #[error("{method} was rejected: {}: {}", .rejection.code, .rejection.message)]
    Rejected {
        /// The method called.
        method: &'static str,
        /// What the gateway said.
        rejection: Box<Rejection>,
    },
    /// This release has no such call. That is no failure of the gateway.
    #[error("this release of the gateway has no {method}")]
    Unsupported {
        /// The method called.
        method: &'static str,
    },
    /// Nothing came in time.
    #[error("no answer to {what} within {after:?}")]
    Timeout {
        /// What was waited for: a method or a step of the handshake.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The connection ended before the answer came.
    #[error("the connection closed: {0}")]
    Closed(Closed),
    /// The request is larger than the gateway takes.
    #[error("the request for {method} has {size} bytes, the gateway takes {limit}")]
    TooLarge {
        /// The method called.
        method: &'static str,
        /// Bytes of the request.
        size: usize,
        /// Bytes that the gateway accepts.
        limit: usize,
    },
    /// Our own parameters cannot be written as JSON.
    #[error("cannot encode the parameters of {method}")]
    Encode {
        /// The method called.
        method: &'static str,
    },
    /// The answer has another shape than expected. The parser's own words are left out: they
    /// quote values.
    #[error("cannot read the answer to {method} (at byte {column})")]
    Decode {
        /// The method called.
        method: &'static str,
        /// Where in the answer.
        column: usize,
    },
    /// The answer has the right shape and cannot be right.
    #[error("the answer to {method} cannot be believed: {what}")]
    Unbelievable {
        /// The method called.
        method: &'static str,
        /// What is wrong with it, without its content.
        what: &'static str,
    },
}

impl Error {
    /// A short label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Reach { .. } => "unreachable",
            Self::Pin => "pin",
            Self::Tls { .. } => "tls",
            Self::Upgrade { .. } => "upgrade",
            Self::Greeting => "greeting",
            Self::NotReady(_) => "not_ready",
            Self::Refused(_) => "refused",
            Self::Rejected { .. } => "rejected",
            Self::Unsupported { .. } => "unsupported",
            Self::Timeout { .. } => "timeout",
            Self::Closed(closed) => closed.reason(),
            Self::TooLarge { .. } => "too_large",
            Self::Encode { .. } => "encode",
            Self::Decode { .. } => "decode",
            Self::Unbelievable { .. } => "unbelievable",
        }
    }

    /// What a call was answered with that was not done.
    pub(crate) fn of_call(method: &'static str, rejection: Rejection) -> Self {
        let unknown = rejection.message.starts_with("unknown method");
        if unknown && rejection.code == "INVALID_REQUEST" {
            return Self::Unsupported { method };
        }
        Self::Rejected {
            method,
            rejection: Box::new(rejection),
        }
    }

    /// Whether the gateway refused because it is suspended: it is well, and answers again when
    /// the lease ends or is given back.
    pub fn is_suspended(&self) -> bool {
        let detail = self.rejection().and_then(|no| no.detail.as_deref());
        detail == Some("gateway-suspending")
    }

    /// What the gateway said, when it was the gateway that said no.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::NotReady(rejection)
            | Self::Refused(rejection)
            | Self::Rejected { rejection, .. } => Some(rejection),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rejection::WireError;

    use super::*;

    fn of(json: &str) -> Error {
        let wire: WireError = serde_json::from_str(json).unwrap();
        Error::of_call("health", wire.into())
    }

    #[test]
    fn what_is_no_failure_of_the_gateway_is_told_apart() {
        let suspended = of(
            r#"{"code":"UNAVAILABLE","message":"health unavailable during gateway suspension","retryable":true,
            "retryAfterMs":1000,"details":{"method":"health","reason":"gateway-suspending","phase":"prepared"}}"#,
        );
        assert!(suspended.is_suspended());
        let missing = of(r#"{"code":"INVALID_REQUEST","message":"unknown method: health"}"#);
        assert!(matches!(missing, Error::Unsupported { method: "health" }));
        for other in [
            r#"{"code":"INVALID_REQUEST","message":"invalid channels.start channel"}"#,
            r#"{"code":"UNAVAILABLE","message":"unknown method: health"}"#,
            r#"{"code":"UNAVAILABLE","details":{"reason":"gateway-suspension-conflict"}}"#,
            "{}",
        ] {
            let error = of(other);
            assert!(!error.is_suspended(), "{other}");
            assert_eq!(error.reason(), "rejected", "{other}");
        }
    }
}
