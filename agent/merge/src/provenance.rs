//! Who set every key, and what that hid: a flat, compact record of the finished tree.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::layer_name::LayerName;
use crate::path::{KeyPath, index};
use crate::record::{ARRAY, Entry, GONE, LEAF, OBJECT, Record};
use crate::tree::Mark;

/// Where a key was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The layer.
    pub layer: LayerName,
    /// The file of the layer.
    pub file: String,
    /// The line, from 1; 0 when not known.
    pub line: u32,
    /// The column in characters, from 1; 0 when not known.
    pub column: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

/// Who has the last word on a key, and what the layers below it said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Who set the key, or deleted it.
    pub origin: Origin,
    /// What was said before, the nearest first; none where a layer deleted the key.
    pub hidden: Vec<(Origin, Option<Value>)>,
}

/// The origin of every key of a merged document.
#[derive(Clone, Default)]
pub struct Provenance {
    pub(crate) files: Box<[(LayerName, String)]>,
    pub(crate) keys: String,
    pub(crate) live: Vec<Entry>,
    pub(crate) hidden: Vec<Entry>,
    pub(crate) leaves: Vec<Value>,
}

impl fmt::Debug for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provenance({} keys)", self.live.len())
    }
}

impl Provenance {
    /// Where the key at this path was set; none when the document has no such key.
    #[must_use]
    pub fn origin(&self, path: &KeyPath) -> Option<Origin> {
        let mut at = 0;
        for key in path.segments() {
            at = self.child(Record::Live, at, key)?;
        }
        let entry = self.live.get(at)?;
        (entry.kind != GONE)
            .then(|| self.name(entry.mark))
            .flatten()
    }

    /// Who has the last word on this path, even when that word was to delete it.
    #[must_use]
    pub fn explain(&self, path: &KeyPath) -> Option<Explanation> {
        let mut said = Vec::new();
        if !self.live.is_empty() {
            self.said(Record::Live, 0, path.segments(), &mut said);
        }
        while said.pop_if(|statement| statement.empty()).is_some() {}
        // Of what one file says step by step, only its last word counts.
        said.dedup_by_key(|statement| statement.mark.file);
        let mut statements = said.into_iter().filter_map(|statement| {
            let origin = self.name(statement.mark)?;
            Some((origin, statement.value))
        });
        let (origin, _) = statements.next()?;
        let hidden = statements.collect();
        Some(Explanation { origin, hidden })
    }

    /// Every key of the document with its origin, in the document's order.
    pub fn entries(&self) -> impl Iterator<Item = (KeyPath, Origin)> {
        Entries {
            provenance: self,
            at: 1,
            above: vec![(0, 0)],
            path: KeyPath::root(),
        }
    }

    fn name(&self, mark: Mark) -> Option<Origin> {
        let (layer, file) = self.files.get(mark.file as usize)?;
        Some(Origin {
            layer: *layer,
            file: file.clone(),
            line: mark.line,
            column: mark.column,
        })
    }

    fn entries_of(&self, record: Record) -> &[Entry] {
        match record {
            Record::Live => &self.live,
            Record::Hidden => &self.hidden,
        }
    }

    fn key(&self, entry: &Entry) -> &str {
        let start = entry.key_at as usize;
        &self.keys[start..start + entry.key_len as usize]
    }

    /// The entries directly below one entry.
    fn children(&self, record: Record, at: usize) -> impl Iterator<Item = usize> {
        let entries = self.entries_of(record);
        let end = entries[at].end as usize;
        let first = (at + 1 < end).then_some(at + 1);
        std::iter::successors(first, move |child| {
            let next = entries[*child].end as usize;
            (next < end).then_some(next)
        })
    }

    fn child(&self, record: Record, at: usize, key: &str) -> Option<usize> {
        let entries = self.entries_of(record);
        match entries.get(at)?.kind {
            ARRAY => self.children(record, at).nth(index(key)?),
            _ => self
                .children(record, at)
                .find(|child| self.key(&entries[*child]) == key),
        }
    }

    /// Collects all that was ever said about a path below an entry, the latest first.
    fn said(&self, record: Record, at: usize, path: &[String], said: &mut Vec<Statement>) {
        let entry = self.entries_of(record)[at];
        match path.split_first() {
            None => said.push(Statement {
                mark: entry.mark,
                live: record == Record::Live && entry.kind != GONE,
                value: if record == Record::Hidden {
                    self.value(at)
                } else {
                    None
                },
            }),
            Some((key, rest)) => match self.child(record, at, key) {
                Some(child) => self.said(record, child, rest, said),
                None if entry.kind != OBJECT => said.push(Statement {
                    mark: entry.mark,
                    live: false,
                    value: None,
                }),
                None => {}
            },
        }
        if entry.under > 0 {
            self.said(Record::Hidden, entry.under as usize - 1, path, said);
        }
    }

    /// The value of a hidden entry, put together again.
    fn value(&self, at: usize) -> Option<Value> {
        let children = || self.children(Record::Hidden, at);
        match self.hidden[at].kind {
            GONE => None,
            OBJECT => {
                let members = children().filter_map(|child| {
                    let key = self.key(&self.hidden[child]).to_owned();
                    Some((key, self.value(child)?))
                });
                Some(Value::Object(members.collect()))
            }
            ARRAY => Some(children().filter_map(|child| self.value(child)).collect()),
            leaf => self.leaves.get((leaf - LEAF) as usize).cloned(),
        }
    }
}

/// One thing that was said about a path.
struct Statement {
    mark: Mark,
    live: bool,
    value: Option<Value>,
}

impl Statement {
    fn empty(&self) -> bool {
        !self.live && self.value.is_none()
    }
}

/// Walks the live record in its order, with the path of where it is.
struct Entries<'p> {
    provenance: &'p Provenance,
    at: usize,
    /// The entries above, each with the number of children already seen.
    above: Vec<(usize, usize)>,
    path: KeyPath,
}

impl Iterator for Entries<'_> {
    type Item = (KeyPath, Origin);

    fn next(&mut self) -> Option<Self::Item> {
        let live = &self.provenance.live;
        loop {
            let entry = live.get(self.at)?;
            while self
                .above
                .last()
                .is_some_and(|(parent, _)| live[*parent].end as usize <= self.at)
            {
                self.above.pop();
                self.path.pop();
            }
            let (parent, seen) = self.above.last_mut()?;
            let number = *seen;
            *seen += 1;
            if entry.kind == GONE {
                self.at = entry.end as usize;
                continue;
            }
            if live[*parent].kind == ARRAY {
                self.path.push(&number.to_string());
            } else {
                self.path.push(self.provenance.key(entry));
            }
            let found = (self.path.clone(), self.provenance.name(entry.mark)?);
            self.above.push((self.at, 0));
            self.at += 1;
            return Some(found);
        }
    }
}
