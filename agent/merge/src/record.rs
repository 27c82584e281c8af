//! Writes a finished tree down: the document, and the flat record of who said what.

use serde_json::{Map, Value};

use crate::layer_name::LayerName;
use crate::provenance::Provenance;
use crate::tree::{Kind, Mark, Node};

/// What stood at an entry.
pub(crate) const GONE: u32 = 0;
pub(crate) const OBJECT: u32 = 1;
pub(crate) const ARRAY: u32 = 2;
/// From here on: a single value; in the hidden record, the number of its leaf.
pub(crate) const LEAF: u32 = 3;

/// One key. Its children follow it, up to `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) key_at: u32,
    pub(crate) key_len: u32,
    pub(crate) mark: Mark,
    pub(crate) end: u32,
    pub(crate) kind: u32,
    /// One more than the entry of what this hid in the hidden record; 0 where it hid nothing.
    pub(crate) under: u32,
}

/// Which of the two records an entry stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Live,
    Hidden,
}

/// Turns a finished tree into the document and its provenance.
pub(crate) fn write(root: &Node<'_>, files: Vec<(LayerName, String)>) -> (Value, Provenance) {
    let mut writer = Writer {
        provenance: Provenance {
            files: files.into(),
            ..Provenance::default()
        },
        pending: Vec::new(),
    };
    let document = writer.keep(Record::Live, "", root);
    // What is hidden comes after, so that the children of an entry always lie side by side.
    while let Some((record, at, node)) = writer.pending.pop() {
        let under = small(writer.provenance.hidden.len()) + 1;
        writer.entries(record)[at].under = under;
        writer.keep(Record::Hidden, "", node);
    }
    let mut provenance = writer.provenance;
    provenance.keys.shrink_to_fit();
    provenance.live.shrink_to_fit();
    provenance.hidden.shrink_to_fit();
    provenance.leaves.shrink_to_fit();
    (
        document.unwrap_or_else(|| Value::Object(Map::new())),
        provenance,
    )
}

struct Writer<'n, 'a> {
    provenance: Provenance,
    pending: Vec<(Record, usize, &'n Node<'a>)>,
}

impl<'n, 'a> Writer<'n, 'a> {
    fn entries(&mut self, record: Record) -> &mut Vec<Entry> {
        match record {
            Record::Live => &mut self.provenance.live,
            Record::Hidden => &mut self.provenance.hidden,
        }
    }

    /// Writes a node and its children down; gives back its value in the live record.
    fn keep(&mut self, record: Record, key: &str, node: &'n Node<'a>) -> Option<Value> {
        let at = self.entries(record).len();
        let key_at = small(self.provenance.keys.len());
        self.provenance.keys.push_str(key);
        self.entries(record).push(Entry {
            key_at,
            key_len: small(key.len()),
            mark: node.mark,
            end: 0,
            kind: GONE,
            under: 0,
        });
        let (kind, value) = self.keep_kind(record, &node.kind);
        let entries = self.entries(record);
        let end = small(entries.len());
        entries[at].kind = kind;
        entries[at].end = end;
        if let Some(under) = &node.under {
            self.pending.push((record, at, under));
        }
        value
    }

    fn keep_kind(&mut self, record: Record, kind: &'n Kind<'a>) -> (u32, Option<Value>) {
        let live = record == Record::Live;
        match kind {
            Kind::Gone => (GONE, None),
            Kind::Leaf(value) if live => (LEAF, Some((*value).clone())),
            Kind::Leaf(value) => {
                let leaves = &mut self.provenance.leaves;
                leaves.push((*value).clone());
                (LEAF + small(leaves.len() - 1), None)
            }
            Kind::Array(items) => {
                let mut values = Vec::with_capacity(if live { items.len() } else { 0 });
                values.extend(items.iter().filter_map(|item| self.keep(record, "", item)));
                (ARRAY, live.then_some(Value::Array(values)))
            }
            Kind::Object(map) => {
                let mut values = Map::with_capacity(if live { map.len() } else { 0 });
                for (key, node) in map.iter() {
                    if let Some(value) = self.keep(record, key, node) {
                        values.insert((*key).to_owned(), value);
                    }
                }
                (OBJECT, live.then_some(Value::Object(values)))
            }
        }
    }
}

/// The documents we merge are far below 4 GiB: the layers' limits see to that.
fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
