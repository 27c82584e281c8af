//! What a credential looks like, wherever it stands. Every search takes time in proportion to the text.

use std::ops::Range;

use crate::credential::{is_literal, is_secret_name};

/// Beginnings of well-known credentials, and how many characters of their alphabet must follow.
const SHAPES: [(&str, usize); 30] = [
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("whsec_", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxc-", 10),
    ("xoxd-", 10),
    ("xoxe-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("npm_", 36),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("hf_", 30),
    ("gsk_", 40),
    ("pplx-", 40),
    ("tvly-", 20),
    ("xai-", 60),
];

/// Prefixes behind which a credential has capitals and digits only.
const CAPITALS: [&str; 2] = ["AKIA", "ASIA"];

/// Prefixes that ordinary names begin with too.
const NAMES: [&str; 5] = ["sk-", "npm_", "hf_", "gsk_", "xai-"];

/// No known credential is shorter.
const SHORTEST: usize = 15;

/// What follows `Bearer` and is shorter may be a word.
pub(crate) const SHORTEST_BEARER: usize = 16;

/// What an argument or an item of a list is set to and is shorter may be a placeholder.
pub(crate) const SHORTEST_SET: usize = 6;

/// How far behind `-----BEGIN` a private key's label ends.
const LONGEST_LABEL: usize = 32;

/// Whether a text holds something of a credential's shape.
pub(crate) fn has_shape(text: &str) -> bool {
    all(text).next().is_some()
}

/// Where credentials stand in a text, in its order and without overlaps.
pub(crate) fn shapes(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<_> = all(text).collect();
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, kept| {
        let overlaps = next.start < kept.end;
        if overlaps {
            kept.end = kept.end.max(next.end);
        }
        overlaps
    });
    found
}

fn all(text: &str) -> impl Iterator<Item = Range<usize>> {
    words(text).filter_map(|word| {
        known(text, &word)
            .or_else(|| token(text, &word))
            .or_else(|| private_key(text, &word))
            .or_else(|| password(text, &word))
            .or_else(|| bearer(text, &word))
            .or_else(|| assigned(text, &word))
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn word_length(text: &str, from: usize) -> usize {
    let rest = &text.as_bytes()[from..];
    rest.iter().take_while(|byte| is_word(**byte)).count()
}

/// The words of a text: the longest runs of letters, digits, `_` and `-`.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|byte| is_word(*byte))?;
        at = start + word_length(text, start);
        Some(start..at)
    })
}

/// A known prefix, with enough behind it that no ordinary word has.
fn known(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    if word.len() < SHORTEST {
        return None;
    }
    let starts = |(prefix, _): &&(&str, usize)| text[word.start..].starts_with(prefix);
    let (prefix, length) = SHAPES.iter().find(starts)?;
    let tail = &text.as_bytes()[word.start + prefix.len()..word.end];
    (tail.len() >= *length && is_odd(prefix, tail)).then(|| word.clone())
}

/// Whether what follows a prefix is no row of words: it has a digit, is one run of letters, or mixes
/// cases as the prefixes that begin no ordinary name do.
fn is_odd(prefix: &str, tail: &[u8]) -> bool {
    if tail.iter().any(u8::is_ascii_digit) {
        return true;
    }
    if CAPITALS.contains(&prefix) {
        return tail.len() == 16 && tail.iter().all(u8::is_ascii_uppercase);
    }
    let has = |sort: fn(&u8) -> bool| tail.iter().any(sort);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    tail.iter().all(u8::is_ascii_alphabetic) || (mixed && !NAMES.contains(&prefix))
}

/// A Telegram bot token (a number, a colon, 35 characters) or a JSON web token (three parts, the
/// first of them an encoded `{"`).
fn token(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let rest = &text[word.start..];
    let follows = |end: usize, mark: char| {
        let marked = text[end..].starts_with(mark);
        if marked {
            word_length(text, end + 1)
        } else {
            0
        }
    };
    if rest.starts_with("eyJ") {
        let second = follows(word.end, '.');
        let third = if second >= 8 {
            follows(word.end + 1 + second, '.')
        } else {
            0
        };
        let end = word.end + second + third + 2;
        return (word.len() >= 10 && third >= 6).then_some(word.start..end);
    }
    let digits = text[word.clone()]
        .bytes()
        .rev()
        .take_while(u8::is_ascii_digit)
        .count();
    let size = if (6..=14).contains(&digits) {
        follows(word.end, ':')
    } else {
        0
    };
    (size >= 34).then_some(word.end - digits..word.end + 1 + size)
}

/// A private key in PEM, with all that follows it.
fn private_key(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let begins = text[word.clone()].ends_with("-----BEGIN");
    let rest = &text.as_bytes()[word.end..];
    let label = &rest[..rest.len().min(LONGEST_LABEL)];
    let found = begins && label.windows(11).any(|part| part == b"PRIVATE KEY");
    found.then_some(word.start..text.len())
}

/// The user and password of a URL whose scheme is this word.
fn password(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let rest = text[word.end..].strip_prefix("://")?;
    let start = word.end + 3;
    let stop = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'');
    let end = rest.find(stop).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    let (_, password) = rest[..at].split_once(':')?;
    is_literal(password).then_some(start..start + at)
}

/// The token behind the word `Bearer`.
fn bearer(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    if !text[word.clone()].eq_ignore_ascii_case("bearer") {
        return None;
    }
    let rest = &text[word.end..];
    let gap = rest.len() - rest.trim_start_matches(' ').len();
    let start = word.end + gap;
    let token = start..start + value_length(text, start);
    let odd = text[token.clone()]
        .bytes()
        .any(|byte| byte.is_ascii_digit());
    (gap > 0 && odd && token.len() >= SHORTEST_BEARER).then_some(token)
}

/// What a part of a URL's query (`?api_key=`) or an argument (`--api-key=`) of this name is set to.
fn assigned(text: &str, word: &Range<usize>) -> Option<Range<usize>> {
    let start = word.end + 1;
    if text.as_bytes().get(word.end) != Some(&b'=') {
        return None;
    }
    let name = &text[word.clone()];
    let value = start..start + value_length(text, start);
    let query = text[..word.start].ends_with(['?', '&']);
    let shortest = match (query, is_secret_name(name)) {
        (true, true) => 1,
        (false, true) if name.starts_with("--") => SHORTEST_SET,
        (true, false) if name.eq_ignore_ascii_case("key") => SHORTEST_SET,
        _ => return None,
    };
    (value.len() >= shortest).then_some(value)
}

/// How long the value is that begins here. Without `=`, so that no two values overlap.
fn value_length(text: &str, from: usize) -> usize {
    let inside = |byte: &u8| is_word(*byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'%');
    text.as_bytes()[from..]
        .iter()
        .take_while(|byte| inside(byte))
        .count()
}
