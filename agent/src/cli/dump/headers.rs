//! What a line of a log says of a credential by its name: `token=…`, `"apiKey": "…"`, `Authorization: …`.

use std::ops::Range;

use config_merge::{KeyPath, REDACTED, redact_value};
use serde_json::Value;

/// Headers whose whole line is a credential.
const LINES: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// Schemes that a credential follows.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];

/// A shorter word behind a scheme is one.
const SHORTEST: usize = 6;

/// The line without them.
pub(super) fn blank(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut from = 0;
    for word in words(line) {
        if word.start < from {
            continue;
        }
        let name = &line[word.clone()];
        let Some(value) = set_to(line, name, word.end).or_else(|| follows(line, name, word.end))
        else {
            continue;
        };
        clean.push_str(&line[from..value.start]);
        clean.push_str(REDACTED);
        from = value.end;
    }
    clean.push_str(&line[from..]);
    clean
}

fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let bytes = line.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(is_name)?;
        let length = bytes[start..]
            .iter()
            .take_while(|byte| is_name(byte))
            .count();
        at = start + length;
        Some(start..at)
    })
}

/// The value that a name is set to, where the name says that it is a credential.
fn set_to(line: &str, name: &str, end: usize) -> Option<Range<usize>> {
    let quoted = line[end..]
        .strip_prefix(['"', '\''])
        .unwrap_or(&line[end..]);
    let rest = quoted.trim_start_matches(' ').strip_prefix(['=', ':'])?;
    let start = line.len() - rest.trim_start_matches([' ', '"', '\'']).len();
    if LINES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return (start < line.len()).then_some(start..line.len());
    }
    let value = start..start + word_length(&line[start..]);
    let path = KeyPath::from(vec![name.to_owned()]);
    let shown = redact_value(&path, &Value::String(line[value.clone()].to_owned()));
    (!value.is_empty() && shown == Value::String(REDACTED.to_owned())).then_some(value)
}

/// What follows the name of a scheme and is no word of prose.
fn follows(line: &str, name: &str, end: usize) -> Option<Range<usize>> {
    if !SCHEMES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return None;
    }
    let rest = line[end..]
        .strip_prefix(' ')?
        .trim_start_matches([' ', '"', '\'']);
    let start = line.len() - rest.len();
    let value = start..start + word_length(rest);
    let prose = line[value.clone()]
        .bytes()
        .all(|byte| byte.is_ascii_lowercase());
    (value.len() >= SHORTEST && !prose).then_some(value)
}

/// Up to a sign that no credential has. What is blanked already belongs to it.
fn word_length(text: &str) -> usize {
    let blanked = match text.starts_with(REDACTED) {
        true => REDACTED.len(),
        false => 0,
    };
    let stop = |c: char| c.is_whitespace() || "\"',;)}]&".contains(c);
    let rest = &text[blanked..];
    blanked + rest.find(stop).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_to_a_credential_goes() {
        for (line, expected) in [
            ("OPENAI_API_KEY=abc1 next", "OPENAI_API_KEY=[redacted] next"),
            (
                "{ apiKey: 'abc1', out: 'x' }",
                "{ apiKey: '[redacted]', out: 'x' }",
            ),
            (
                r#"x "botToken": "abc1", y"#,
                r#"x "botToken": "[redacted]", y"#,
            ),
            ("password = hunter2", "password = [redacted]"),
            ("Authorization: Digest a=b, c", "Authorization: [redacted]"),
            ("sent Bearer aB3xyz; done", "sent Bearer [redacted]; done"),
            ("basic dXNlcjpwYXNz", "basic [redacted]"),
            ("token=[redacted]x, y", "token=[redacted], y"),
            ("token=a token=b", "token=[redacted] token=[redacted]"),
        ] {
            assert_eq!(blank(line), expected);
        }
    }

    #[test]
    fn prose_stays() {
        for line in [
            "a bearer of news and basic settings",
            "port: 18789, mode=token",
            "the token is refused",
            "ü: ü=",
            "token=",
        ] {
            assert_eq!(blank(line), line);
        }
    }
}
