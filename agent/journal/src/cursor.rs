use std::fmt;
use std::str::FromStr;

use crate::Id;

/// Up to where a reader has read: `ID:NUMBER` in text, or a bare `NUMBER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The id that the number came with. Without it, nobody can tell whether the volume was put back from a copy meanwhile.
    pub id: Option<Id>,
    /// The last number that was read.
    pub number: u64,
}

/// A text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: write ID:NUMBER, as a page gives it, or a number alone")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{id}:{}", self.number),
            None => write!(f, "{}", self.number),
        }
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (id, number) = match text.split_once(':') {
            Some((id, number)) => (Some(id.parse().map_err(|_| NotACursor)?), number),
            None => (None, text),
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotACursor);
        }
        let number = number.parse().map_err(|_| NotACursor)?;
        Ok(Self { id, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_written_and_read_back() {
        let id = "00000000000000000000000000000a0b";
        for text in ["0", "17", &format!("{id}:17")] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "+1",
            "-1",
            "x",
            ":1",
            "0a:1",
            &format!("{id}:"),
            &format!("{id}:18446744073709551616"),
            &format!("{}:1", id.to_uppercase()),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }
}
