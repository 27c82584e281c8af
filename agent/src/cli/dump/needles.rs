//! Known secrets, searched for in every form in which they may have been written down.

use std::collections::HashMap;

use config_merge::REDACTED;
use serde_json::Value;
use zeroize::Zeroizing;

/// A shorter value is no secret: it would blank half of the text.
pub(super) const SHORTEST: usize = 4;

/// A shorter line of a secret of many lines, or text in one of JSON, may be an ordinary word.
const SHORTEST_PART: usize = 8;

/// How many bytes of a needle are looked up at once.
const HEAD: usize = 4;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What is searched for.
pub(super) struct Needles {
    /// By their first bytes, the longest first.
    by_head: HashMap<[u8; HEAD], Vec<Zeroizing<Vec<u8>>>>,
}

impl Needles {
    /// All forms of these values.
    pub(super) fn of(values: &[Zeroizing<String>]) -> Self {
        let mut by_head: HashMap<[u8; HEAD], Vec<Zeroizing<Vec<u8>>>> = HashMap::new();
        let parts = values.iter().flat_map(|value| parts(value));
        for form in parts.flat_map(|part| forms(&part)) {
            if let Some(head) = form.first_chunk::<HEAD>().copied() {
                by_head.entry(head).or_default().push(form);
            }
        }
        for needles in by_head.values_mut() {
            needles.sort_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
            needles.dedup();
        }
        Self { by_head }
    }

    /// The text without them.
    pub(super) fn blank(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut clean = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            match self.at(&bytes[at..]) {
                Some(length) => {
                    clean.extend_from_slice(REDACTED.as_bytes());
                    at += length;
                }
                None => {
                    clean.push(bytes[at]);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// The length of the longest needle that the text begins with.
    fn at(&self, text: &[u8]) -> Option<usize> {
        let needles = self.by_head.get(text.first_chunk::<HEAD>()?)?;
        let found = needles.iter().find(|needle| text.starts_with(needle));
        found.map(|needle| needle.len())
    }
}

/// A value, the lines of one with many, and the texts in one of JSON.
fn parts(value: &str) -> Vec<Zeroizing<String>> {
    let whole = value.trim();
    let mut parts = vec![Zeroizing::new(whole.to_owned())];
    if whole.contains('\n') {
        parts.extend(long(whole.lines().map(str::trim)));
    }
    if let Ok(inside @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(whole) {
        texts(&inside, &mut parts);
    }
    parts.retain(|part| part.len() >= SHORTEST);
    parts
}

fn long<'t>(texts: impl Iterator<Item = &'t str>) -> impl Iterator<Item = Zeroizing<String>> {
    let long = texts.filter(|text| text.len() >= SHORTEST_PART);
    long.map(|text| Zeroizing::new(text.to_owned()))
}

fn texts(value: &Value, parts: &mut Vec<Zeroizing<String>>) {
    match value {
        Value::String(text) => {
            let lines = text.lines().map(str::trim);
            parts.extend(long(std::iter::once(text.trim()).chain(lines)));
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, parts)),
        Value::Object(map) => map.values().for_each(|item| texts(item, parts)),
        _ => {}
    }
}

/// As it is, escaped for JSON and for URLs, in hexadecimal, and as what base64 makes of it at any place.
fn forms(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = text.as_bytes();
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.trim_matches('"').as_bytes().to_vec();
    let hex = |digit: fn(u8) -> String| bytes.iter().map(|byte| digit(*byte)).collect::<String>();
    let lower = hex(|byte| format!("{byte:02x}"));
    let upper = hex(|byte| format!("{byte:02X}"));
    let url = hex(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    let texts = [lower, upper, url].map(String::into_bytes);
    let encoded = [STANDARD, FOR_URLS]
        .into_iter()
        .flat_map(|alphabet| (0..3).map(move |before| base64(bytes, before, alphabet)));
    let all = [bytes.to_vec(), json]
        .into_iter()
        .chain(texts)
        .chain(encoded);
    all.map(Zeroizing::new).collect()
}

/// The characters of base64 that these bytes alone decide, where so many others stand before them.
fn base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = bytes.len() * 8;
    // The first character that begins within the bytes, counted in bits from their start.
    let first = (6 - before * 8 % 6) % 6;
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let character = |from: usize| alphabet[(from..from + 6).fold(0, |sum, at| sum << 1 | bit(at))];
    (first..bits.saturating_sub(5))
        .step_by(6)
        .map(character)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(values: &[&str]) -> Needles {
        let values = values
            .iter()
            .map(|value| Zeroizing::new((*value).to_owned()));
        Needles::of(&values.collect::<Vec<_>>())
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let needles = needles(&["gäte-\"Token\"/42?"]);
        // `printf %s … | base64`, alone, behind one and behind two other characters.
        for text in [
            "gäte-\"Token\"/42?",
            r#"{"a":"gäte-\"Token\"/42?"}"#,
            "g%C3%A4te-%22Token%22%2F42%3F",
            "67c3a474652d22546f6b656e222f34323f",
            "67C3A474652D22546F6B656E222F34323F",
            "Z8OkdGUtIlRva2VuIi80Mj8=",
            "YWfDpHRlLSJUb2tlbiIvNDI/",
            "YWJnw6R0ZS0iVG9rZW4iLzQyPw==",
            "YWfDpHRlLSJUb2tlbiIvNDI_",
        ] {
            let said = needles.blank(text);
            assert!(said.contains(REDACTED), "{text}: {said}");
            for part in ["Token", "546f", "546F", "lRva2", "JUb2", "VG9r"] {
                assert!(!said.contains(part), "{part} of {text}: {said}");
            }
        }
        assert_eq!(needles.blank("gäte? ü"), "gäte? ü");
    }

    #[test]
    fn base64_is_what_others_make_of_it() {
        assert_eq!(base64(b"abc", 0, STANDARD), b"YWJj");
        assert_eq!(base64(b"abcd", 0, STANDARD), b"YWJjZ");
        // "xabcd" is eGFiY2Q=, "xyabcd" is eHlhYmNk: what is left are the characters of abcd alone.
        assert_eq!(base64(b"abcd", 1, STANDARD), b"FiY2");
        assert_eq!(base64(b"abcd", 2, STANDARD), b"hYmNk");
    }

    #[test]
    fn the_longest_is_blanked_and_parts_are_too() {
        let pem = "-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n";
        let needles = needles(&[
            "abcd",
            "abcdefgh",
            pem,
            r#"{"type":"robot","key":"line-one-x\nline-two-y"}"#,
            "no",
        ]);
        assert_eq!(
            needles.blank("<abcdefgh> <abcd>"),
            "<[redacted]> <[redacted]>"
        );
        assert_eq!(needles.blank("x BgkqhkiG9w0B y"), "x [redacted] y");
        assert_eq!(
            needles.blank("a line-two-y robot no"),
            "a [redacted] robot no"
        );
    }
}
