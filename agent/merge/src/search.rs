//! Looks through what a bound layer says, against what stands in the document, for broken rules.

use serde_json::Value;

use crate::breach::{Breach, MAY_NOT_BE_DELETED, Watch};
use crate::course::{Course, matches};
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::rules::{Demand, Rule};
use crate::tree::{Kind, Node};

/// Where the search stands in the file, and how the value there is meant.
#[derive(Clone, Copy)]
pub(crate) struct Here {
    /// The spot that messages show.
    at: usize,
    /// The spot to leave out, where it is not this one: what replaces a value goes or stays whole.
    leave: Option<usize>,
    /// The value replaces what is there (RFC 6902) instead of being laid over it (RFC 7386).
    exact: bool,
    /// The value has no places of its own.
    fixed: bool,
}

impl Here {
    /// A merge patch, from its root on.
    pub(crate) const MERGE: Here = Here {
        at: 0,
        leave: None,
        exact: false,
        fixed: false,
    };

    /// An operation.
    pub(crate) fn operation(at: usize) -> Self {
        Here {
            at,
            leave: None,
            exact: true,
            fixed: true,
        }
    }

    /// The same place, with nothing below it that could be left out alone.
    fn whole(self) -> Self {
        let leave = Some(self.leave.unwrap_or(self.at));
        Here { leave, ..self }
    }
}

pub(crate) struct Search<'s> {
    pub(crate) watch: &'s Watch<'s>,
    pub(crate) positions: &'s Positions,
    pub(crate) path: KeyPath,
    pub(crate) breaches: Vec<Breach>,
}

impl<'s> Search<'s> {
    /// Follows the rules down to `path`, then looks at what an operation does there.
    pub(crate) fn touch(
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
    pub(crate) fn visit(
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
        let replaced = target.filter(|_| !laid_over);
        if let Some(target) = replaced
            && self.judge_replaced(value, target, here, &below)
        {
            return;
        }
        let here = if replaced.is_some() {
            here.whole()
        } else {
            here
        };
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
                    ..here.whole()
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
        let mut child = here.at + 1;
        for (key, value) in members {
            let courses: Vec<_> = courses
                .iter()
                .filter_map(|course| course.step(key))
                .collect();
            let at = if here.fixed { here.at } else { child };
            if !here.fixed {
                child = self.positions.after(child);
            }
            if !courses.is_empty() {
                self.path.push(key);
                let deleted = value.is_null() && !here.exact;
                let value = (!deleted).then_some(value);
                let target = target.and_then(|node| node.child(key));
                self.visit(value, target, Here { at, ..here }, &courses);
                self.path.pop();
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
                    self.lock(course.rule, here, &path);
                    locked = true;
                }
                (Demand::Lock { .. }, _) => {}
                (Demand::Bound(bound), Some(value)) => {
                    if let Some(why) = bound.refuses(&path, value) {
                        self.bound(course.rule, here, &path, why);
                    }
                }
                (Demand::Bound(_), None) => {
                    if target.is_some() && self.watch.operators.contains(&path) {
                        self.bound(course.rule, here, &path, MAY_NOT_BE_DELETED.to_owned());
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
                !lock || hits.is_empty()
            });
            for path in hits {
                if lock {
                    self.lock(course.rule, here, &path);
                    return true;
                }
                self.bound(course.rule, here, &path, MAY_NOT_BE_DELETED.to_owned());
            }
        }
        false
    }

    pub(crate) fn lock(&mut self, rule: &Rule, here: Here, broken: &KeyPath) {
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
        self.tell(
            here,
            Problem::new(ProblemKind::Locked, message, cure),
            broken,
        );
    }

    pub(crate) fn bound(&mut self, rule: &Rule, here: Here, broken: &KeyPath, why: String) {
        let place = self.watch.rules.place(rule);
        let subject = if self.path == *broken {
            String::new()
        } else {
            format!("{broken} ")
        };
        let message = format!("{subject}{why} (bound by {place})");
        let cure = "set a value within the bound, or take it out of this layer";
        self.tell(
            here,
            Problem::new(ProblemKind::Bound, message, cure),
            broken,
        );
    }

    fn tell(&mut self, here: Here, problem: Problem, broken: &KeyPath) {
        let path = if self.path.is_root() {
            broken
        } else {
            &self.path
        };
        let place = self.positions.at(here.at).place();
        let at = here.leave.unwrap_or(here.at);
        let problem = problem.at(place).on(path);
        self.breaches.push(Breach { at, problem });
    }
}
