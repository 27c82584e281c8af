//! A rule on its way down a document.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::KeyPath;
use crate::rules::Rule;
use crate::tree::{Kind, Node};

/// A rule on its way down: how many of its segments the path here has met.
#[derive(Clone, Copy)]
pub(crate) struct Course<'r> {
    pub(crate) rule: &'r Rule,
    pub(crate) met: usize,
}

impl<'r> Course<'r> {
    pub(crate) fn ends_here(&self) -> bool {
        self.met == self.rule.pattern.segments().len()
    }

    /// The rule one key further down, when it goes there.
    pub(crate) fn step(&self, key: &str) -> Option<Course<'r>> {
        let wanted = self.rule.pattern.segments().get(self.met)?;
        let goes = wanted.as_ref().is_none_or(|wanted| wanted == key);
        goes.then_some(Course {
            rule: self.rule,
            met: self.met + 1,
        })
    }
}

/// Calls `found` with every path below `node` where the rule ends, as long as it answers true.
pub(crate) fn matches(
    course: Course<'_>,
    node: &Node<'_>,
    path: &mut KeyPath,
    found: &mut dyn FnMut(&KeyPath, &Node<'_>) -> bool,
) -> bool {
    let Some(wanted) = course.rule.pattern.segments().get(course.met) else {
        return found(path, node);
    };
    let next = Course {
        met: course.met + 1,
        ..course
    };
    let mut go = |key: &str, child: &Node<'_>| {
        path.push(key);
        let more = matches(next, child, path, found);
        path.pop();
        more
    };
    match (wanted, &node.kind) {
        (Some(key), _) => node.child(key).is_none_or(|child| go(key, child)),
        (None, Kind::Object(map)) => map
            .iter()
            .filter(|(_, child)| child.is_live())
            .all(|(key, child)| go(key, child)),
        (None, Kind::Array(items)) => items
            .iter()
            .enumerate()
            .all(|(at, child)| go(&at.to_string(), child)),
        (None, Kind::Gone | Kind::Leaf(_)) => true,
    }
}

/// What stands at all paths where a rule ends.
pub(crate) fn snapshot(course: Course<'_>, document: &Node<'_>) -> BTreeMap<KeyPath, Value> {
    let mut found = BTreeMap::new();
    matches(course, document, &mut KeyPath::root(), &mut |path, node| {
        found.insert(path.clone(), node.to_value());
        true
    });
    found
}
