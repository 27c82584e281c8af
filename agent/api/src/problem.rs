//! What is wrong, where, and what to do about it.

use serde::{Deserialize, Serialize};

/// One problem in one layer, with its place. It never quotes a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemView {
    /// The layer, where the problem belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The file as its owner knows it.
    #[serde(default)]
    pub file: String,
    /// Line, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub line: u32,
    /// Column, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub column: u32,
    /// Key path with dots; empty for the whole document.
    #[serde(default)]
    pub path: String,
    /// Stable word for programs, such as `locked` or `syntax`.
    pub kind: String,
    /// What is wrong, for people.
    pub message: String,
    /// What to do, for people.
    #[serde(default)]
    pub cure: String,
}

/// Body of every error answer, as RFC 9457 has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// URI of the kind of error; `about:blank` where `code` says it all.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// Short text, the same for every error of this code.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What went wrong this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable word for programs, such as `stale`.
    #[serde(default)]
    pub code: String,
    /// Every problem at once, where layers were the reason.
    #[serde(default)]
    pub problems: Vec<ProblemView>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}
