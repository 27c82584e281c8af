use std::collections::BTreeSet;

/// Which of the watched paths may have changed; they are counted as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change(BTreeSet<usize>);

impl Change {
    /// Whether the path with this index may have changed.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        self.0.contains(&index)
    }

    /// The indices in order.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add(&mut self, index: usize) {
        self.0.insert(index);
    }
}
