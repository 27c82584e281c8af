//! What a whole RFC 6902 file leaves behind, and which of its operations is to blame.

use std::collections::HashSet;

use crate::credential;
use crate::layer::{Body, File};
use crate::operation::{Action, Operation};
use crate::path::{KeyPath, index};
use crate::position::Positions;
use crate::problem::Problem;
use crate::tree::Node;

/// The operations that may have changed what stands at a path, in their order.
pub(crate) fn touching<'f>(
    file: &'f File,
    path: &KeyPath,
) -> impl DoubleEndedIterator<Item = &'f Operation> {
    let operations: &[Operation] = match &file.body {
        Body::Patch(operations) => operations,
        Body::Merge(_) => &[],
    };
    let path = path.clone();
    operations.iter().filter(move |operation| {
        let from = match &operation.action {
            Action::Test(_) => return false,
            Action::Move(from) => Some(from),
            _ => None,
        };
        let mut ends = from.into_iter().chain([&operation.path]);
        ends.any(|end| touches(end, &path))
    })
}

/// Whether a change at `end` may change `path`: above it, below it, or beside it in an array.
fn touches(end: &KeyPath, path: &KeyPath) -> bool {
    let mut room = end.clone();
    if let Some(last) = end.segments().last()
        && (last == "-" || index(last).is_some())
    {
        room.pop();
    }
    room.covers(path) || path.covers(end)
}

/// Literal credentials that moves and copies have left at keys that hold some: the value was no
/// credential where it was said.
pub(crate) fn planted(file: &File, before: &Node<'_>, after: &Node<'_>) -> Vec<Problem> {
    let moves =
        |operation: &Operation| matches!(operation.action, Action::Move(_) | Action::Copy(_));
    let Body::Patch(operations) = &file.body else {
        return Vec::new();
    };
    if !operations.iter().any(moves) {
        return Vec::new();
    }
    let known: HashSet<String> = literals(before).map(|problem| problem.path).collect();
    let fresh = literals(after).filter(|problem| !known.contains(&problem.path));
    fresh
        .map(|problem| {
            let path: KeyPath = problem.path.parse().unwrap_or_default();
            let mut guilty = touching(file, &path).filter(|operation| moves(operation));
            let guilty = guilty
                .next_back()
                .or_else(|| operations.iter().find(|o| moves(o)));
            let at = guilty.map_or(0, |operation| operation.at);
            problem.at(file.positions.at(at).place())
        })
        .collect()
}

fn literals(document: &Node<'_>) -> impl Iterator<Item = Problem> {
    let value = document.to_value();
    let mut found = Vec::new();
    credential::check(&value, &Positions::unknown(&value), &mut found);
    found.into_iter()
}
