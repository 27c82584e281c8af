//! The runtime layer in shared mode: what the gateway wrote itself, taken over by a three-way merge.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::credential;
use crate::diff::{Change, changes, changes_below};
use crate::layer_name::LayerName;
use crate::path::{KeyPath, Pattern};
use crate::position::Positions;
use crate::reserved::is_reserved;

/// What became of the gateway's own edits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adoption {
    /// The runtime layer with the adopted edits in it.
    pub runtime: Value,
    /// The edits that were taken over.
    pub adopted: Vec<Change>,
    /// The edits outside the allow-list; they are drift.
    pub foreign: Vec<Change>,
    /// Adopted edits of paths on which the runtime layer already said something else.
    pub conflicts: Vec<Conflict>,
}

/// A path that both sides changed since the document was written. The gateway's value was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// Where.
    pub path: KeyPath,
    /// What the runtime layer said; null says deleted.
    pub ours: Value,
    /// What was found; none where the gateway deleted the key.
    pub found: Option<Value>,
}

/// Takes the gateway's edits over: what differs between the document that we wrote and the one that
/// was found. Edits of allowed paths go into the runtime layer, deletions as null, so that a removed
/// key stays removed.
#[must_use]
pub fn adopt(written: &Value, found: &Value, allow: &[Pattern], runtime: &Value) -> Adoption {
    let start = if runtime.is_object() {
        runtime.clone()
    } else {
        Value::Object(Map::new())
    };
    let mut adopter = Adopter {
        allow,
        before: runtime,
        adoption: Adoption {
            runtime: start,
            adopted: Vec::new(),
            foreign: Vec::new(),
            conflicts: Vec::new(),
        },
    };
    adopter.visit(&mut KeyPath::root(), Some(written), Some(found));
    let mut adoption = adopter.adoption;
    adoption.adopted.sort_by(|a, b| a.path.cmp(&b.path));
    adoption.foreign.sort_by(|a, b| a.path.cmp(&b.path));
    adoption
}

struct Adopter<'a> {
    allow: &'a [Pattern],
    before: &'a Value,
    adoption: Adoption,
}

impl Adopter<'_> {
    fn visit(&mut self, path: &mut KeyPath, written: Option<&Value>, found: Option<&Value>) {
        if written == found {
            return;
        }
        let allowed = self.allow.iter().any(|pattern| pattern.covers(path));
        let (old, new) = (
            written.and_then(Value::as_object),
            found.and_then(Value::as_object),
        );
        // One side has keys and the other has nothing: what is allowed may lie further down.
        let one_sided = match (old, new) {
            (Some(keys), None) => found.is_none() && !keys.is_empty(),
            (None, Some(keys)) => written.is_none() && !keys.is_empty(),
            _ => false,
        };
        let both = old.is_some() && new.is_some();
        let further = both || (one_sided && !allowed);
        if !further {
            self.take(path, allowed, written, found);
            return;
        }
        for (key, value) in old.into_iter().flatten() {
            path.push(key);
            self.visit(path, Some(value), new.and_then(|map| map.get(key)));
            path.pop();
        }
        let fresh = new
            .into_iter()
            .flatten()
            .filter(|(key, _)| old.is_none_or(|map| !map.contains_key(*key)));
        for (key, value) in fresh {
            path.push(key);
            self.visit(path, None, Some(value));
            path.pop();
        }
    }

    fn take(
        &mut self,
        path: &KeyPath,
        allowed: bool,
        written: Option<&Value>,
        found: Option<&Value>,
    ) {
        let edits = changes_below(path, written, found);
        if !allowed || path.is_root() || is_refused(path, found) {
            self.adoption.foreign.extend(edits);
            return;
        }
        let ours = path.find(self.before).filter(|ours| {
            let ours_says = if ours.is_null() { None } else { Some(*ours) };
            ours_says != written && ours_says != found && !ours.is_object()
        });
        if let Some(ours) = ours {
            self.adoption.conflicts.push(Conflict {
                path: path.clone(),
                ours: ours.clone(),
                found: found.cloned(),
            });
        }
        put(
            &mut self.adoption.runtime,
            path.segments(),
            found.cloned().unwrap_or(Value::Null),
        );
        self.adoption.adopted.extend(edits);
    }
}

/// Whether a runtime layer that says this would be refused.
fn is_refused(path: &KeyPath, found: Option<&Value>) -> bool {
    let mut problems = Vec::new();
    if let Some(value) = found {
        credential::check_below(path, value, &Positions::unknown(value), 0, &mut problems);
    }
    !problems.is_empty() || is_reserved(LayerName::Runtime, path, found)
}

/// Sets one path of a merge patch.
fn put(patch: &mut Value, path: &[String], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *patch = value;
        return;
    };
    if !patch.is_object() {
        *patch = Value::Object(Map::new());
    }
    if let Value::Object(map) = patch {
        put(map.entry(key.as_str()).or_insert(Value::Null), rest, value);
    }
}

