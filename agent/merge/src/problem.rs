//! A problem: where it is, what is wrong, what to do.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::layer_name::LayerName;
use crate::path::KeyPath;
use crate::redact::redact_text;

/// The place of a problem of a whole file.
pub(crate) const START: (u32, u32) = (1, 1);

/// What sort of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The text is not JSON5.
    Syntax,
    /// A file or a layer is larger than its limit.
    TooLarge,
    /// Brackets nest deeper than the limit.
    TooDeep,
    /// One object has the same key twice.
    DuplicateKey,
    /// A number that JSON cannot hold.
    NotFinite,
    /// The bytes are not UTF-8.
    Encoding,
    /// The file holds no value.
    Empty,
    /// The root of a merge patch is not an object.
    NotAnObject,
    /// An RFC 6902 file that is malformed or cannot be applied.
    Patch,
    /// A locked path is touched or does not hold its required value.
    Locked,
    /// A value is outside its bound.
    Bound,
    /// A literal credential.
    Credential,
    /// A key that is reserved for Pilotfish.
    Reserved,
    /// The locks file itself is wrong.
    Rules,
}

impl ProblemKind {
    /// The stable word for this kind.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ProblemKind::Syntax => "syntax",
            ProblemKind::TooLarge => "too_large",
            ProblemKind::TooDeep => "too_deep",
            ProblemKind::DuplicateKey => "duplicate_key",
            ProblemKind::NotFinite => "not_finite",
            ProblemKind::Encoding => "encoding",
            ProblemKind::Empty => "empty",
            ProblemKind::NotAnObject => "not_an_object",
            ProblemKind::Patch => "patch",
            ProblemKind::Locked => "locked",
            ProblemKind::Bound => "bound",
            ProblemKind::Credential => "credential",
            ProblemKind::Reserved => "reserved",
            ProblemKind::Rules => "rules",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong, with its place and its cure. Never holds a credential's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The layer it is in; none for the locks file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<LayerName>,
    /// The file it is in.
    pub file: String,
    /// The line, from 1; 0 when not known.
    pub line: u32,
    /// The column in characters, from 1; 0 when not known.
    pub column: u32,
    /// The dotted key path; empty for the root.
    pub path: String,
    /// What sort of problem it is.
    pub kind: ProblemKind,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub cure: String,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, message: impl Into<String>, cure: &str) -> Self {
        Problem {
            layer: None,
            file: String::new(),
            line: 0,
            column: 0,
            path: String::new(),
            kind,
            message: redact_text(&message.into()),
            cure: cure.to_owned(),
        }
    }

    pub(crate) fn within(mut self, layer: Option<LayerName>, file: &str) -> Self {
        self.layer = layer;
        file.clone_into(&mut self.file);
        self
    }

    pub(crate) fn at(mut self, (line, column): (u32, u32)) -> Self {
        self.line = line;
        self.column = column;
        self
    }

    pub(crate) fn on(mut self, path: &KeyPath) -> Self {
        self.path = redact_text(&path.to_string());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}\n  cure: {}", self.message, self.cure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_text() {
        let path = "gateway.port".parse().unwrap();
        let problem = Problem::new(ProblemKind::Locked, "locked", "take it out")
            .within(Some(LayerName::User), "user.json5")
            .on(&path);
        assert_eq!(
            problem.to_string(),
            "user.json5: gateway.port: locked\n  cure: take it out"
        );
        let problem = problem.at((3, 5));
        assert_eq!(
            problem.to_string(),
            "user.json5:3:5: gateway.port: locked\n  cure: take it out"
        );
        let wire = serde_json::to_value(&problem).unwrap();
        assert_eq!(wire["kind"], "locked");
        assert_eq!(wire["layer"], "user");
    }
}
