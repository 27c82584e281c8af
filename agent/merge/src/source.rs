//! One file as bytes, and how it becomes a value with positions.

use std::fmt;

use serde_json::Value;

use crate::guard;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::scan::scan;

/// One file of a layer, as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// The name that messages show. `*.patch.json` is read as RFC 6902, everything else as a merge patch.
    pub file: String,
    /// What the file holds.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.file, self.bytes.len())
    }
}

/// Reads one JSON5 text that is no layer, under the same guards.
///
/// # Errors
/// All that is wrong with it, with `file` as the place.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Value, Vec<Problem>> {
    let place = |problem: Problem| problem.within(None, file);
    let parsed = parse_text(bytes).map(|(value, _)| value);
    parsed.map_err(|problems| problems.into_iter().map(place).collect())
}

/// Guards, scans, then parses one JSON5 text.
pub(crate) fn parse_text(bytes: &[u8]) -> Result<(Value, Positions), Vec<Problem>> {
    let text = guard::text(bytes).map_err(|problem| vec![problem])?;
    let positions = scan(text)?;
    let value = json5::from_str(text).map_err(|error| vec![syntax(&error)])?;
    Ok((value, positions))
}

fn syntax(error: &json5::Error) -> Problem {
    let what = error
        .code()
        .map_or_else(|| "not JSON5".to_owned(), |code| code.to_string());
    let one_based = |n: usize| u32::try_from(n).unwrap_or(0).saturating_add(1);
    let place = error.position().map_or((0, 0), |found| {
        (one_based(found.line), one_based(found.column))
    });
    Problem::new(ProblemKind::Syntax, what, "correct the JSON5 here").at(place)
}
