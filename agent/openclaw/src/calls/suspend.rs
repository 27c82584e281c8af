//! `gateway.suspend.*`: the gateway promises to begin nothing new, so that it can be frozen,
//! copied or ended.
//!
//! The promise is a lease of two minutes. It belongs to its request's name and not to the
//! connection: it outlives the connection that made it, and whoever asks with the same name
//! and the same `drain` renews it. While it lasts, all other calls are refused, which
//! [`Error::is_suspended`] tells, and new connections are let in.

use serde::{Deserialize, Serialize};

use super::restart::{Blockers, words};
use crate::clip::NAME;
use crate::lenient::Maybe;
use crate::{Connection, Error, Rejection};

const PREPARE: &str = "gateway.suspend.prepare";
const STATUS: &str = "gateway.suspend.status";
const RESUME: &str = "gateway.suspend.resume";

/// What to do with work that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drain {
    /// Hold new work back until it has ended.
    Wait,
    /// Leave the gateway as it is and say that it is busy.
    Refuse,
}

/// What the gateway makes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspend {
    /// It rests until the lease ends.
    Ready {
        /// What to resume by.
        suspension_id: String,
        /// When the lease ends, in milliseconds since 1970.
        expires_at_ms: u64,
    },
    /// It waits for work to end and begins nothing new.
    Draining {
        /// What to resume by.
        suspension_id: String,
        /// When the lease ends, in milliseconds since 1970.
        expires_at_ms: u64,
        /// How much is under way.
        active: u64,
        /// What, in the gateway's words.
        blockers: Vec<String>,
    },
    /// Work is under way, and it goes on as if it had not been asked.
    Busy {
        /// How much.
        active: u64,
        /// What, in the gateway's words.
        blockers: Vec<String>,
    },
    /// Somebody else has suspended it.
    Conflict {
        /// When their lease ends, in milliseconds since 1970, where it tells.
        expires_at_ms: Option<u64>,
    },
}

/// How a suspension is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspension {
    /// It rests.
    Ready {
        /// When the lease ends, in milliseconds since 1970.
        expires_at_ms: u64,
    },
    /// It waits for work to end.
    Draining {
        /// When the lease ends, in milliseconds since 1970.
        expires_at_ms: u64,
        /// How much is under way.
        active: u64,
        /// What, in the gateway's words.
        blockers: Vec<String>,
    },
    /// There is none: it was resumed or its lease has ended.
    Running,
    /// There is one, of somebody else.
    Conflict {
        /// When their lease ends, in milliseconds since 1970, where it tells.
        expires_at_ms: Option<u64>,
    },
}

/// What became of a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It accepts work again.
    Resumed,
    /// It did already.
    WasRunning,
    /// There is a suspension of somebody else, which stays.
    NotOurs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Prepare<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    drain: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    suspension_id: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    status: Maybe<String>,
    suspension_id: Maybe<String>,
    expires_at_ms: Maybe<u64>,
    active_count: Maybe<u64>,
    blockers: Maybe<Blockers>,
    resumed: Maybe<bool>,
}

impl Wire {
    fn suspend(self) -> Result<Suspend, Error> {
        let id = self.suspension_id.text(NAME);
        let active = self.active_count.0.unwrap_or_default();
        let blockers = words(self.blockers);
        match (self.status.0.as_deref(), id, self.expires_at_ms.0) {
            (Some("ready"), Some(suspension_id), Some(expires_at_ms)) => Ok(Suspend::Ready {
                suspension_id,
                expires_at_ms,
            }),
            (Some("draining"), Some(suspension_id), Some(expires_at_ms)) => Ok(Suspend::Draining {
                suspension_id,
                expires_at_ms,
                active,
                blockers,
            }),
            (Some("busy"), ..) => Ok(Suspend::Busy { active, blockers }),
            _ => Err(unbelievable(PREPARE)),
        }
    }

    fn suspension(self) -> Result<Suspension, Error> {
        match (self.status.0.as_deref(), self.expires_at_ms.0) {
            (Some("ready"), Some(expires_at_ms)) => Ok(Suspension::Ready { expires_at_ms }),
            (Some("draining"), Some(expires_at_ms)) => Ok(Suspension::Draining {
                expires_at_ms,
                active: self.active_count.or_default(),
                blockers: words(self.blockers),
            }),
            (Some("running"), _) => Ok(Suspension::Running),
            _ => Err(unbelievable(STATUS)),
        }
    }
}

fn unbelievable(method: &'static str) -> Error {
    Error::Unbelievable {
        method,
        what: "a state that is none",
    }
}

