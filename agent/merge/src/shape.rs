//! What a credential looks like, wherever it stands. Every search takes time in proportion to the text.

use std::ops::Range;

use crate::credential::is_literal;

/// Beginnings of well-known credentials, and how many characters of their alphabet must follow.
const SHAPES: [(&str, usize); 22] = [
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("whsec_", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
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
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 30),
    ("hf_", 30),
];

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
    SHAPES
        .iter()
        .flat_map(|(prefix, length)| prefixed(text, prefix, *length))
        .chain(bot_tokens(text))
        .chain(web_tokens(text))
        .chain(private_keys(text))
        .chain(passwords(text))
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn word_length(text: &str, from: usize) -> usize {
    let rest = &text.as_bytes()[from..];
    rest.iter().take_while(|byte| word(**byte)).count()
}

fn begins_word(text: &str, at: usize) -> bool {
    at == 0 || !word(text.as_bytes()[at - 1])
}

/// A known prefix at the beginning of a word, with enough behind it that no ordinary word has.
fn prefixed(text: &str, prefix: &str, length: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = text.match_indices(prefix).map(|(start, _)| start);
    starts.filter_map(move |start| {
        let tail = start + prefix.len();
        if !begins_word(text, start) {
            return None;
        }
        let size = word_length(text, tail);
        let tail_bytes = &text.as_bytes()[tail..tail + size];
        let odd = tail_bytes.iter().any(u8::is_ascii_digit)
            || (size == length && tail_bytes.iter().all(u8::is_ascii_uppercase));
        (size >= length && odd).then_some(start..tail + size)
    })
}

/// Telegram bot tokens: a number, a colon, 35 characters.
fn bot_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(':').filter_map(move |(colon, _)| {
        let before = text.as_bytes()[..colon].iter().rev().take(16);
        let digits = before.take_while(|byte| byte.is_ascii_digit()).count();
        if !(6..=14).contains(&digits) {
            return None;
        }
        let size = word_length(text, colon + 1);
        (size >= 34).then_some(colon - digits..colon + 1 + size)
    })
}

/// JSON web tokens: three parts, the first of them an encoded `{"`.
fn web_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("eyJ").filter_map(move |(start, _)| {
        if !begins_word(text, start) {
            return None;
        }
        let mut end = start;
        for least in [10, 8, 6] {
            if end > start {
                end += usize::from(text[end..].starts_with('.'));
            }
            let size = word_length(text, end);
            if size < least {
                return None;
            }
            end += size;
        }
        Some(start..end)
    })
}

/// Private keys in PEM, up to their last line.
fn private_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    let labels = text.match_indices("PRIVATE KEY-----");
    labels.filter_map(move |(label, _)| {
        let head = &text.as_bytes()[..label];
        let line = head
            .iter()
            .rev()
            .take(32)
            .take_while(|byte| **byte != b'\n')
            .count();
        let start = label - line;
        let begin = text.get(start..label)?.rfind("-----BEGIN ")?;
        Some(start + begin..text.len())
    })
}

/// The user and password of URLs.
fn passwords(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices("://").filter_map(move |(slashes, _)| {
        let start = slashes + 3;
        let rest = &text[start..];
        let stop = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'');
        let end = rest.find(stop).unwrap_or(rest.len());
        let at = rest[..end].rfind('@')?;
        let (_, password) = rest[..at].split_once(':')?;
        is_literal(password).then_some(start..start + at)
    })
}
