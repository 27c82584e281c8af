//! Words of others, made fit to be shown: bounded, on one line, without what looks like a secret.

/// Longest evidence, in bytes.
pub(crate) const EVIDENCE: usize = 240;
/// Longest name of a subject, in bytes.
pub(crate) const SUBJECT: usize = 120;
/// A run of letters and digits of this length is taken for a token.
const TOKEN: usize = 20;

/// The gateway's own words as evidence: one line of at most 240 bytes, and what looks like a token is masked.
pub fn words(text: &str) -> String {
    let text = clip(text, 4 * EVIDENCE);
    let masked: Vec<String> = text
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(mask)
        .collect();
    clip(&masked.join(" "), EVIDENCE)
}

/// A copy of at most `max` bytes, cut between characters and marked with `…` where it was cut. What is no visible
/// character becomes a space.
pub(crate) fn clip(text: &str, max: usize) -> String {
    const MARK: char = '…';
    let room = if text.len() <= max {
        max
    } else {
        max.saturating_sub(MARK.len_utf8())
    };
    let mut kept = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        let character = if hidden(character) { ' ' } else { character };
        if kept.len() + character.len_utf8() > room {
            kept.push(MARK);
            break;
        }
        kept.push(character);
    }
    kept
}

/// Control characters, and those that turn the direction of what follows.
fn hidden(character: char) -> bool {
    let turns = matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    turns || character.is_control()
}

/// A word with its tokens masked. Part of a web address, a token is found as well.
fn mask(word: &str) -> String {
    let mut kept = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c| !in_token(c)).unwrap_or(rest.len());
        if run == 0 {
            kept.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, after) = rest.split_at(run);
        kept.push_str(if is_token(token) { "***" } else { token });
        rest = after;
    }
    kept
}

fn in_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | ':' | '+' | '=')
}

/// Names have no digits and letters mixed over such a length; secrets do.
fn is_token(run: &str) -> bool {
    run.len() >= TOKEN
        && run.contains(|c: char| c.is_ascii_digit())
        && run.contains(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_what_looks_like_a_token_and_keeps_the_rest() {
        for (text, shown) in [
            (
                "connect ECONNREFUSED 10.0.0.1:443",
                "connect ECONNREFUSED 10.0.0.1:443",
            ),
            (
                "GET https://api.telegram.org/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe failed",
                "GET https://api.telegram.org/***/getMe failed",
            ),
            ("key sk-proj-0123456789abcdef0123", "key ***"),
            ("a\nb\u{1b}[31mc\u{202e}d", "a b [31mc d"),
            (
                "UNAUTHORIZED-WITHOUT-ANY-NUMBER",
                "UNAUTHORIZED-WITHOUT-ANY-NUMBER",
            ),
            ("", ""),
        ] {
            assert_eq!(words(text), shown, "{text:?}");
        }
    }

    #[test]
    fn never_longer_than_it_may_be() {
        let long = "ä ".repeat(4_000);
        let shown = words(&long);
        assert!(shown.len() <= EVIDENCE && shown.ends_with('…'), "{shown}");
        assert_eq!(clip("abcdef", 5), "ab…");
        assert_eq!(clip("abc", 3), "abc");
    }
}
