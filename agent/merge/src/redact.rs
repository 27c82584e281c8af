//! Takes credentials out of what people and logs see.

use serde_json::Value;

use crate::credential::{is_literal, is_reference, names_secret};
use crate::diff::Change;
use crate::path::KeyPath;
use crate::shape::{has_shape, shapes};

/// What stands where a credential stood.
pub const REDACTED: &str = "[redacted]";

/// The document without credentials. References and `${VAR}` stay visible.
#[must_use]
pub fn redact(document: &Value) -> Value {
    redact_value(&KeyPath::root(), document)
}

/// A value that stands at `path`, without credentials.
#[must_use]
pub fn redact_value(path: &KeyPath, value: &Value) -> Value {
    let mut path = path.clone();
    let named = (1..=path.segments().len()).any(|end| names_secret(&path.segments()[..end]));
    clean(&mut path, value, named)
}

/// A change without credentials.
#[must_use]
pub fn redact_change(change: &Change) -> Change {
    let clean = |value: &Option<Value>| value.as_ref().map(|v| redact_value(&change.path, v));
    Change {
        path: change.path.clone(),
        from: clean(&change.from),
        to: clean(&change.to),
    }
}

/// A text in which everything of a credential's shape is blanked.
#[must_use]
pub fn redact_text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    for found in shapes(text) {
        clean.push_str(&text[from..found.start]);
        clean.push_str(REDACTED);
        from = found.end;
    }
    clean.push_str(&text[from..]);
    clean
}

/// `named` says that a key on the way here holds credentials: nothing literal below it is shown.
fn clean(path: &mut KeyPath, value: &Value, named: bool) -> Value {
    match value {
        Value::String(text) if (named && is_literal(text)) || has_shape(text) => REDACTED.into(),
        Value::Number(_) if named => REDACTED.into(),
        Value::Array(items) => items.iter().map(|item| clean(path, item, named)).collect(),
        Value::Object(map) if !is_reference(value) => map
            .iter()
            .map(|(key, value)| {
                path.push(key);
                let below = names_secret(path.segments());
                let value = clean(path, value, named || below);
                path.pop();
                (redact_text(key), value)
            })
            .collect(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blanks_credentials_and_keeps_references() {
        let reference = json!({"source": "file", "provider": "pilotfish", "id": "/x"});
        let document = json!({
            "gateway": {"auth": {"mode": "token", "token": "abc", "password": reference}},
            "channels": {"telegram": {"botToken": "${BOT}"}},
            "list": [{"secret": ["a", {"b": "c"}]}],
            "url": "https://u:p@h/",
            "pin": {"password": 1234}
        });
        assert_eq!(
            redact(&document),
            json!({
                "gateway": {"auth": {"mode": "token", "token": REDACTED, "password": reference}},
                "channels": {"telegram": {"botToken": "${BOT}"}},
                "list": [{"secret": [REDACTED, {"b": REDACTED}]}],
                "url": REDACTED,
                "pin": {"password": REDACTED}
            })
        );
        let path = "gateway.auth.token".parse().unwrap();
        assert_eq!(redact_value(&path, &json!("abc")), json!(REDACTED));
    }

    #[test]
    fn blanks_shapes_in_text() {
        let text = format!("got sk-{0} and https://u:{0}@h/x", "a1".repeat(12));
        assert_eq!(
            redact_text(&text),
            "got [redacted] and https://[redacted]@h/x"
        );
        assert_eq!(redact_text("plain"), "plain");
    }
}
