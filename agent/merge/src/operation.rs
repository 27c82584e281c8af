//! RFC 6902 operations, read with their places.

use serde_json::{Map, Value};

use crate::credential;
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};

/// The most RFC 6902 operations one layer may have: each may cost as much as the document is long.
pub const MAX_OPERATIONS: usize = 1_000;

/// What an operation does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Add(Value),
    Remove,
    Replace(Value),
    Move(KeyPath),
    Copy(KeyPath),
    Test(Value),
}

/// One operation and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub(crate) path: KeyPath,
    pub(crate) action: Action,
    /// The spot of the operation.
    pub(crate) at: usize,
    /// The spot of its value, when it has one.
    pub(crate) value_at: usize,
}

impl Operation {
    pub(crate) fn check_credentials(&self, positions: &Positions, problems: &mut Vec<Problem>) {
        if let Action::Add(value) | Action::Replace(value) | Action::Test(value) = &self.action {
            credential::check_below(&self.path, value, positions, self.value_at, problems);
        }
    }
}

/// Reads the operations of a file; what is wrong with them comes along.
pub(crate) fn read(value: Value, positions: &Positions) -> (Vec<Operation>, Vec<Problem>) {
    let Value::Array(items) = value else {
        let problem = refuse("the root must be an array of operations");
        return (Vec::new(), vec![problem.at(positions.at(0).place())]);
    };
    if items.len() > MAX_OPERATIONS {
        let problem = too_many(items.len()).at(positions.at(0).place());
        return (Vec::new(), vec![problem]);
    }
    let mut operations = Vec::with_capacity(items.len());
    let mut problems = Vec::new();
    let mut at = 1;
    for (index, item) in items.into_iter().enumerate() {
        match read_one(item, at, positions) {
            Ok(operation) => operations.push(operation),
            Err(why) => {
                let path = KeyPath::root().child(&index.to_string());
                problems.push(refuse(why).at(positions.at(at).place()).on(&path));
            }
        }
        at = positions.after(at);
    }
    (operations, problems)
}

/// The problem of a layer with more operations than the limit.
pub(crate) fn too_many(count: usize) -> Problem {
    let message = format!("{count} operations, the limit is {MAX_OPERATIONS} for a layer");
    let cure = "say the same as a merge patch, or with fewer operations";
    Problem::new(ProblemKind::TooLarge, message, cure)
}

fn refuse(why: &str) -> Problem {
    let cure = "write operations as RFC 6902 has them: { \"op\": \"replace\", \"path\": \"/a/b\", \"value\": 1 }";
    Problem::new(ProblemKind::Patch, why, cure)
}

fn read_one(item: Value, at: usize, positions: &Positions) -> Result<Operation, &'static str> {
    let Value::Object(mut map) = item else {
        return Err("an operation must be an object");
    };
    let value_at = positions.member(at, &map, "value");
    let path = pointer(&map, "path")?;
    let op = map
        .get("op")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let mut value = || {
        map.shift_remove("value")
            .ok_or("the operation lacks `value`")
    };
    let action = match op.as_str() {
        "add" => Action::Add(value()?),
        "replace" => Action::Replace(value()?),
        "test" => Action::Test(value()?),
        "remove" => Action::Remove,
        "move" => Action::Move(pointer(&map, "from")?),
        "copy" => Action::Copy(pointer(&map, "from")?),
        _ => return Err("`op` must be add, remove, replace, move, copy or test"),
    };
    Ok(Operation {
        path,
        action,
        at,
        value_at,
    })
}

/// Reads a JSON pointer (RFC 6901).
fn pointer(map: &Map<String, Value>, key: &str) -> Result<KeyPath, &'static str> {
    let from = key == "from";
    let missing = if from {
        "the operation lacks `from`"
    } else {
        "the operation lacks `path`"
    };
    let text = map.get(key).and_then(Value::as_str).ok_or(missing)?;
    if text.is_empty() {
        return Ok(KeyPath::root());
    }
    let body = text
        .strip_prefix('/')
        .ok_or("a JSON pointer is empty or begins with `/`")?;
    let segments: Result<Vec<String>, _> = body.split('/').map(unescape).collect();
    segments.map(KeyPath::from)
}

fn unescape(segment: &str) -> Result<String, &'static str> {
    let mut text = String::with_capacity(segment.len());
    let mut chars = segment.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '~' { chars.next() } else { None }) {
            ('~', Some('0')) => text.push('~'),
            ('~', Some('1')) => text.push('/'),
            ('~', _) => return Err("in a JSON pointer `~` must be `~0` or `~1`"),
            _ => text.push(c),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_every_operation_or_says_why_not() {
        let value = json!([
            {"op": "add", "path": "/a~1b/~0/0", "value": null},
            {"op": "move", "from": "/x", "path": ""},
            {"op": "add", "path": "/a"},
            {"op": "remove", "path": "a"},
            {"op": "nope", "path": "/a"},
            {"op": "copy", "path": "/a"},
            {"op": "remove", "path": "/~2"},
            7
        ]);
        let positions = Positions::unknown(&value);
        let (operations, problems) = read(value, &positions);
        assert_eq!(operations.len(), 2);
        assert_eq!(operations[0].path.segments(), ["a/b", "~", "0"]);
        assert_eq!(problems.len(), 6);
        assert!(
            problems
                .iter()
                .all(|problem| problem.kind == ProblemKind::Patch)
        );
    }

    #[test]
    fn refuses_too_many_operations() {
        let value = json!(vec![
            json!({"op": "remove", "path": "/a"});
            MAX_OPERATIONS + 1
        ]);
        let positions = Positions::unknown(&value);
        assert_eq!(read(value, &positions).1[0].kind, ProblemKind::TooLarge);
    }
}
