//! A page of labelled rows, wrapped to the width of the terminal.

use super::table::shown;

/// Where the texts begin.
const MARGIN: usize = 12;

/// The least that is left for a text, whatever the terminal is.
const NARROWEST: usize = 24;

/// Rows with a label at their left and a text that wraps beside it.
#[derive(Debug)]
pub(super) struct Page {
    width: Option<usize>,
    text: String,
}

impl Page {
    /// An empty one for a terminal with so many columns; without them nothing wraps.
    pub(super) fn new(width: Option<usize>) -> Self {
        Self {
            width,
            text: String::new(),
        }
    }

    /// A line of its own.
    pub(super) fn line(&mut self, text: &str) {
        self.hang("", text, 2);
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A label and its text. One without a label goes on below the texts of others.
    pub(super) fn row(&mut self, label: &str, text: &str) {
        let blanks = MARGIN.saturating_sub(shown(label)).max(1);
        let head = format!("{label}{}", " ".repeat(blanks));
        self.hang(&head, text, MARGIN);
    }

    /// The same, where there is a text.
    pub(super) fn row_if(&mut self, label: &str, text: Option<String>) {
        if let Some(text) = text {
            self.row(label, &text);
        }
    }

    /// Everything, without empty lines at its end.
    pub(super) fn finish(mut self) -> String {
        let end = self.text.trim_end_matches('\n').len();
        self.text.truncate(end + 1);
        self.text
    }

    fn hang(&mut self, head: &str, text: &str, indent: usize) {
        let room = self.width.map(|width| {
            let left = width.saturating_sub(indent.max(shown(head)));
            left.max(NARROWEST)
        });
        for (at, line) in wrapped(text, room).iter().enumerate() {
            match at {
                0 => self.text.push_str(head),
                _ => self.text.push_str(&" ".repeat(indent)),
            }
            self.text.push_str(line);
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.text.push('\n');
        }
    }
}

/// A text in lines of at most so many characters, broken at blanks; a longer word is broken where it must be.
fn wrapped(text: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else {
        return vec![text.to_owned()];
    };
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for (at, word) in text.split(' ').enumerate() {
        if used > 0 && used + 1 + shown(word) > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if at > 0 && (used > 0 || lines.is_empty()) {
            line.push(' ');
            used += 1;
        }
        for piece in pieces(word) {
            if used == room && !piece.starts_with('\x1b') {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(piece);
            used += shown(piece);
        }
    }
    lines.push(line);
    lines
}

/// Single characters, and colours as a whole.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first {
            '\x1b' => rest
                .find(|c: char| c.is_ascii_alphabetic())
                .map_or(rest.len(), |at| at + 1),
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_wraps_beside_its_label() {
        let mut page = Page::new(Some(38));
        page.row("memory", "one two three four five six seven");
        page.row("", "below");
        page.gap();
        page.gap();
        page.line("end");
        let expected = "memory      one two three four five\n            six seven\n            below\n\nend\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn a_long_word_is_broken_and_a_colour_is_not() {
        let lines = wrapped("ab \x1b[1m\x1b[31mcdefghij\x1b[0m k", Some(5));
        assert_eq!(lines, ["ab", "\x1b[1m\x1b[31mcdefg", "hij\x1b[0m k"]);
        let long = wrapped(&"ü".repeat(1000), Some(100));
        assert!(long.len() == 10 && long.iter().all(|line| shown(line) == 100));
        assert_eq!(wrapped("a  b", None), ["a  b"]);
        assert_eq!(wrapped("a  b", Some(9)), ["a  b"]);
    }

    #[test]
    fn the_narrowest_terminal_ends_the_making_of_lines_too() {
        let mut page = Page::new(Some(1));
        page.row("a label that is longer than its room", &"x".repeat(50));
        assert_eq!(page.finish().lines().count(), 3);
    }
}
