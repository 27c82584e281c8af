//! Why a scan of a text cannot go on.

use crate::guard::MAX_DEPTH;
use crate::problem::{Problem, ProblemKind};

/// Why the scan cannot go on.
pub(crate) enum Stop {
    /// There is no value at all.
    Empty,
    /// Something else should stand here.
    Expected(&'static str),
    /// Brackets nest too deep.
    TooDeep,
}

impl From<&'static str> for Stop {
    fn from(expected: &'static str) -> Self {
        Stop::Expected(expected)
    }
}

impl Stop {
    /// The problem to tell; `next` is the character at which the scan stopped.
    pub(crate) fn problem(&self, next: Option<char>) -> Problem {
        let found = next.map_or_else(
            || "the end of the file".to_owned(),
            |c| format!("`{}`", c.escape_debug()),
        );
        match self {
            Stop::Empty => Problem::new(
                ProblemKind::Empty,
                "the file holds no value",
                "write at least {}, or remove the file",
            ),
            Stop::Expected(what) => Problem::new(
                ProblemKind::Syntax,
                format!("expected {what}, found {found}"),
                "correct the JSON5 here",
            ),
            Stop::TooDeep => Problem::new(
                ProblemKind::TooDeep,
                format!("brackets nest deeper than {MAX_DEPTH}"),
                "make the structure flatter",
            ),
        }
    }
}