/// Takes out of the runtime layer whatever the user edited later: the paths that were taken out.
///
/// `user_before` and `user_after` are the user's side of the document, before and after the edit.
#[must_use]
pub fn yield_to_user(runtime: &mut Value, user_before: &Value, user_after: &Value) -> Vec<KeyPath> {
    let mut taken = Vec::new();
    for change in changes(user_before, user_after) {
        take_out(
            runtime,
            change.path.segments(),
            &mut KeyPath::root(),
            &mut taken,
        );
    }
    taken.sort();
    taken.dedup();
    taken
}

/// Takes the statement about a path out; says whether nothing is left here.
fn take_out(
    patch: &mut Value,
    path: &[String],
    at: &mut KeyPath,
    taken: &mut Vec<KeyPath>,
) -> bool {
    let (Some((key, rest)), Value::Object(map)) = (path.split_first(), &mut *patch) else {
        let empty = patch.as_object().is_some_and(Map::is_empty);
        if !(empty && at.is_root()) {
            taken.push(at.clone());
        }
        return true;
    };
    if let Some(below) = map.get_mut(key) {
        at.push(key);
        if take_out(below, rest, at, taken) {
            map.shift_remove(key);
        }
        at.pop();
        return map.is_empty();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn allow(paths: &[&str]) -> Vec<Pattern> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }

    #[test]
    fn adopts_allowed_edits_and_names_the_rest() {
        let written = json!({"plugins": {"entries": {"a": {"enabled": true}, "b": {}}}, "gateway": {"port": 1}});
        let found = json!({"plugins": {"entries": {"a": {"enabled": false}, "c": {"x": [1]}}}, "gateway": {"port": 2}, "meta": {"v": 1}});
        let adoption = adopt(
            &written,
            &found,
            &allow(&["plugins.entries", "meta"]),
            &json!({}),
        );
        assert_eq!(
            adoption.runtime,
            json!({"plugins": {"entries": {"a": {"enabled": false}, "b": null, "c": {"x": [1]}}}, "meta": {"v": 1}})
        );
        assert_eq!(adoption.foreign.len(), 1);
        assert_eq!(adoption.foreign[0].path.to_string(), "gateway.port");
        assert_eq!(adoption.adopted.len(), 4);
        assert!(adoption.conflicts.is_empty());
    }

    #[test]
    fn adopts_below_a_parent_that_is_not_allowed() {
        let adoption = adopt(
            &json!({}),
            &json!({"plugins": {"entries": {"a": 1}, "x": 1}}),
            &allow(&["plugins.entries.*"]),
            &json!(null),
        );
        assert_eq!(adoption.runtime, json!({"plugins": {"entries": {"a": 1}}}));
        assert_eq!(adoption.foreign.len(), 1);
    }

    #[test]
    fn adopts_nothing_that_a_layer_would_be_refused_for() {
        let found = json!({"meta": {
            "constructor": 1,
            "$include": "./x",
            "a": {"prototype": 1},
            "token": "literal",
            "b": 1
        }});
        let adoption = adopt(&json!({"meta": {}}), &found, &allow(&["meta"]), &json!({}));
        assert_eq!(adoption.runtime, json!({"meta": {"b": 1}}));
        assert_eq!(adoption.foreign.len(), 4);
        let gone = adopt(
            &found,
            &json!({"meta": {"b": 1}}),
            &allow(&["meta"]),
            &json!({}),
        );
        assert_eq!(gone.runtime, json!({"meta": {"a": null, "token": null}}));
    }

    #[test]
    fn names_conflicts() {
        let runtime = json!({"meta": {"v": 2}});
        let adoption = adopt(
            &json!({"meta": {"v": 1}}),
            &json!({"meta": {"v": 3}}),
            &allow(&["meta"]),
            &runtime,
        );
        assert_eq!(adoption.conflicts.len(), 1);
        assert_eq!(adoption.conflicts[0].ours, json!(2));
        assert_eq!(adoption.runtime, json!({"meta": {"v": 3}}));
    }

    #[test]
    fn a_later_user_edit_takes_the_path_out() {
        let mut runtime =
            json!({"a": {"b": 1, "c": null}, "d": null, "e": {"f": {"g": 1}}, "z": 1});
        let taken = yield_to_user(
            &mut runtime,
            &json!({"q": 1}),
            &json!({"q": 1, "a": {"b": 5}, "d": {"x": 1}, "e": {"f": 2}}),
        );
        let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
        assert_eq!(taken, ["a.b", "d", "e.f"]);
        assert_eq!(runtime, json!({"a": {"c": null}, "z": 1}));
        assert!(yield_to_user(&mut runtime, &json!({}), &json!({})).is_empty());
    }
}
