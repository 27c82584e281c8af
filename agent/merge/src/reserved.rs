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

/// Finds `$include` in a file of a bound layer.
pub(crate) fn check_includes(value: &Value, positions: &Positions, problems: &mut Vec<Problem>) {
    find_includes(value, 0, positions, &mut KeyPath::root(), problems);
}

/// Finds `$include` in an operation of a bound layer.
pub(crate) fn check_operation(
    operation: &Operation,
    positions: &Positions,
    problems: &mut Vec<Problem>,
) {
    let mut path = operation.path.clone();
    if path.segments().iter().any(|key| key == INCLUDE) {
        problems.push(include(operation.at, positions, &path));
    } else if let Action::Add(value) | Action::Replace(value) = &operation.action {
        find_includes(value, operation.value_at, positions, &mut path, problems);
    }
}

/// Whether a value holds `$include` anywhere.
pub(crate) fn holds_include(value: &Value) -> bool {
    match value {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key == INCLUDE || holds_include(value)),
        Value::Array(items) => items.iter().any(holds_include),
        _ => false,
    }
}

fn find_includes(
    value: &Value,
    at: usize,
    positions: &Positions,
    path: &mut KeyPath,
    problems: &mut Vec<Problem>,
) {
    let mut child = at + 1;
    let mut visit = |key: &str, value: &Value, named: bool| {
        path.push(key);
        if named && key == INCLUDE {
            problems.push(include(child, positions, path));
        } else {
            find_includes(value, child, positions, path, problems);
        }
        path.pop();
        child = positions.after(child);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| visit(key, value, true)),
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(index, item)| visit(&index.to_string(), item, false));
        }
        _ => {}
    }
}

fn include(at: usize, positions: &Positions, path: &KeyPath) -> Problem {
    let message = "`$include` would let the gateway read settings past the locks";
    let cure = "write the settings into this layer itself";
    let problem = Problem::new(ProblemKind::Reserved, message, cure);
    problem.at(positions.at(at).place()).on(path)
}
