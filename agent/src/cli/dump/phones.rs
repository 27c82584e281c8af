//! Telephone numbers, which are the names of users of some channels.

use std::ops::Range;

use config_merge::REDACTED;

/// How many digits a number in international form has.
const INTERNATIONAL: std::ops::RangeInclusive<usize> = 7..=15;
/// How many digits make a number where no plus says so.
const BARE: std::ops::RangeInclusive<usize> = 10..=15;

/// The text without telephone numbers: with a plus and blanks as people write them, or as digits alone. Times in seconds
/// or milliseconds are none.
pub(super) fn blank(text: &str) -> String {
    let (bytes, mut clean, mut at) = (text.as_bytes(), String::with_capacity(text.len()), 0);
    let mut from = 0;
    while at < bytes.len() {
        match number(bytes, at) {
            Some(found) => {
                clean.push_str(&text[from..found.start]);
                clean.push_str(REDACTED);
                (at, from) = (found.end, found.end);
            }
            None => at = after(bytes, at),
        }
    }
    clean.push_str(&text[from..]);
    clean
}

/// Where the next number may begin: not within digits.
fn after(bytes: &[u8], at: usize) -> usize {
    let digits = digits(bytes, at);
    at + digits.max(1)
}

fn digits(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

fn number(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    match bytes[at] {
        b'+' => international(bytes, at),
        b'0'..=b'9' => bare(bytes, at),
        _ => None,
    }
}

/// A plus, and digits with at most two signs between them.
fn international(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let (mut end, mut count, mut signs) = (at + 1, 0, 0);
    for (place, byte) in bytes.iter().enumerate().skip(at + 1) {
        match byte {
            b'0'..=b'9' => (count, signs, end) = (count + 1, 0, place + 1),
            b' ' | b'-' | b'.' | b'(' | b')' | b'/' if count > 0 && signs < 2 => signs += 1,
            _ => break,
        }
        if count == *INTERNATIONAL.end() {
            break;
        }
    }
    INTERNATIONAL.contains(&count).then_some(at..end)
}

/// Digits alone, that are no part of a word, a decimal or a time.
fn bare(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let count = digits(bytes, at);
    let end = at + count;
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let joined = |byte: &u8| word(byte) || b".-".contains(byte);
    let before = at.checked_sub(1).and_then(|place| bytes.get(place));
    let decimal =
        bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    let part = before.is_some_and(joined) || bytes.get(end).is_some_and(word) || decimal;
    let time = matches!(count, 10 | 13) && bytes[at] == b'1';
    (BARE.contains(&count) && !part && !time).then_some(at..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_people_go() {
        for (text, expected) in [
            ("from +4915112345678 now", "from [redacted] now"),
            ("+1 (555) 123-4567.", "[redacted]."),
            (
                "agent:main:whatsapp:+15551234567",
                "agent:main:whatsapp:[redacted]",
            ),
            ("4915112345678@s.whatsapp.net", "[redacted]@s.whatsapp.net"),
            (
                "jid=15551234567-1612345678@g.us",
                "jid=[redacted]-1612345678@g.us",
            ),
            ("\"5551234567\"", "\"[redacted]\""),
        ] {
            assert_eq!(blank(text), expected);
        }
    }

    #[test]
    fn times_ids_and_measures_stay() {
        for text in [
            "2026-11-24T08:12:24.123456Z",
            "2026-11-24 08:12:24+01:00",
            "at 1764000000 and 1764000000123",
            "0.1234567890123 1234567890.5",
            "3f2a4b5c-1d2e-4f5a-8b9c-123456789012",
            "sha256:12345678901234567890",
            "id_4915112345678 x4915112345678",
            "a+b + 12 ü",
            "port 18789, pid 123456789",
        ] {
            assert_eq!(blank(text), text);
        }
    }
}
