//! The locks file: which paths nobody below the operator may set, and what the others may be.

use std::fmt;

use serde_json::{Map, Value};

use crate::bounds::Bound;
use crate::path::{KeyPath, Pattern};
use crate::position::{Positions, Spot};
use crate::problem::{Problem, ProblemKind};
use crate::source::{Source, parse_text};

const CURE: &str = "correct the locks file; it holds { locks: [\"a.b\", { path, value, why }], bounds: { \"a.c\": { min, max, oneOf } } }";

/// What a rule asks.
#[derive(Debug, Clone)]
pub(crate) enum Demand {
    /// Nobody bound by rules sets or deletes anything here; `value` is what the document must say.
    Lock {
        value: Option<Value>,
        why: Option<String>,
    },
    /// What is set here is inside this bound.
    Bound(Bound),
}

/// One lock or bound.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) pattern: Pattern,
    pub(crate) demand: Demand,
    pub(crate) spot: Spot,
}

/// All locks and bounds. They bind the layers `user` and `runtime`.
#[derive(Clone, Default)]
pub struct Rules {
    file: String,
    rules: Vec<Rule>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({}, {} rules)", self.file, self.rules.len())
    }
}

impl Rules {
    /// No locks and no bounds.
    #[must_use]
    pub fn none() -> Rules {
        Rules::default()
    }

    /// Reads the locks file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(source: &Source) -> Result<Rules, Vec<Problem>> {
        let place = |problem: Problem| problem.within(None, &source.file);
        let (value, positions) = parse_text(&source.bytes)
            .map_err(|found| found.into_iter().map(place).collect::<Vec<_>>())?;
        let mut reader = Reader {
            positions: &positions,
            rules: Vec::new(),
            problems: Vec::new(),
        };
        reader.read(&value);
        if reader.problems.is_empty() {
            Ok(Rules {
                file: source.file.clone(),
                rules: reader.rules,
            })
        } else {
            Err(reader.problems.into_iter().map(place).collect())
        }
    }

    /// The file the rules came from; empty when there is none.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether there is no lock and no bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The patterns of the locks.
    pub fn locks(&self) -> impl Iterator<Item = &Pattern> {
        let locks = self
            .rules
            .iter()
            .filter(|rule| matches!(rule.demand, Demand::Lock { .. }));
        locks.map(|rule| &rule.pattern)
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The locks that state a value, each with its one path.
    pub(crate) fn required(&self) -> impl Iterator<Item = (&Rule, KeyPath, &Value)> {
        self.rules.iter().filter_map(|rule| match &rule.demand {
            Demand::Lock {
                value: Some(value), ..
            } => Some((rule, rule.pattern.exact()?, value)),
            _ => None,
        })
    }

    /// Where a rule stands, for messages.
    pub(crate) fn place(&self, rule: &Rule) -> String {
        format!("{}:{}:{}", self.file, rule.spot.line, rule.spot.column)
    }
}

struct Reader<'r> {
    positions: &'r Positions,
    rules: Vec<Rule>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, at: usize, message: impl Into<String>) {
        let problem = Problem::new(ProblemKind::Rules, message, CURE);
        self.problems
            .push(problem.at(self.positions.at(at).place()));
    }

    fn read(&mut self, value: &Value) {
        let Value::Object(map) = value else {
            return self.refuse(0, "the root must be an object");
        };
        let mut at = 1;
        for (key, value) in map {
            match (key.as_str(), value) {
                ("locks", Value::Array(items)) => self.each_lock(items, at),
                ("bounds", Value::Object(map)) => self.each_bound(map, at),
                ("locks", _) => self.refuse(at, "`locks` must be a list"),
                ("bounds", _) => self.refuse(at, "`bounds` must be an object"),
                _ => self.refuse(at, format!("`{key}` is neither `locks` nor `bounds`")),
            }
            at = self.positions.after(at);
        }
    }

    fn each_lock(&mut self, items: &[Value], at: usize) {
        let mut child = at + 1;
        for item in items {
            match read_lock(item) {
                Ok((pattern, demand)) => self.keep(pattern, demand, child),
                Err(message) => self.refuse(child, message),
            }
            child = self.positions.after(child);
        }
    }

    fn each_bound(&mut self, map: &Map<String, Value>, at: usize) {
        let mut child = at + 1;
        for (key, value) in map {
            match read_bound(key, value) {
                Ok((pattern, demand)) => self.keep(pattern, demand, child),
                Err(message) => self.refuse(child, message),
            }
            child = self.positions.after(child);
        }
    }

    fn keep(&mut self, pattern: Pattern, demand: Demand, at: usize) {
        let spot = self.positions.at(at);
        self.rules.push(Rule {
            pattern,
            demand,
            spot,
        });
    }
}

