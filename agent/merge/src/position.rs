//! Where the values of a file stand: one spot for each, in the order of the text.

use serde_json::Value;

/// The place of one value, and where its subtree ends among the spots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// The index of the first spot after this value's subtree.
    pub(crate) end: u32,
}

impl Spot {
    pub(crate) fn place(self) -> (u32, u32) {
        (self.line, self.column)
    }
}

/// The spots of all values of a file in pre-order; the root is spot 0, its first child spot 1.
/// The spot of an object's member is the place of its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Positions(pub(crate) Vec<Spot>);

impl Positions {
    /// The shape of a value that was not read from text: every place is unknown.
    pub(crate) fn unknown(value: &Value) -> Self {
        let mut positions = Positions::default();
        positions.walk(value);
        positions
    }

    fn walk(&mut self, value: &Value) {
        let at = self.open((0, 0));
        match value {
            Value::Object(map) => map.values().for_each(|value| self.walk(value)),
            Value::Array(items) => items.iter().for_each(|value| self.walk(value)),
            _ => {}
        }
        self.close(at);
    }

    pub(crate) fn open(&mut self, (line, column): (u32, u32)) -> usize {
        let end = 0;
        self.0.push(Spot { line, column, end });
        self.0.len() - 1
    }

    pub(crate) fn close(&mut self, at: usize) {
        self.0[at].end = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
    }

    pub(crate) fn at(&self, at: usize) -> Spot {
        self.0[at]
    }

    /// The spot after the subtree of this one.
    pub(crate) fn after(&self, at: usize) -> usize {
        self.0[at].end as usize
    }

    /// The spot of a member of the object at `at`.
    pub(crate) fn member(
        &self,
        at: usize,
        map: &serde_json::Map<String, Value>,
        key: &str,
    ) -> usize {
        let mut child = at + 1;
        for name in map.keys() {
            if name == key {
                return child;
            }
            child = self.after(child);
        }
        at
    }

    /// Takes out the subtree of one spot, as when its key is taken out of the value.
    pub(crate) fn take_out(&mut self, at: usize) {
        let end = self.after(at);
        let gone = u32::try_from(end - at).unwrap_or(0);
        self.0.drain(at..end);
        for spot in &mut self.0 {
            if spot.end as usize > at {
                spot.end -= gone;
            }
        }
    }
}
