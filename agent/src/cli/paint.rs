//! Colours, on a terminal only and never with `NO_COLOR`; and text of strangers made harmless.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// For what goes to this stream.
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            on: stream.is_terminal() && !no_colour,
        }
    }

    /// No colours.
    #[cfg(test)]
    pub(super) const PLAIN: Self = Self { on: false };

    /// What went wrong.
    pub(super) fn error(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    /// What should be looked at.
    pub(super) fn warning(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default().bold(), text)
    }

    /// What is new.
    pub(super) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What the eye should find first.
    pub(super) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What is there for completeness.
    pub(super) fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.on {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Text that may come from a layer or over the wire: it begins no line of its own and paints nothing.
pub(super) fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || turns(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Whether it makes a terminal show what follows in another order than it stands there.
fn turns(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_where_they_are_wanted() {
        assert_eq!(Paint::PLAIN.error("no"), "no");
        assert_eq!(Paint { on: true }.error("no"), "\x1b[1m\x1b[31mno\x1b[0m");
    }

    #[test]
    fn a_stranger_neither_paints_nor_begins_lines() {
        assert_eq!(plain("a\x1b[2J\nb\u{85}ü"), "a\\u{1b}[2J\\nb\\u{85}ü");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b", "nor turns them around");
    }
}
