//! Bounds on strings that come from the gateway.

/// Longest message that is kept, in bytes.
pub(crate) const MESSAGE: usize = 1024;
/// Longest path or identifier that is kept, in bytes.
pub(crate) const NAME: usize = 256;

/// A copy of `text` of at most `max` bytes, cut between characters and marked with `…` where
/// it was cut. Control characters become spaces, so that one message stays one line.
pub(crate) fn clip(text: &str, max: usize) -> String {
    const MARK: char = '…';
    let fits = text.len() <= max;
    let room = if fits {
        max
    } else {
        max.saturating_sub(MARK.len_utf8())
    };
    let mut kept = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        let character = if character.is_control() {
            ' '
        } else {
            character
        };
        if kept.len() + character.len_utf8() > room {
            break;
        }
        kept.push(character);
    }
    if !fits && max >= MARK.len_utf8() {
        kept.push(MARK);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::clip;
    use proptest::prelude::*;

    #[test]
    fn cuts_between_characters() {
        for (text, max, want) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "…"),
            ("abcdef", 5, "ab…"),
            ("äöü", 5, "ä…"),
            ("a\nb\u{1b}c", 9, "a b c"),
            ("abc", 2, ""),
            ("", 0, ""),
        ] {
            assert_eq!(clip(text, max), want, "{text:?} to {max}");
        }
    }

    proptest! {
        #[test]
        fn never_longer_and_never_more_than_one_line(text in any::<String>(), max in 0usize..64) {
            let kept = clip(&text, max);
            prop_assert!(kept.len() <= max);
            prop_assert!(!kept.contains(char::is_control));
        }
    }
}
