//! Takes credentials out of what people and logs see.

use serde_json::Value;

use crate::credential::{
    is_argument, is_literal, is_member, is_reference, names_list, names_secret,
};
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
    match value {
        Value::String(text) if names_list(path.segments()) && is_member(text) => REDACTED.into(),
        _ => clean(&mut path, value, named),
    }
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
        Value::Array(items) => clean_items(path, items, named),
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

fn clean_items(path: &mut KeyPath, items: &[Value], named: bool) -> Value {
    let listed = names_list(path.segments());
    let item = |(at, item): (usize, &Value)| match item {
        Value::String(text) if (listed || is_argument(items, at)) && is_member(text) => {
            REDACTED.into()
        }
        item => clean(path, item, named),
    };
    items.iter().enumerate().map(item).collect()
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
            "args": ["--api-key", "abcdef", "--out", "abcdef"],
            "tokens": ["abcdef", "${A}"],
            "apiKey": "${A}literal-sk",
            "pin": {"password": 1234}
        });
        assert_eq!(
            redact(&document),
            json!({
                "gateway": {"auth": {"mode": "token", "token": REDACTED, "password": reference}},
                "channels": {"telegram": {"botToken": "${BOT}"}},
                "list": [{"secret": [REDACTED, {"b": REDACTED}]}],
                "url": REDACTED,
                "args": ["--api-key", REDACTED, "--out", "abcdef"],
                "tokens": [REDACTED, "${A}"],
                "apiKey": REDACTED,
                "pin": {"password": REDACTED}
            })
        );
        let path = "gateway.auth.token".parse().unwrap();
        assert_eq!(redact_value(&path, &json!("abc")), json!(REDACTED));
        let item = "tokens.0".parse().unwrap();
        assert_eq!(redact_value(&item, &json!("abcdef")), json!(REDACTED));
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