/// When the lease of somebody else ends, if that is why the gateway says no.
fn conflict(rejection: &Rejection) -> Option<Option<u64>> {
    let is = rejection.detail.as_deref() == Some("gateway-suspension-conflict");
    is.then_some(rejection.expires_at_ms)
}

impl Connection {
    /// `gateway.suspend.prepare` (scope admin). The same `request_id` with the same `drain`
    /// renews the lease. The gateway takes up to 128 characters, without spaces around them.
    pub async fn suspend(&self, request_id: &str, drain: Drain) -> Result<Suspend, Error> {
        let drain = drain == Drain::Wait;
        match self
            .call::<Wire>(PREPARE, Prepare { request_id, drain })
            .await
        {
            Ok(wire) => wire.suspend(),
            Err(error) => match error.rejection().and_then(conflict) {
                Some(expires_at_ms) => Ok(Suspend::Conflict { expires_at_ms }),
                None => Err(error),
            },
        }
    }

    /// `gateway.suspend.status` (scope read).
    pub async fn suspend_status(&self, suspension_id: &str) -> Result<Suspension, Error> {
        match self.call::<Wire>(STATUS, Named { suspension_id }).await {
            Ok(wire) => wire.suspension(),
            Err(error) => match error.rejection().and_then(conflict) {
                Some(expires_at_ms) => Ok(Suspension::Conflict { expires_at_ms }),
                None => Err(error),
            },
        }
    }

    /// `gateway.suspend.resume` (scope admin).
    pub async fn resume(&self, suspension_id: &str) -> Result<Resume, Error> {
        match self.call::<Wire>(RESUME, Named { suspension_id }).await {
            Ok(wire) => match wire.resumed.0 {
                Some(true) => Ok(Resume::Resumed),
                Some(false) => Ok(Resume::WasRunning),
                None => Err(unbelievable(RESUME)),
            },
            Err(Error::Rejected { rejection, .. }) if rejection.code == "INVALID_REQUEST" => {
                Ok(Resume::NotOurs)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> Wire {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_what_the_real_gateway_answers() {
        let ready = r#"{"status":"ready","suspensionId":"s","expiresAtMs":7,"activeCount":0,"blockers":[],"writeCustody":[]}"#;
        let busy = r#"{"status":"busy","reason":"active-work","retryAfterMs":20000,"activeCount":7,
            "blockers":[{"kind":"queue","count":2,"message":"2 queued or active operation(s)"}]}"#;
        let draining = r#"{"status":"draining","suspensionId":"s","expiresAtMs":7,"activeCount":1,"blockers":["b"]}"#;
        let cases = [
            (
                ready,
                Suspend::Ready {
                    suspension_id: "s".into(),
                    expires_at_ms: 7,
                },
            ),
            (
                busy,
                Suspend::Busy {
                    active: 7,
                    blockers: vec!["2 queued or active operation(s)".into()],
                },
            ),
            (
                draining,
                Suspend::Draining {
                    suspension_id: "s".into(),
                    expires_at_ms: 7,
                    active: 1,
                    blockers: vec!["b".into()],
                },
            ),
        ];
        for (text, want) in cases {
            assert_eq!(wire(text).suspend().unwrap(), want, "{text}");
        }
        let cases = [
            (
                r#"{"status":"ready","expiresAtMs":7,"writeCustody":[]}"#,
                Suspension::Ready { expires_at_ms: 7 },
            ),
            (
                draining,
                Suspension::Draining {
                    expires_at_ms: 7,
                    active: 1,
                    blockers: vec!["b".into()],
                },
            ),
            (r#"{"status":"running"}"#, Suspension::Running),
        ];
        for (text, want) in cases {
            assert_eq!(wire(text).suspension().unwrap(), want, "{text}");
        }
    }

    #[test]
    fn half_a_lease_is_none() {
        for odd in [
            "{}",
            r#"{"status":"ready"}"#,
            r#"{"status":"ready","suspensionId":"s"}"#,
            r#"{"status":"ready","suspensionId":"","expiresAtMs":7}"#,
            r#"{"status":"ready","suspensionId":"s","expiresAtMs":"soon"}"#,
            r#"{"status":"draining","expiresAtMs":7}"#,
            r#"{"status":"newer","suspensionId":"s","expiresAtMs":7}"#,
        ] {
            let error = wire(odd).suspend().unwrap_err();
            assert_eq!(error.reason(), "unbelievable", "{odd}");
        }
        for odd in [
            "{}",
            r#"{"status":"ready"}"#,
            r#"{"status":7,"expiresAtMs":7}"#,
        ] {
            assert!(wire(odd).suspension().is_err(), "{odd}");
        }
    }
}
