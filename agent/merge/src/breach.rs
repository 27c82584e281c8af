//! Finds where a bound layer breaks a lock or a bound, before it is laid over the document.

use std::collections::HashSet;

use serde_json::Value;

use crate::course::{Course, matches, snapshot};
use crate::culprit::touching;
use crate::layer::File;
use crate::operation::{Action, Operation};
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::Problem;
use crate::rules::{Demand, Rules};
use crate::search::{Here, Search};
use crate::tree::{Kind, Node};

/// What a message says of a bounded key that the operator set and a bound layer takes away.
pub(crate) const MAY_NOT_BE_DELETED: &str = "may not be deleted";

/// One statement that breaks a rule.
pub(crate) struct Breach {
    /// The spot of the statement to leave out.
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

/// What the operator's own layers say, and which rules watch over it.
pub(crate) struct Watch<'r> {
    pub(crate) rules: &'r Rules,
    /// The bounded paths that the operator's layers set: to delete one of these is a breach.
    pub(crate) operators: HashSet<KeyPath>,
}

impl<'r> Watch<'r> {
    /// `document` is what base and plan say together.
    pub(crate) fn new(rules: &'r Rules, document: &Node<'_>) -> Self {
        let mut operators = HashSet::new();
        for rule in rules.all() {
            if matches!(rule.demand, Demand::Bound(_)) {
                matches(
                    Course { rule, met: 0 },
                    document,
                    &mut KeyPath::root(),
                    &mut |path, _| {
                        operators.insert(path.clone());
                        true
                    },
                );
            }
        }
        Watch { rules, operators }
    }

    /// Every breach of a merge patch that is about to be laid over `document`.
    pub(crate) fn merge_breaches(
        &self,
        patch: &Value,
        positions: &Positions,
        document: &Node<'_>,
    ) -> Vec<Breach> {
        let mut search = self.search(positions);
        let courses = self.courses();
        search.visit(Some(patch), Some(document), Here::MERGE, &courses);
        search.breaches
    }

    /// Every breach of one operation that is about to be applied to `document`.
    pub(crate) fn operation_breaches(
        &self,
        operation: &Operation,
        positions: &Positions,
        document: &Node<'_>,
    ) -> Vec<Breach> {
        let mut search = self.search(positions);
        let here = Here::operation(operation.at);
        let path = landing(operation, document);
        let copied;
        let value = match &operation.action {
            Action::Test(_) => return Vec::new(),
            Action::Add(value) | Action::Replace(value) => Some(value),
            Action::Remove => None,
            Action::Move(from) | Action::Copy(from) => {
                if matches!(operation.action, Action::Move(_)) {
                    search.touch(from, None, document, here, self.courses());
                }
                copied = document.find(from.segments()).map(Node::to_value);
                copied.as_ref()
            }
        };
        search.touch(&path, value, document, here, self.courses());
        search.breaches
    }

    /// What differs at locked and bounded paths between two documents: the net below a whole RFC 6902
    /// file, for what no single operation shows, such as array elements that shift.
    pub(crate) fn document_breaches(
        &self,
        file: &File,
        before: &Node<'_>,
        after: &Node<'_>,
    ) -> Vec<Breach> {
        let mut search = self.search(&file.positions);
        let whole = |path: &KeyPath| {
            let guilty = touching(file, path).next();
            Here::operation(guilty.map_or(0, |operation| operation.at))
        };
        for course in self.courses() {
            let (old, new) = (snapshot(course, before), snapshot(course, after));
            let lost = old.keys().filter(|path| !new.contains_key(*path));
            let fresh = new
                .iter()
                .filter(|(path, value)| old.get(*path) != Some(*value));
            match &course.rule.demand {
                Demand::Lock { .. } => {
                    let fresh = fresh.map(|(path, _)| path);
                    if let Some(path) = lost.chain(fresh).next() {
                        search.lock(course.rule, whole(path), path);
                    }
                }
                Demand::Bound(bound) => {
                    for path in lost.filter(|path| self.operators.contains(path)) {
                        search.bound(
                            course.rule,
                            whole(path),
                            path,
                            MAY_NOT_BE_DELETED.to_owned(),
                        );
                    }
                    for (path, value) in fresh {
                        if let Some(why) = bound.refuses(path, value) {
                            search.bound(course.rule, whole(path), path, why);
                        }
                    }
                }
            }
        }
        search.breaches
    }

    fn search<'s>(&'s self, positions: &'s Positions) -> Search<'s> {
        Search {
            watch: self,
            positions,
            path: KeyPath::root(),
            breaches: Vec::new(),
        }
    }

    fn courses(&self) -> Vec<Course<'r>> {
        let start = |rule| Course { rule, met: 0 };
        self.rules.all().iter().map(start).collect()
    }
}

/// Where an operation puts its value: `-` is the place behind the last one of an array.
fn landing(operation: &Operation, document: &Node<'_>) -> KeyPath {
    let path = &operation.path;
    let Some((last, parent)) = path.segments().split_last() else {
        return path.clone();
    };
    let room = document.find(parent).map(|node| &node.kind);
    let (Some(Kind::Array(items)), "-") = (room, last.as_str()) else {
        return path.clone();
    };
    let leaves = matches!(&operation.action, Action::Move(from)
        if from.segments().split_last().is_some_and(|(_, room)| room == parent));
    let end = items.len() - usize::from(leaves && !items.is_empty());
    KeyPath::from(parent.to_vec()).child(&end.to_string())
}
