//! The terminal: how large it is, what it can show, and a picture that is shown anew.

use std::io::{self, IsTerminal};
use std::thread::sleep;
use std::time::Duration;

use rustix::termios::tcgetwinsize;
use serde::Serialize;

use super::answer::{self, Answer, Reader};
use super::error::Error;

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// Puts the cursor home and clears what is below.
const HOME: &str = "\x1b[H\x1b[J";

/// What stdout can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Screen {
    /// Columns and rows; nobody's limit where it is no terminal.
    pub size: Option<(usize, usize)>,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Screen {
    /// That of stdout.
    pub(super) fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self::default();
        }
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        let variable = |name: &str| std::env::var(name).ok();
        Self {
            size: size.map(|size| (size.ws_col.into(), size.ws_row.into())),
            unicode: is_utf8(variable),
        }
    }

    /// Columns.
    pub(super) fn width(self) -> Option<usize> {
        self.size.map(|(columns, _)| columns)
    }

    /// No more lines than there are rows, and how many are not seen.
    fn cut(self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let Some((_, rows)) = self.size.filter(|(_, rows)| lines.len() >= *rows) else {
            return text.to_owned();
        };
        let seen = rows.saturating_sub(2);
        let rest = lines.len() - seen;
        format!("{}\n({rest} more lines)", lines[..seen].join("\n"))
    }
}

/// Whether the locale is one of UTF-8; the first variable that says something counts.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let locale = named
        .filter_map(variable)
        .find(|locale| !locale.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Looks again and again until somebody ends it. A reader that went away ends it quietly; output that is lost, or an agent
/// that went away, is an error.
pub(super) fn watch<T: Serialize>(
    json: bool,
    look: impl Fn() -> Result<T, Error>,
    text: impl Fn(&T) -> String,
) -> Result<Answer, Error> {
    loop {
        let answer = look()?;
        let shown = match json {
            true => line(&answer),
            false => picture(&text(&answer)),
        };
        if answer::print(&shown)? == Reader::Gone {
            return Ok(Answer::default());
        }
        sleep(EVERY);
    }
}

/// One line of JSON.
pub(super) fn line(answer: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(answer).unwrap_or_default();
    line.push(b'\n');
    line
}

fn picture(text: &str) -> Vec<u8> {
    match io::stdout().is_terminal() {
        true => format!("{HOME}{}", Screen::of_stdout().cut(text)).into_bytes(),
        false => format!("{text}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_is_the_locale() {
        let locale = |all: &'static str, kind: &'static str, lang: &'static str| {
            is_utf8(move |name| {
                let values = [("LC_ALL", all), ("LC_CTYPE", kind), ("LANG", lang)];
                let found = values.into_iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.to_owned())
            })
        };
        assert!(locale("", "", "de_DE.UTF-8"));
        assert!(locale("", "C.utf8", "C"));
        assert!(!locale("C", "", "de_DE.UTF-8"));
        assert!(!locale("", "", ""));
    }

    #[test]
    fn a_picture_is_no_longer_than_the_terminal() {
        let screen = Screen {
            size: Some((80, 4)),
            unicode: true,
        };
        assert_eq!(screen.cut("a\nb\nc\n"), "a\nb\nc\n");
        assert_eq!(screen.cut("a\nb\nc\nd\n"), "a\nb\n(2 more lines)");
        assert_eq!(Screen::default().cut("a\nb\n"), "a\nb\n");
    }
}
