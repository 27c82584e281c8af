//! What keeps an agent from answering as it should.

use std::path::PathBuf;
use std::time::Duration;

use agent_api::ProblemDocument;
use hyper::StatusCode;

use crate::cli::pinned::Unusable;

/// What keeps an agent from answering as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nothing says with which token to ask.
    #[error(
        "the agent at {url} has to be asked, and no token file is known: give --token-file FILE, or --{knob} FILE as the agent has it"
    )]
    NoToken {
        /// The agent.
        url: String,
        /// The knob that would name the file.
        knob: &'static str,
    },
    /// The token cannot be read.
    #[error("cannot read a token from {}", path.display())]
    ReadToken {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: durable::Error,
    },
    /// There is none in the file.
    #[error("there is no token in {}", path.display())]
    EmptyToken {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is not usable.
    #[error("cannot speak TLS with the agent at {url}")]
    Certificate {
        /// The agent.
        url: String,
        /// The cause.
        source: Box<Unusable>,
    },
    /// TLS is spoken and no certificate is known.
    #[error("{url} speaks TLS: say with --tls-dir DIR where its certificate (tls.crt) lies")]
    NoCertificate {
        /// The agent.
        url: String,
    },
    /// Nobody answers.
    #[error("cannot reach the agent at {url} (does it run, and is this its --listen?)")]
    Connect {
        /// The agent.
        url: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the agent at {url} did not answer")]
    Broken {
        /// The agent.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("the agent at {url} did not answer within {} s", after.as_secs())]
    Late {
        /// The agent.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// It said no.
    #[error("{}", problem.detail.as_deref().unwrap_or(&problem.title))]
    Said {
        /// In its own words.
        problem: Box<ProblemDocument>,
    },
    /// It does not take the token.
    #[error("the agent at {url} does not take the token in {} for this ({status})", path.display())]
    Forbidden {
        /// The agent.
        url: String,
        /// The token's file.
        path: PathBuf,
        /// Its status.
        status: StatusCode,
    },
    /// There is no such page.
    #[error("{url} answers {status} instead of a page")]
    NoPage {
        /// Whose page it would be.
        url: String,
        /// Its status.
        status: StatusCode,
    },
    /// It said something else than an agent would.
    #[error("{url} answers {status}, and not as an agent of this version would")]
    Foreign {
        /// The agent.
        url: String,
        /// Its status.
        status: StatusCode,
        /// The cause.
        source: serde_json::Error,
    },
}

impl Error {
    /// The status that the agent itself answered with.
    pub(crate) fn said(&self) -> Option<u16> {
        match self {
            Self::Said { problem } => Some(problem.status),
            _ => None,
        }
    }

    /// Whether the agent knows no such path: it is older than what was asked for.
    pub(crate) fn is_too_old(&self) -> bool {
        match self {
            Self::Said { problem } => problem.status == 404 && problem.code == "not_found",
            _ => false,
        }
    }
}
