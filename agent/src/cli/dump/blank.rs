//! Takes out of texts and values what must not leave this machine.

use config_merge::{redact, redact_text};
use serde_json::Value;
use zeroize::Zeroizing;

use super::needles::Needles;
use super::{headers, pem, phones};

/// Blanks known secrets, and what looks like one.
pub(super) struct Blank {
    needles: Needles,
}

impl Blank {
    /// With these values known.
    pub(super) fn new(values: &[Zeroizing<String>]) -> Self {
        Self {
            needles: Needles::of(values),
        }
    }

    /// A text of one or more lines.
    pub(super) fn text(&self, text: &str) -> String {
        let known = self.needles.blank(text);
        let lines = pem::blank(&known);
        let lines = lines
            .lines()
            .map(|line| phones::blank(&headers::blank(&redact_text(line))));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A value: each of its texts, and numbers that are a secret.
    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Number(number) => {
                let shown = number.to_string();
                match self.needles.blank(&shown) {
                    same if same == shown => value.clone(),
                    blanked => blanked.into(),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                let member = |(key, value): (&String, &Value)| (self.text(key), self.value(value));
                map.iter().map(member).collect()
            }
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }

    /// A log: no colours, and lines of JSON also by the names in them.
    pub(super) fn log(&self, text: &str) -> String {
        let text = pem::blank(&self.needles.blank(&colourless(text)));
        let lines = text.lines().map(|line| match serde_json::from_str(line) {
            Ok(value @ Value::Object(_)) => self.value(&redact(&value)).to_string(),
            _ => self.text(line),
        });
        lines.map(|line| line + "\n").collect()
    }

    /// Figures of a program, in which nothing but a known secret is looked for, and what has its shape.
    pub(super) fn figures(&self, text: &str) -> String {
        let known = self.needles.blank(text);
        known.lines().map(|line| redact_text(line) + "\n").collect()
    }

    /// Known secrets once more, in what was made of blanked parts.
    pub(super) fn last_look(&self, text: &str) -> String {
        self.needles.blank(text)
    }
}

/// Without escape sequences and control characters but the ends of lines and tabs.
fn colourless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\x1b' if characters.next_if_eq(&'[').is_some() => {
                characters.by_ref().find(|c| ('@'..='~').contains(c));
            }
            '\n' | '\t' => clean.push(character),
            other if other.is_control() => {}
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn blank() -> Blank {
        Blank::new(&["hunter2-hunter2", "4711"].map(|value| Zeroizing::new(value.to_owned())))
    }

    #[test]
    fn values_lose_texts_keys_and_numbers() {
        let value =
            json!({"a hunter2-hunter2": [4711, "https://u:p@h/ +4915112345678", null, 5, "fine"]});
        let expected = json!({"a [redacted]": ["[redacted]", "https://[redacted]@h/ [redacted]", null, 5, "fine"]});
        assert_eq!(blank().value(&value), expected);
    }

    #[test]
    fn a_log_loses_colours_and_what_names_and_shapes_say() {
        let log = "\x1b[31mtoken\x1b[0m=\x1b[1mhun\x1b[0mter2-hunter2\x07\0\n{\"botToken\":\"abc\",\"say\":\"hunter2-hunter2 +4915112345678\",\"n\":1}\nplain {\n";
        let expected = "token=[redacted]\n{\"botToken\":\"[redacted]\",\"say\":\"[redacted] [redacted]\",\"n\":1}\nplain {\n";
        assert_eq!(blank().log(log), expected);
    }

    #[test]
    fn figures_stay_what_they_are() {
        let text = "# HELP a b\na{b=\"c\"} 107374182401\n";
        assert_eq!(blank().figures(text), text);
        assert_eq!(blank().figures("a 4711\n"), "a [redacted]\n");
    }
}
