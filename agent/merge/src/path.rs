//! Dotted key paths, and patterns of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What cannot be read from text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A layer name that is none of the five.
    #[error("`{name}` is no layer; the layers are base, plan, user, runtime and policy")]
    UnknownLayer {
        /// The text that was given.
        name: String,
    },
    /// A path that does not follow `a.b["c.d"].0`.
    #[error("`{path}` is no key path: {why}")]
    BadPath {
        /// The text that was given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Error {
    /// A stable word for the kind of error.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Error::UnknownLayer { .. } => "unknown_layer",
            Error::BadPath { .. } => "bad_path",
        }
    }
}

/// The path of one key: `a.b["c.d"].0`. Array elements are decimal segments; the root is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path of the whole document.
    #[must_use]
    pub fn root() -> Self {
        KeyPath::default()
    }

    /// Whether this is the path of the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The path of one key below this one.
    #[must_use]
    pub fn child(&self, key: &str) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(key.to_owned());
        KeyPath(segments)
    }

    /// Goes one key down, in place.
    pub fn push(&mut self, key: &str) {
        self.0.push(key.to_owned());
    }

    /// Goes one key up, in place.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// Whether `other` is this path or lies below it.
    #[must_use]
    pub fn covers(&self, other: &KeyPath) -> bool {
        other.0.starts_with(&self.0)
    }

    /// What a document says at this path.
    #[must_use]
    pub fn find<'v>(&self, document: &'v serde_json::Value) -> Option<&'v serde_json::Value> {
        self.0.iter().try_fold(document, |value, key| match value {
            serde_json::Value::Object(map) => map.get(key),
            serde_json::Value::Array(items) => items.get(index(key)?),
            _ => None,
        })
    }
}

/// Reads an array index as RFC 6901 writes it: decimal digits, no leading zero.
pub(crate) fn index(segment: &str) -> Option<usize> {
    let canonical = segment == "0" || !segment.starts_with('0');
    let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits {
        segment.parse().ok()
    } else {
        None
    }
}

impl From<Vec<String>> for KeyPath {
    fn from(segments: Vec<String>) -> Self {
        KeyPath(segments)
    }
}

impl From<KeyPath> for String {
    fn from(path: KeyPath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for KeyPath {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for KeyPath {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(KeyPath(
            split(text)?
                .into_iter()
                .map(|segment| segment.text)
                .collect(),
        ))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.0.iter().map(|segment| Some(segment.as_str())))
    }
}

/// A key path in which `*` stands for any one segment. A key that *is* a star is written `["*"]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pattern(Vec<Option<String>>);

impl Pattern {
    /// Whether this pattern names exactly this path.
    #[must_use]
    pub fn matches(&self, path: &KeyPath) -> bool {
        self.0.len() == path.0.len() && self.covers(path)
    }

    /// Whether this pattern names this path or something above it.
    #[must_use]
    pub fn covers(&self, path: &KeyPath) -> bool {
        self.0.len() <= path.0.len()
            && self
                .0
                .iter()
                .zip(&path.0)
                .all(|(want, have)| want.as_ref().is_none_or(|want| want == have))
    }

    /// The one path that this pattern names, when it has no `*`.
    #[must_use]
    pub fn exact(&self) -> Option<KeyPath> {
        self.0
            .iter()
            .cloned()
            .collect::<Option<Vec<_>>>()
            .map(KeyPath)
    }

