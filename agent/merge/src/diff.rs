//! What differs between two documents.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::path::KeyPath;

/// One leaf that differs. Arrays and empty objects count as leaves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where.
    pub path: KeyPath,
    /// What was there; none where the key is new.
    pub from: Option<Value>,
    /// What is there now; none where the key is gone.
    pub to: Option<Value>,
}

/// Every leaf that differs, in the order of the paths.
#[must_use]
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    changes_below(&KeyPath::root(), Some(from), Some(to))
}

pub(crate) fn changes_below(
    path: &KeyPath,
    from: Option<&Value>,
    to: Option<&Value>,
) -> Vec<Change> {
    let mut found = Vec::new();
    compare(&mut path.clone(), from, to, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// An RFC 6902 patch that turns `from` into `to`.
#[must_use]
pub fn diff(from: &Value, to: &Value) -> json_patch::Patch {
    json_patch::diff(from, to)
}

/// The map of a value that has keys below it.
fn branch(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value
        .and_then(Value::as_object)
        .filter(|map| !map.is_empty())
}

fn compare(path: &mut KeyPath, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Change>) {
    if from == to {
        return;
    }
    let (old, new) = (branch(from), branch(to));
    let leaf = |value: Option<&Value>, map: Option<_>| {
        if map.is_some() { None } else { value.cloned() }
    };
    let (from, to) = (leaf(from, old), leaf(to, new));
    let implied = |value: &Option<Value>, other: Option<&Map<_, _>>| {
        value
            .as_ref()
            .is_none_or(|v| v.is_object() && other.is_some())
    };
    if !(implied(&from, new) && implied(&to, old)) {
        let path = path.clone();
        found.push(Change { path, from, to });
    }
    for (key, value) in old.into_iter().flatten() {
        path.push(key);
        compare(path, Some(value), new.and_then(|map| map.get(key)), found);
        path.pop();
    }
    let fresh = new
        .into_iter()
        .flatten()
        .filter(|(key, _)| old.is_none_or(|map| !map.contains_key(*key)));
    for (key, value) in fresh {
        path.push(key);
        compare(path, None, Some(value), found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_leaves_in_order() {
        let from = json!({"b": {"x": 1, "y": [1]}, "a": 1, "c": {}, "d": {"e": 1}});
        let to = json!({"b": {"x": 2, "y": [1]}, "n": {"m": null}, "c": 3, "d": 5});
        let told: Vec<_> = changes(&from, &to)
            .into_iter()
            .map(|change| (change.path.to_string(), change.from, change.to))
            .collect();
        assert_eq!(
            told,
            [
                ("a".to_owned(), Some(json!(1)), None),
                ("b.x".to_owned(), Some(json!(1)), Some(json!(2))),
                ("c".to_owned(), Some(json!({})), Some(json!(3))),
                ("d".to_owned(), None, Some(json!(5))),
                ("d.e".to_owned(), Some(json!(1)), None),
                ("n.m".to_owned(), None, Some(json!(null))),
            ]
        );
        assert!(changes(&to, &to).is_empty());
        assert_eq!(changes(&json!({}), &json!({"a": {}})).len(), 1);
        assert_eq!(changes(&json!({"a": {}}), &json!({"a": {"b": 1}})).len(), 1);
    }
}
