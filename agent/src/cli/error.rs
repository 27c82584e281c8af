//! What keeps a command from doing its work, and the exit code that says so.

use std::io;

use agent_api::{ProblemDocument, ProblemView};

use super::agent;
use super::paint::{Paint, plain};
use super::problems::{count, listed};
use crate::settings::Mistakes;
use crate::{config, secrets};

/// The layers, or the change, were refused, or what there is to say is lost.
pub(super) const REFUSED: u8 = 1;
/// The words or the settings are wrong.
pub(super) const USAGE: u8 = 2;
/// The agent or the state directory cannot be reached or used.
pub(super) const UNUSABLE: u8 = 3;

/// An error of the command line.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Mistakes in flags, environment or settings file, all of them.
    #[error(transparent)]
    Settings(#[from] Mistakes),
    /// The layers have problems, all of them.
    #[error("{what}")]
    Refused {
        /// What was not done.
        what: String,
        /// Why not.
        problems: Vec<ProblemView>,
    },
    /// The config component could not.
    #[error(transparent)]
    Config(config::Error),
    /// A key path that is none.
    #[error("{0}")]
    Key(config_merge::Error),
    /// No layer says anything about this key.
    #[error("nothing is known of {key:?}{}", offer(near))]
    Unknown {
        /// As it was typed.
        key: String,
        /// Keys that may have been meant.
        near: Vec<String>,
    },
    /// The agent that had to be asked did not do it.
    #[error(transparent)]
    Agent(#[from] agent::Error),
    /// The secrets could not be carried over.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// What there is to say cannot be written.
    #[error("cannot write to stdout: what was to be told is lost")]
    Output(#[source] io::Error),
    /// The agent could not start, or a part of it ended.
    #[error(transparent)]
    Run(#[from] anyhow::Error),
}

fn offer(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(", "))
    }
}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        let refused = |problems: Vec<ProblemView>| Self::Refused {
            what: format!(
                "refused: {} in the layers",
                count(problems.len(), "problem")
            ),
            problems,
        };
        match error {
            config::Error::Refused(problems) => refused(problems),
            config::Error::Layers(problems) => refused(config::problem_views(&problems)),
            other => Self::Config(other),
        }
    }
}

impl Error {
    /// How the process ends.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Key(_) => USAGE,
            Self::Refused { .. } | Self::Unknown { .. } | Self::Output(_) => REFUSED,
            Self::Agent(error) => match error.said() {
                Some(400) => USAGE,
                Some(..500) => REFUSED,
                _ => UNUSABLE,
            },
            Self::Config(config::Error::NoGeneration { .. } | config::Error::TooLong) => REFUSED,
            Self::Secrets(error) if !matches!(error, secrets::Error::Write { .. }) => REFUSED,
            Self::Config(_) | Self::Secrets(_) | Self::Run(_) => UNUSABLE,
        }
    }

    /// For people, without the word `error`.
    pub(super) fn text(&self, paint: Paint) -> String {
        match self {
            Self::Settings(mistakes) => mistakes.to_string(),
            Self::Refused { what, problems } => {
                format!("{}\n{}", plain(what), listed(problems, paint))
                    .trim_end()
                    .to_owned()
            }
            Self::Agent(agent::Error::Said { problem }) => format!(
                "{}\n{}",
                plain(&config::chain(self)),
                listed(&problem.problems, paint)
            )
            .trim_end()
            .to_owned(),
            other => plain(&config::chain(other)),
        }
    }

    /// For programs: the body that the API would answer with.
    pub(super) fn json(&self) -> String {
        let (code, status) = match self {
            Self::Agent(agent::Error::Said { problem }) => {
                return serde_json::to_string_pretty(problem).unwrap_or_default();
            }
            Self::Settings(_) | Self::Key(_) => ("settings", 400),
            Self::Unknown { .. } => ("unknown_key", 404),
            Self::Agent(_) => ("agent", 502),
            Self::Refused { .. } => ("refused", 422),
            Self::Config(error) => (error.reason(), 500),
            Self::Secrets(_) => ("secrets", 500),
            Self::Output(_) => ("output", 500),
            Self::Run(_) => ("run", 500),
        };
        let problems = if let Self::Refused { problems, .. } = self {
            problems.clone()
        } else {
            Vec::new()
        };
        let title = if problems.is_empty() {
            "the command failed".to_owned()
        } else {
            count(problems.len(), "problem")
        };
        let document = ProblemDocument {
            kind: "about:blank".to_owned(),
            title,
            status,
            detail: Some(config::chain(self)),
            code: code.to_owned(),
            problems,
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}
