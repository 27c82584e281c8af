//! `config.set`: as a check that must write nothing, and as a write.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clip::{NAME, clip};
use crate::{Connection, Error, Issue, Rejection};

/// What the gateway says of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// It would accept it, and has refused to write it.
    Valid,
    /// It would not.
    Invalid(Vec<Issue>),
    /// The file changed since the base was read: read it again and ask again.
    Stale,
    /// Too many calls in this minute.
    Throttled {
        /// How long to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// It cannot say now, in its own words.
    Unavailable(String),
    /// It wrote the candidate: the promise that it cannot was wrong.
    Wrote,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// It is written; this is the new base.
    Wrote {
        /// As `config.get` names it, where the answer tells.
        hash: Option<String>,
    },
    /// The file changed since the base was read.
    Stale,
    /// It does not accept the document.
    Invalid(Vec<Issue>),
    /// Too many calls in this minute.
    Throttled {
        /// How long to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// It does not write at all, or not now.
    Unavailable(String),
}

const METHOD: &str = "config.set";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    raw: &'a str,
    base_hash: &'a str,
}

/// What is read of the answer to a write, which repeats the whole document.
#[derive(Deserialize)]
struct Written {
    hash: Option<String>,
}

impl Connection {
    /// Asks whether the gateway would accept the document `raw` (scope admin).
    ///
    /// Call it only where it is certain that the gateway cannot write: with
    /// `OPENCLAW_CONFIG_READONLY=1` on a release that knows it, or with the document's
    /// directory mounted read-only. Otherwise this is a write. Each yes costs an error line
    /// in the gateway's log.
    pub async fn config_check(&self, raw: &str, base_hash: &str) -> Result<Check, Error> {
        match self.set(raw, base_hash).await? {
            Ok(_) => Ok(Check::Wrote),
            Err(rejection) => Ok(match Verdict::read(&rejection) {
                Verdict::ReadOnly => Check::Valid,
                Verdict::Stale => Check::Stale,
                Verdict::Invalid => Check::Invalid(issues(rejection)),
                Verdict::Throttled => Check::Throttled {
                    retry_after: rejection.retry_after,
                },
                Verdict::Unavailable => Check::Unavailable(rejection.message),
                Verdict::Other => {
                    return Err(rejected(rejection));
                }
            }),
        }
    }

    /// Has the gateway write the document `raw` (scope admin).
    pub async fn config_write(&self, raw: &str, base_hash: &str) -> Result<Write, Error> {
        match self.set(raw, base_hash).await? {
            Ok(written) => Ok(Write::Wrote {
                hash: written.hash.map(|hash| clip(&hash, NAME)),
            }),
            Err(rejection) => Ok(match Verdict::read(&rejection) {
                Verdict::Stale => Write::Stale,
                Verdict::Invalid => Write::Invalid(issues(rejection)),
                Verdict::Throttled => Write::Throttled {
                    retry_after: rejection.retry_after,
                },
                Verdict::ReadOnly | Verdict::Unavailable => Write::Unavailable(rejection.message),
                Verdict::Other => {
                    return Err(rejected(rejection));
                }
            }),
        }
    }

    async fn set(&self, raw: &str, base_hash: &str) -> Result<Result<Written, Rejection>, Error> {
        match self.call(METHOD, Params { raw, base_hash }).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(Error::Rejected { rejection, .. }) => Ok(Err(*rejection)),
            Err(other) => Err(other),
        }
    }
}

fn rejected(rejection: Rejection) -> Error {
    Error::Rejected {
        method: METHOD,
        rejection: Box::new(rejection),
    }
}

/// Broken text has a message but no list of issues.
fn issues(rejection: Rejection) -> Vec<Issue> {
    if rejection.issues.is_empty() {
        vec![Issue {
            path: String::new(),
            message: rejection.message,
            allowed: Vec::new(),
        }]
    } else {
        rejection.issues
    }
}

/// What a no means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    ReadOnly,
    Stale,
    Invalid,
    Throttled,
    Unavailable,
    Other,
}

impl Verdict {
    /// The protocol has two codes for these six cases, so the words have to decide. This is
    /// the one place that reads them. An unknown text is never taken for a yes.
    fn read(rejection: &Rejection) -> Self {
        let says = |text: &str| rejection.message.contains(text);
        // Its own switch, or a directory that it may not write: there it fails at the lock,
        // which comes after the validation.
        let refuses_to_write = || {
            let lock = says(".lock'") || says("openat2 beneath root");
            rejection.message.starts_with("ConfigReadOnlyError")
                || (lock && (says("code=EROFS") || says("code=EACCES")))
        };
        match rejection.code.as_str() {
            "INVALID_REQUEST" if says("base hash") || says("config changed since") => Self::Stale,
            "INVALID_REQUEST" => Self::Invalid,
            "UNAVAILABLE" if says("rate limit") => Self::Throttled,
            "UNAVAILABLE" if rejection.retry_after.is_none() && refuses_to_write() => {
                Self::ReadOnly
            }
            "UNAVAILABLE" => Self::Unavailable,
            _ => Self::Other,
        }
    }
}
