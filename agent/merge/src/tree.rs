//! The working tree of a merge: the document, in which every value knows who said it and what it hid.
//!
//! It borrows keys and values from the layers; only the finished document owns its text.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::path::index;
use crate::position::Positions;

/// How many hidden statements one key keeps, the nearest ones.
const HIDDEN_KEPT: u8 = 16;

/// The place of a statement: the number of its file, line, column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What stands at a key.
#[derive(Debug, Clone, Default)]
pub(crate) enum Kind<'a> {
    /// Nothing: never set, or deleted.
    #[default]
    Gone,
    Leaf(&'a Value),
    Object(Box<IndexMap<&'a str, Node<'a>>>),
    Array(Vec<Node<'a>>),
}

/// A key's value, who set it, and what that hid.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node<'a> {
    pub(crate) mark: Mark,
    pub(crate) kind: Kind<'a>,
    pub(crate) under: Option<Box<Node<'a>>>,
    hidden: u8,
}

/// One file as it is laid over the tree.
pub(crate) struct Step<'s> {
    pub(crate) file: u32,
    pub(crate) positions: &'s Positions,
    /// The spots of what is left out, sorted.
    pub(crate) skip: &'s [usize],
}

impl Step<'_> {
    pub(crate) fn mark(&self, at: usize) -> Mark {
        let spot = self.positions.at(at);
        Mark {
            file: self.file,
            line: spot.line,
            column: spot.column,
        }
    }
}

impl<'a> Node<'a> {
    /// The document before anything was said.
    pub(crate) fn empty() -> Self {
        Node::new(Kind::Object(Box::default()), Mark::default())
    }

    pub(crate) fn new(kind: Kind<'a>, mark: Mark) -> Self {
        Node {
            mark,
            kind,
            under: None,
            hidden: 0,
        }
    }

    /// A value as it stands, nulls included.
    pub(crate) fn build(value: &'a Value, at: usize, step: &Step<'_>) -> Self {
        Node::new(Kind::build(value, at, step), step.mark(at))
    }

    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.kind, Kind::Gone)
    }

    /// Replaces the value and keeps the former one below it.
    pub(crate) fn set(&mut self, kind: Kind<'a>, mark: Mark) {
        let mut former = std::mem::replace(self, Node::new(kind, mark));
        let same_file = former.mark.file == mark.file;
        let nothing = !former.is_live() && former.under.is_none();
        if nothing {
            return;
        }
        if same_file {
            self.hidden = former.hidden;
            self.under = former.under;
            return;
        }
        if former.hidden == HIDDEN_KEPT {
            former.under = None;
            former.hidden = 0;
        }
        self.hidden = former.hidden + 1;
        self.under = Some(Box::new(former));
    }

    /// Lays a merge patch over this value (RFC 7386).
    pub(crate) fn lay(&mut self, patch: &'a Map<String, Value>, at: usize, step: &Step<'_>) {
        if !matches!(self.kind, Kind::Object(_)) {
            let room = IndexMap::with_capacity(patch.len());
            self.set(Kind::Object(Box::new(room)), step.mark(at));
        }
        let Kind::Object(map) = &mut self.kind else {
            return;
        };
        let mut child = at + 1;
        for (key, value) in patch {
            if step.skip.binary_search(&child).is_err() {
                match value {
                    Value::Null => {
                        if let Some(node) = map.get_mut(key.as_str()).filter(|node| node.is_live())
                        {
                            node.set(Kind::Gone, step.mark(child));
                        }
                    }
                    Value::Object(below) => map.entry(key).or_default().lay(below, child, step),
                    _ => map
                        .entry(key)
                        .or_default()
                        .set(Kind::build(value, child, step), step.mark(child)),
                }
            }
            child = step.positions.after(child);
        }
    }

    /// Sets a value where nothing stands yet and nothing is in the way.
    pub(crate) fn require(&mut self, path: &'a [Option<String>], value: &'a Value, mark: Mark) {
        match (path, &mut self.kind) {
            ([], Kind::Gone) => {
                let positions = Positions::unknown(value);
                let step = Step {
                    file: mark.file,
                    positions: &positions,
                    skip: &[],
                };
                self.set(Kind::build(value, 0, &step), mark);
            }
            ([Some(_), ..], Kind::Gone) => {
                self.set(Kind::Object(Box::default()), mark);
                self.require(path, value, mark);
            }
            ([Some(key), rest @ ..], Kind::Object(map)) => {
                map.entry(key).or_default().require(rest, value, mark);
            }
            _ => {}
        }
    }

    /// What stands at a path below this value.
    pub(crate) fn find(&self, path: &[String]) -> Option<&Node<'a>> {
        path.iter().try_fold(self, |node, key| node.child(key))
    }

    /// What stands at one key below this value.
    pub(crate) fn child(&self, key: &str) -> Option<&Node<'a>> {
        match &self.kind {
            Kind::Object(map) => map.get(key).filter(|node| node.is_live()),
            Kind::Array(items) => items.get(index(key)?),
            Kind::Gone | Kind::Leaf(_) => None,
        }
    }

    pub(crate) fn find_mut(&mut self, path: &[String]) -> Option<&mut Node<'a>> {
        path.iter()
            .try_fold(self, |node, key| match &mut node.kind {
                Kind::Object(map) => map.get_mut(key.as_str()).filter(|node| node.is_live()),
                Kind::Array(items) => items.get_mut(index(key)?),
                Kind::Gone | Kind::Leaf(_) => None,
            })
    }

    /// The value without its history.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Gone => Value::Null,
            Kind::Leaf(value) => (*value).clone(),
            Kind::Array(items) => items.iter().map(Node::to_value).collect(),
            Kind::Object(map) => {
                let live = map.iter().filter(|(_, node)| node.is_live());
                live.map(|(key, node)| ((*key).to_owned(), node.to_value()))
                    .collect()
            }
        }
    }

    /// Whether the value here is this one.
    pub(crate) fn equals(&self, value: &Value) -> bool {
        match (&self.kind, value) {
            (Kind::Leaf(have), _) => *have == value,
            (Kind::Array(have), Value::Array(want)) => {
                have.len() == want.len() && have.iter().zip(want).all(|(a, b)| a.equals(b))
            }
            (Kind::Object(have), Value::Object(want)) => {
                let live = have.values().filter(|node| node.is_live()).count();
                live == want.len()
                    && want
                        .iter()
                        .all(|(key, value)| self.child(key).is_some_and(|node| node.equals(value)))
            }
            _ => false,
        }
    }
}

impl<'a> Kind<'a> {
    fn build(value: &'a Value, at: usize, step: &Step<'_>) -> Self {
        let mut child = at + 1;
        let mut next = |value: &'a Value| {
            let node = Node::build(value, child, step);
            child = step.positions.after(child);
            node
        };
        match value {
            Value::Object(map) => {
                let members = map.iter().map(|(key, value)| (key.as_str(), next(value)));
                Kind::Object(Box::new(members.collect()))
            }
            Value::Array(items) => Kind::Array(items.iter().map(next).collect()),
            _ => Kind::Leaf(value),
        }
    }
}
