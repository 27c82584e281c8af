//! The working tree of a merge: the document, in which every value knows who said it and what it hid.
//!
//! It borrows keys and values from the layers; only the finished document owns its text.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::guard::{MAX_DEPTH, MAX_LAYER_BYTES};
use crate::operation::{Action, Operation};
use crate::path::{KeyPath, index};
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
    /// The spots of what is left out.
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

    fn new(kind: Kind<'a>, mark: Mark) -> Self {
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
            if step.skip.is_empty() || !step.skip.contains(&child) {
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

    fn find_mut(&mut self, path: &[String]) -> Option<&mut Node<'a>> {
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

    /// A copy without history, all of it said at `mark`; counts what it copies.
    fn stripped(&self, mark: Mark, copied: &mut usize) -> Node<'a> {
        let kind = match &self.kind {
            Kind::Gone => Kind::Gone,
            Kind::Leaf(value) => {
                *copied += 16 + value.as_str().map_or(0, str::len);
                Kind::Leaf(value)
            }
            Kind::Array(items) => {
                *copied += 16;
                Kind::Array(
                    items
                        .iter()
                        .map(|node| node.stripped(mark, copied))
                        .collect(),
                )
            }
            Kind::Object(map) => {
                *copied += 16;
                let live = map.iter().filter(|(_, node)| node.is_live());
                let copy = live.map(|(key, node)| {
                    *copied += key.len();
                    (*key, node.stripped(mark, copied))
                });
                Kind::Object(Box::new(copy.collect()))
            }
        };
        Node::new(kind, mark)
    }

    fn depth(&self) -> usize {
        match &self.kind {
            Kind::Gone | Kind::Leaf(_) => 0,
            Kind::Array(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Kind::Object(map) => 1 + map.values().map(Node::depth).max().unwrap_or(0),
        }
    }

    /// Applies one operation (RFC 6902). `copied` is what the file's copies have cost so far.
    pub(crate) fn apply(
        &mut self,
        operation: &'a Operation,
        step: &Step<'_>,
        copied: &mut usize,
    ) -> Result<(), &'static str> {
        let path = operation.path.segments();
        let mark = step.mark(operation.at);
        match &operation.action {
            Action::Add(value) => {
                self.add(path, Node::build(value, operation.value_at, step), mark)
            }
            Action::Replace(value) => {
                let node = Node::build(value, operation.value_at, step);
                fits(path, &node)?;
                let target = self.find_mut(path).ok_or(NOTHING_THERE)?;
                target.set(node.kind, mark);
                Ok(())
            }
            Action::Test(value) => match self.find(path) {
                None => Err(NOTHING_THERE),
                Some(node) if node.equals(value) => Ok(()),
                Some(_) => Err("the value there is not the one that `test` expects"),
            },
            Action::Remove => self.remove(path, mark),
            Action::Copy(from) => {
                let node = self.take_copy(from, mark, copied)?;
                self.add(path, node, mark)
            }
            Action::Move(from) => {
                if path.len() > from.segments().len() && from.covers(&operation.path) {
                    return Err("a value cannot be moved into itself");
                }
                let node = self.take_copy(from, mark, copied)?;
                self.remove(from.segments(), mark)?;
                self.add(path, node, mark)
            }
        }
    }

    fn take_copy(
        &self,
        from: &KeyPath,
        mark: Mark,
        copied: &mut usize,
    ) -> Result<Node<'a>, &'static str> {
        let source = self
            .find(from.segments())
            .ok_or("there is nothing at `from`")?;
        let node = source.stripped(mark, copied);
        if *copied > MAX_LAYER_BYTES {
            return Err("the operations of this file copy too much");
        }
        Ok(node)
    }

    fn add(&mut self, path: &'a [String], node: Node<'a>, mark: Mark) -> Result<(), &'static str> {
        fits(path, &node)?;
        let Some((last, parent)) = path.split_last() else {
            self.set(node.kind, mark);
            return Ok(());
        };
        match &mut self
            .find_mut(parent)
            .ok_or("there is nothing above `path`")?
            .kind
        {
            Kind::Object(map) => map.entry(last).or_default().set(node.kind, mark),
            Kind::Array(items) => {
                let at = if last == "-" {
                    Some(items.len())
                } else {
                    index(last)
                };
                let at = at
                    .filter(|at| *at <= items.len())
                    .ok_or("no such place in the array")?;
                items.insert(at, Node::new(node.kind, mark));
            }
            Kind::Gone | Kind::Leaf(_) => return Err("the value above `path` holds no keys"),
        }
        Ok(())
    }

    fn remove(&mut self, path: &[String], mark: Mark) -> Result<(), &'static str> {
        let (last, parent) = path.split_last().ok_or("the root cannot be removed")?;
        match &mut self.find_mut(parent).ok_or(NOTHING_THERE)?.kind {
            Kind::Object(map) => {
                let node = map.get_mut(last.as_str()).filter(|node| node.is_live());
                node.ok_or(NOTHING_THERE)?.set(Kind::Gone, mark);
            }
            Kind::Array(items) => {
                let at = index(last)
                    .filter(|at| *at < items.len())
                    .ok_or(NOTHING_THERE)?;
                items.remove(at);
            }
            Kind::Gone | Kind::Leaf(_) => return Err(NOTHING_THERE),
        }
        Ok(())
    }
}

const NOTHING_THERE: &str = "there is nothing at `path`";

fn fits(path: &[String], node: &Node<'_>) -> Result<(), &'static str> {
    if path.len() + node.depth() > MAX_DEPTH {
        return Err("the document would nest too deep");
    }
    Ok(())
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
