//! Finds where a bound layer breaks a lock or a bound, before it is laid over the document.

use std::collections::HashSet;

use serde_json::Value;

use crate::layer::File;
use crate::operation::{Action, Operation};
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::rules::{Demand, Rule, Rules};
use crate::tree::{Kind, Node};

/// One statement that breaks a rule.
pub(crate) struct Breach {
    /// The spot of the statement.
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

/// A rule on its way down: how many of its segments the path here has met.
#[derive(Clone, Copy)]
struct Course<'r> {
    rule: &'r Rule,
    met: usize,
}

impl<'r> Course<'r> {
    fn ends_here(&self) -> bool {
        self.met == self.rule.pattern.segments().len()
    }

    /// The rule one key further down, when it goes there.
    fn step(&self, key: &str) -> Option<Course<'r>> {
        let wanted = self.rule.pattern.segments().get(self.met)?;
        let goes = wanted.as_ref().is_none_or(|wanted| wanted == key);
        goes.then_some(Course {
            rule: self.rule,
            met: self.met + 1,
        })
    }
}

/// What the operator's own layers say, and which rules watch over it.
pub(crate) struct Watch<'r> {
    rules: &'r Rules,
    /// The bounded paths that the operator's layers set: to delete one of these is a breach.
    operators: HashSet<KeyPath>,
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
        search.visit(Some(patch), Some(document), Here::merge(0), &courses);
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
        let here = Here {
            at: operation.at,
            exact: true,
        };
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
        search.touch(&operation.path, value, document, here, self.courses());
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
        for course in self.courses() {
            let (old, new) = (snapshot(course, before), snapshot(course, after));
            if old == new {
                continue;
            }
            let kept = |path: &KeyPath| new.iter().any(|(other, _)| other == path);
            let lost = old.iter().find(|(path, _)| !kept(path));
            let fresh = new.iter().filter(|statement| !old.contains(statement));
            search.path = KeyPath::root();
            match &course.rule.demand {
                Demand::Lock { .. } => {
                    let first =
                        lost.or_else(|| new.iter().find(|statement| !old.contains(statement)));
                    if let Some((path, _)) = first {
                        search.lock(course.rule, 0, path);
                    }
                }
                Demand::Bound(bound) => {
                    let deleted = old.iter().filter(|(path, _)| !kept(path));
                    for (path, _) in deleted.filter(|(path, _)| self.operators.contains(path)) {
                        search.bound(course.rule, 0, path, "may not be deleted".to_owned());
                    }
                    for (path, value) in fresh {
                        if let Some(why) = bound.refuses(path, value) {
                            search.bound(course.rule, 0, path, why);
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

/// Where the search stands in the file, and how the value there is meant.
#[derive(Clone, Copy)]
struct Here {
    at: usize,
    /// The value replaces what is there (RFC 6902) instead of being laid over it (RFC 7386).
    exact: bool,
}

impl Here {
    fn merge(at: usize) -> Self {
        Here { at, exact: false }
    }
}

struct Search<'s> {
    watch: &'s Watch<'s>,
    positions: &'s Positions,
    path: KeyPath,
    breaches: Vec<Breach>,
}

impl<'s> Search<'s> {
    /// Follows the rules down to `path`, then looks at what an operation does there.
    fn touch(
        &mut self,
        path: &KeyPath,
        value: Option<&Value>,
        document: &Node<'_>,
        here: Here,
        mut courses: Vec<Course<'s>>,
    ) {
        self.path = KeyPath::root();
        for key in path.segments() {
            if self.judge_end(value, None, here, &courses) {
                return;
            }
            courses = courses
                .iter()
                .filter_map(|course| course.step(key))
                .collect();
            self.path.push(key);
        }
        let target = document.find(path.segments());
        self.visit(value, target, here, &courses);
    }

    /// Looks at one statement: `value` (none: deleted) about to meet what stands in the document.
    fn visit(
        &mut self,
        value: Option<&Value>,
        target: Option<&Node<'_>>,
        here: Here,
        courses: &[Course<'s>],
    ) {
        let below: Vec<Course<'s>> = courses
            .iter()
            .filter(|course| !course.ends_here())
            .copied()
            .collect();
        if self.judge_end(value, target, here, courses) || below.is_empty() {
            return;
        }
        let laid_over = !here.exact
            && value.is_some_and(Value::is_object)
            && target.is_none_or(|node| matches!(node.kind, Kind::Object(_)));
        if let Some(target) = target.filter(|_| !laid_over)
            && self.judge_replaced(value, target, here, &below)
        {
            return;
        }
        let target = target.filter(|_| laid_over);
        match value {
            Some(Value::Object(map)) => {
                let members = map.iter().map(|(key, value)| (key.as_str(), value));
                self.visit_each(members, target, here, &below);
            }
            Some(Value::Array(items)) => {
                let names: Vec<String> = (0..items.len()).map(|at| at.to_string()).collect();
                let members = names.iter().map(String::as_str).zip(items);
                let exact = Here {
                    exact: true,
                    ..here
                };
                self.visit_each(members, None, exact, &below);
            }
            _ => {}
        }
    }

    fn visit_each<'v>(
        &mut self,
        members: impl Iterator<Item = (&'v str, &'v Value)>,
        target: Option<&Node<'_>>,
        here: Here,
        courses: &[Course<'s>],
    ) {
        let operation = here.exact && self.positions.at(here.at).place() == (0, 0);
        let mut child = here.at + 1;
        for (key, value) in members {
            let courses: Vec<_> = courses
                .iter()
                .filter_map(|course| course.step(key))
                .collect();
            let at = if here.exact || operation {
                here.at
            } else {
                child
            };
            if !courses.is_empty() {
                self.path.push(key);
                let deleted = value.is_null() && !here.exact;
                let value = (!deleted).then_some(value);
                let target = target.and_then(|node| node.child(key));
                self.visit(value, target, Here { at, ..here }, &courses);
                self.path.pop();
            }
            if !here.exact {
                child = self.positions.after(child);
            }
        }
    }

    /// Judges the rules that end at this very path; says whether a lock was broken.
    fn judge_end(
        &mut self,
        value: Option<&Value>,
        target: Option<&Node<'_>>,
        here: Here,
        courses: &[Course<'s>],
    ) -> bool {
        let path = self.path.clone();
        let mut locked = false;
        for course in courses.iter().filter(|course| course.ends_here()) {
            match (&course.rule.demand, value) {
                (Demand::Lock { .. }, _) if !locked => {
                    self.lock(course.rule, here.at, &path);
                    locked = true;
                }
                (Demand::Lock { .. }, _) => {}
                (Demand::Bound(bound), Some(value)) => {
                    if let Some(why) = bound.refuses(&path, value) {
                        self.bound(course.rule, here.at, &path, why);
                    }
                }
                (Demand::Bound(_), None) => {
                    if target.is_some() && self.watch.operators.contains(&path) {
                        self.bound(course.rule, here.at, &path, "may not be deleted".to_owned());
                    }
                }
            }
        }
        locked
    }

    /// Judges what a replaced value takes with it; says whether a lock was broken.
    fn judge_replaced(
        &mut self,
        value: Option<&Value>,
        target: &Node<'_>,
        here: Here,
        courses: &[Course<'s>],
    ) -> bool {
        for course in courses {
            let mut hits = Vec::new();
            let lock = matches!(course.rule.demand, Demand::Lock { .. });
            let depth = self.path.segments().len();
            let operators = &self.watch.operators;
            matches(*course, target, &mut self.path, &mut |path, _| {
                let inside = KeyPath::from(path.segments()[depth..].to_vec());
                let stays = value.is_some_and(|value| {
                    inside
                        .find(value)
                        .is_some_and(|v| !v.is_null() || here.exact)
                });
                if lock || (!stays && operators.contains(path)) {
                    hits.push(path.clone());
                }
                !(lock && !hits.is_empty())
            });
            for path in hits {
                if lock {
                    self.lock(course.rule, here.at, &path);
                    return true;
                }
                self.bound(course.rule, here.at, &path, "may not be deleted".to_owned());
            }
        }
        false
    }

    fn lock(&mut self, rule: &Rule, at: usize, broken: &KeyPath) {
        let place = self.watch.rules.place(rule);
        let mut message = if self.path == *broken {
            format!("locked by policy ({place})")
        } else {
            format!("this would change {broken}, which is locked by policy ({place})")
        };
        if let Demand::Lock { why: Some(why), .. } = &rule.demand {
            message = format!("{message}: {why}");
        }
        let cure = "take it out of this layer; only the operator's layers may set it";
        self.tell(at, Problem::new(ProblemKind::Locked, message, cure), broken);
    }

    fn bound(&mut self, rule: &Rule, at: usize, broken: &KeyPath, why: String) {
        let place = self.watch.rules.place(rule);
        let subject = if self.path == *broken {
            String::new()
        } else {
            format!("{broken} ")
        };
        let message = format!("{subject}{why} (bound by {place})");
        let cure = "set a value within the bound, or take it out of this layer";
        self.tell(at, Problem::new(ProblemKind::Bound, message, cure), broken);
    }

    fn tell(&mut self, at: usize, problem: Problem, broken: &KeyPath) {
        let path = if self.path.is_root() {
            broken
        } else {
            &self.path
        };
        let place = self.positions.at(at).place();
        let problem = problem.at(place).on(path);
        self.breaches.push(Breach { at, problem });
    }
}

/// Calls `found` with every path below `node` where the rule ends, as long as it answers true.
fn matches(
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
fn snapshot(course: Course<'_>, document: &Node<'_>) -> Vec<(KeyPath, Value)> {
    let mut found = Vec::new();
    matches(course, document, &mut KeyPath::root(), &mut |path, node| {
        found.push((path.clone(), node.to_value()));
        true
    });
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