fn read_lock(item: &Value) -> Result<(Pattern, Demand), String> {
    let map = match item {
        Value::String(path) => return Ok((pattern(path)?, lock(None, None))),
        Value::Object(map) => map,
        _ => return Err("a lock is a path or an object with `path`".to_owned()),
    };
    if let Some(key) = map
        .keys()
        .find(|key| !matches!(key.as_str(), "path" | "value" | "why"))
    {
        return Err(format!("`{key}` is not part of a lock"));
    }
    let path = map
        .get("path")
        .and_then(Value::as_str)
        .ok_or("the lock lacks `path`")?;
    let why = match map.get("why") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => return Err("`why` must be text".to_owned()),
    };
    let pattern = pattern(path)?;
    let value = map.get("value").cloned();
    if value.is_some() && pattern.exact().is_none_or(|path| path.is_root()) {
        return Err("a lock with `value` needs one whole path, without `*`".to_owned());
    }
    if value.as_ref().is_some_and(Value::is_null) {
        return Err("`value` cannot be null".to_owned());
    }
    Ok((pattern, lock(value, why)))
}

fn lock(value: Option<Value>, why: Option<String>) -> Demand {
    Demand::Lock { value, why }
}

fn read_bound(key: &str, value: &Value) -> Result<(Pattern, Demand), String> {
    let map = value.as_object().ok_or("a bound must be an object")?;
    Ok((pattern(key)?, Demand::Bound(Bound::read(map)?)))
}

fn pattern(text: &str) -> Result<Pattern, String> {
    text.parse()
        .map_err(|error: crate::path::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Rules, Vec<Problem>> {
        Rules::parse(&Source {
            file: "locks.json5".to_owned(),
            bytes: text.into(),
        })
    }

    #[test]
    fn reads_locks_and_bounds() {
        let rules = parse(
            "{ locks: ['gateway.*', 'secrets', {path: 'commands.restart', value: true, why: 'undo'}],\n bounds: {'a.b': {min: 1}} }",
        )
        .unwrap();
        assert_eq!(rules.all().len(), 4);
        assert_eq!(rules.locks().count(), 3);
        let (rule, path, value) = rules.required().next().unwrap();
        assert_eq!(
            (path.to_string().as_str(), value),
            ("commands.restart", &Value::Bool(true))
        );
        assert_eq!(rules.place(rule), "locks.json5:1:35");
        assert_eq!(rules.place(&rules.all()[3]), "locks.json5:2:11");
    }

    #[test]
    fn tells_every_mistake_with_its_place() {
        let problems = parse("{\n locks: [1, 'a..b', {path: 'a.*', value: 1}, {value: 1}, {path: 'a', x: 1}],\n bounds: {a: 1, b: {}},\n other: 1 }")
            .unwrap_err();
        assert_eq!(problems.len(), 8);
        assert!(
            problems
                .iter()
                .all(|problem| problem.kind == ProblemKind::Rules && problem.line > 1)
        );
        assert_eq!(problems[0].file, "locks.json5");
        assert_eq!(parse("").unwrap_err()[0].kind, ProblemKind::Empty);
        assert!(parse("[]").is_err());
        assert!(parse("{}").unwrap().is_empty());
    }
}
