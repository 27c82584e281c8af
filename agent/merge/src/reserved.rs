//! Keys that mean something to us or to the gateway's reader, and are no settings.

use serde_json::Value;

use crate::layer_name::LayerName;
use crate::operation::{Action, Operation};
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};

/// The root key in which a user layer states its revision; it is taken out before the merge.
const OURS: &str = "$pilotfish";
/// The key by which the gateway reads further files into the document, past every lock.
const INCLUDE: &str = "$include";
/// Keys that the gateway drops when it merges objects, since in JavaScript they reach an object's
/// prototype. `__proto__` is gone once the document is read, the others last until some merge.
const DROPPED: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Takes our own key out of a file, and says which revision it states.
pub(crate) fn take_revision(
    layer: LayerName,
    value: &mut Value,
    positions: &mut Positions,
) -> Result<Option<u64>, Problem> {
    let Some(map) = value.as_object_mut().filter(|map| map.contains_key(OURS)) else {
        return Ok(None);
    };
    let at = positions.member(0, map, OURS);
    let place = positions.at(at).place();
    positions.take_out(at);
    let stated = map.shift_remove(OURS).unwrap_or_default();
    let read = if layer == LayerName::User {
        read_revision(&stated)
    } else {
        Err("this key is reserved for the user layer")
    };
    read.map_err(|message| {
        let cure = "only { \"$pilotfish\": { revision: N } } may stand here, in a user layer";
        let path = KeyPath::root().child(OURS);
        Problem::new(ProblemKind::Reserved, message, cure)
            .at(place)
            .on(&path)
    })
}

fn read_revision(stated: &Value) -> Result<Option<u64>, &'static str> {
    let map = stated.as_object().ok_or("this must be an object")?;
    if map.keys().any(|key| key != "revision") {
        return Err("only `revision` may stand below this key");
    }
    match map.get("revision") {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(Some)
            .ok_or("`revision` must be a whole number, 0 or more"),
    }
}

/// Why a key may not stand in a layer, and what to do.
type Reason = (&'static str, &'static str);

fn reason(layer: LayerName, key: &str) -> Option<Reason> {
    if DROPPED.contains(&key) {
        return Some((
            "the gateway's own merge drops keys of this name, with all that is below them",
            "rename the key",
        ));
    }
    (key == INCLUDE && layer.is_bound()).then_some((
        "`$include` would let the gateway read settings past the locks",
        "write the settings into this layer itself",
    ))
}

/// Finds the keys of a file that may not stand in this layer.
pub(crate) fn check(
    layer: LayerName,
    value: &Value,
    positions: &Positions,
    problems: &mut Vec<Problem>,
) {
    let mut search = Search {
        layer,
        positions,
        problems,
        path: KeyPath::root(),
    };
    search.visit(value, 0);
}

/// Finds the keys of an operation that may not stand in this layer.
pub(crate) fn check_operation(
    layer: LayerName,
    operation: &Operation,
    positions: &Positions,
    problems: &mut Vec<Problem>,
) {
    let mut search = Search {
        layer,
        positions,
        problems,
        path: operation.path.clone(),
    };
    let keys = operation.path.segments();
    if let Some(reason) = keys.iter().find_map(|key| reason(layer, key)) {
        search.tell(operation.at, reason);
    } else if let Action::Add(value) | Action::Replace(value) = &operation.action {
        search.visit(value, operation.value_at);
    }
}

/// Whether a value at this path would bring a key that may not stand in this layer.
pub(crate) fn is_reserved(layer: LayerName, path: &KeyPath, value: Option<&Value>) -> bool {
    let mut keys = path.segments().iter();
    keys.any(|key| reason(layer, key).is_some()) || value.is_some_and(|value| holds(layer, value))
}

fn holds(layer: LayerName, value: &Value) -> bool {
    match value {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| reason(layer, key).is_some() || holds(layer, value)),
        Value::Array(items) => items.iter().any(|item| holds(layer, item)),
        _ => false,
    }
}

struct Search<'s> {
    layer: LayerName,
    positions: &'s Positions,
    problems: &'s mut Vec<Problem>,
    path: KeyPath,
}

impl Search<'_> {
    fn visit(&mut self, value: &Value, at: usize) {
        let mut child = at + 1;
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    child = self.enter(key, reason(self.layer, key), value, child);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    child = self.enter(&index.to_string(), None, item, child);
                }
            }
            _ => {}
        }
    }

    /// Looks at one child, and tells where the next one is.
    fn enter(&mut self, key: &str, reason: Option<Reason>, value: &Value, at: usize) -> usize {
        self.path.push(key);
        match reason {
            Some(reason) => self.tell(at, reason),
            None => self.visit(value, at),
        }
        self.path.pop();
        self.positions.after(at)
    }

    fn tell(&mut self, at: usize, (message, cure): Reason) {
        let place = self.positions.at(at).place();
        let problem = Problem::new(ProblemKind::Reserved, message, cure);
        self.problems.push(problem.at(place).on(&self.path));
    }
}
