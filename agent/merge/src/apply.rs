//! RFC 6902 operations on the working tree.

use crate::guard::{MAX_DEPTH, MAX_LAYER_BYTES};
use crate::operation::{Action, Operation};
use crate::path::{KeyPath, index};
use crate::tree::{Kind, Mark, Node, Step};

const NOTHING_THERE: &str = "there is nothing at `path`";

impl<'a> Node<'a> {
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

fn fits(path: &[String], node: &Node<'_>) -> Result<(), &'static str> {
    if path.len() + node.depth() > MAX_DEPTH {
        return Err("the document would nest too deep");
    }
    Ok(())
}
