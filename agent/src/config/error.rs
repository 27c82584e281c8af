//! What can go wrong with the document.

use std::path::PathBuf;

use agent_api::ProblemView;
use config_merge::Problem;

/// An error of the config component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory could not be made.
    #[error("cannot make the state directory {}", path.display())]
    MakeState {
        /// Its path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file of ours could not be read or written.
    #[error(transparent)]
    Files(#[from] durable::Error),
    /// The layers have problems, all of them listed.
    #[error("the layers have {} problem(s)", .0.len())]
    Layers(Vec<Problem>),
    /// No such generation is kept.
    #[error("generation {number} is not in the history; it has {oldest} to {newest}")]
    NoGeneration {
        /// The one asked for.
        number: u64,
        /// The oldest that is kept.
        oldest: u64,
        /// The newest.
        newest: u64,
    },
    /// The user layer changed since the caller read it.
    #[error(
        "the user layer is at revision {revision} now (ETag {etag}): read it again, then repeat the change"
    )]
    Stale {
        /// Its revision.
        revision: u64,
        /// Its entity tag.
        etag: String,
    },
    /// An edit was refused before anything was written, with all its problems.
    #[error("refused: {} problem(s), nothing was written", .0.len())]
    Refused(Vec<ProblemView>),
    /// A pause of that length ends beyond the calendar.
    #[error("a pause cannot last that long")]
    TooLong,
    /// The engine has ended.
    #[error("the agent is shutting down")]
    Ended,
}

impl Error {
    /// A stable word for metrics and the API.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MakeState { .. } => "state",
            Self::Files(error) => error.reason(),
            Self::Layers(_) => "layers",
            Self::NoGeneration { .. } => "no_generation",
            Self::Stale { .. } => "stale",
            Self::Refused(_) => "refused",
            Self::TooLong => "too_long",
            Self::Ended => "shutting_down",
        }
    }
}

/// An error with all its causes, in one line; a cause that was said already is not said again.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let state = Error::MakeState {
            path: PathBuf::from("/state"),
            source: std::io::Error::other("disk full"),
        };
        assert_eq!(
            chain(&state),
            "cannot make the state directory /state: disk full"
        );
    }
}