    pub(crate) fn segments(&self) -> &[Option<String>] {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let star = |segment: Segment| {
            let any = segment.text == "*" && !segment.quoted;
            (!any).then_some(segment.text)
        };
        Ok(Pattern(split(text)?.into_iter().map(star).collect()))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl TryFrom<String> for Pattern {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_segments(f, self.0.iter().map(Option::as_deref))
    }
}

struct Segment {
    text: String,
    quoted: bool,
}

fn plain(segment: &str) -> bool {
    !segment.is_empty() && segment != "*" && !segment.chars().any(needs_quotes)
}

fn needs_quotes(c: char) -> bool {
    matches!(c, '.' | '[' | ']' | '"' | '\'') || c.is_whitespace() || c.is_control()
}

fn write_segments<'a>(
    f: &mut fmt::Formatter<'_>,
    segments: impl Iterator<Item = Option<&'a str>>,
) -> fmt::Result {
    for (at, segment) in segments.enumerate() {
        let dot = if at == 0 { "" } else { "." };
        match segment {
            None => write!(f, "{dot}*")?,
            Some(text) if plain(text) => write!(f, "{dot}{text}")?,
            Some(text) => write!(f, "[{}]", serde_json::Value::from(text))?,
        }
    }
    Ok(())
}

/// Cuts `a.b["c.d"].*` into its segments.
fn split(text: &str) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (segment, after) = if rest.starts_with('[') {
            quoted_segment(rest)
        } else {
            let body = if segments.is_empty() {
                Ok(rest)
            } else {
                rest.strip_prefix('.')
                    .ok_or("a dot or a bracket must stand between two keys")
            };
            body.and_then(plain_segment)
        }
        .map_err(|why| Error::BadPath {
            path: text.to_owned(),
            why,
        })?;
        segments.push(segment);
        rest = after;
    }
    Ok(segments)
}

fn plain_segment(rest: &str) -> Result<(Segment, &str), &'static str> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (text, after) = rest.split_at(end);
    if text.is_empty() {
        return Err("an empty key is written [\"\"]");
    }
    if text.chars().any(needs_quotes) {
        return Err("a key with dots, brackets, quotes or spaces is written [\"like this\"]");
    }
    let text = text.to_owned();
    Ok((
        Segment {
            text,
            quoted: false,
        },
        after,
    ))
}

fn quoted_segment(rest: &str) -> Result<(Segment, &str), &'static str> {
    let body = &rest[1..];
    let mut stream = serde_json::Deserializer::from_str(body).into_iter::<String>();
    let Some(Ok(text)) = stream.next() else {
        return Err("a bracket holds one key in double quotes");
    };
    let after = body[stream.byte_offset()..]
        .strip_prefix(']')
        .ok_or("the bracket is not closed after the quotes")?;
    Ok((Segment { text, quoted: true }, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_and_reads_odd_keys() {
        let path = KeyPath::from(vec![
            "a".to_owned(),
            "b.c".to_owned(),
            String::new(),
            "d \"e\"".to_owned(),
            "0".to_owned(),
        ]);
        let text = r#"a["b.c"][""]["d \"e\""].0"#;
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse::<KeyPath>(), Ok(path));
        assert_eq!("".parse::<KeyPath>(), Ok(KeyPath::root()));
    }

    #[test]
    fn refuses_broken_paths() {
        for text in [
            ".a", "a.", "a..b", "a b", "[a]", "[\"a\"", "[\"a\"]b", "a]", "[",
        ] {
            let error = text.parse::<KeyPath>().unwrap_err();
            assert_eq!(error.reason(), "bad_path", "{text}");
        }
    }

    #[test]
    fn patterns_match_and_cover() {
        let cases = [
            ("gateway.*", "gateway.port", true, true),
            ("gateway.*", "gateway", false, false),
            ("gateway.*", "gateway.auth.mode", false, true),
            ("a.*.c", "a.b.c", true, true),
            ("a.*.c", "a.b.d", false, false),
            ("a[\"*\"]", "a.b", false, false),
            ("a[\"*\"]", "a[\"*\"]", true, true),
            ("", "a", false, true),
        ];
        for (pattern, path, matches, covers) in cases {
            let pattern: Pattern = pattern.parse().unwrap();
            let path = path.parse().unwrap();
            assert_eq!(pattern.matches(&path), matches, "{pattern} {path}");
            assert_eq!(pattern.covers(&path), covers, "{pattern} {path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_reads_back(segments in prop::collection::vec(".{0,6}|[a-z.*\\[\"]{0,4}", 0..5)) {
            let path = KeyPath::from(segments);
            prop_assert_eq!(path.to_string().parse::<KeyPath>(), Ok(path.clone()));
            let pattern: Pattern = path.to_string().parse().unwrap();
            prop_assert!(pattern.matches(&path));
            prop_assert_eq!(pattern.exact(), Some(path));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,12}") {
            if let Ok(path) = text.parse::<KeyPath>() {
                prop_assert_eq!(path.to_string().parse::<KeyPath>(), Ok(path));
            }
        }
    }
}
