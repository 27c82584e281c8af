//! One line of the bench: what was measured, beside whom, and what is required.

use std::fmt;
use std::fmt::Write;

/// A measured figure. Smaller is better, of all of them.
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Our value.
    pub ours: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Whom it is compared with, and its value in the same unit.
    pub peer: Option<(&'static str, f64)>,
    /// What is required, and whether that holds.
    pub required: Option<(String, bool)>,
    /// What else belongs to it.
    pub note: String,
}

impl Figure {
    /// A figure that stands alone.
    pub fn new(name: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            ours,
            unit,
            peer: None,
            required: None,
            note: String::new(),
        }
    }

    /// The same thing done by somebody else.
    pub fn beside(mut self, peer: &'static str, value: f64) -> Self {
        self.peer = Some((peer, value));
        self
    }

    /// Requires our value to be no more than `most`.
    pub fn at_most(self, most: f64) -> Self {
        let (text, holds) = (format!("<= {most} {}", self.unit), self.ours <= most);
        self.require(text, holds)
    }

    /// Requires our value to be no more than so many times the peer's.
    pub fn at_most_times(self, times: f64) -> Self {
        let holds = self.ratio().is_some_and(|ratio| ratio <= times);
        let text = if times < 1.0 {
            format!("<= 1/{} of it", 1.0 / times)
        } else {
            format!("<= {times} times it")
        };
        self.require(text, holds)
    }

    /// Requires our value to be no more than the peer's and so much.
    pub fn at_most_more(self, more: f64) -> Self {
        let holds = self
            .peer
            .is_some_and(|(_, value)| self.ours - value <= more);
        let text = format!("<= {more} {} more", self.unit);
        self.require(text, holds)
    }

    /// Adds what a reader should know.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn require(mut self, text: String, holds: bool) -> Self {
        self.required = Some(match self.required {
            Some((before, held)) => (format!("{before}, {text}"), held && holds),
            None => (text, holds),
        });
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.map(|(_, value)| self.ours / value)
    }

    fn cells(&self) -> [String; 6] {
        let peer = self.peer.map_or(String::from("-"), |(name, value)| {
            format!("{} {} ({name})", rounded(value), self.unit)
        });
        let ratio = self
            .ratio()
            .map_or(String::from("-"), |ratio| format!("{ratio:.2}"));
        let required = self
            .required
            .as_ref()
            .map_or(String::from("-"), |(text, holds)| {
                format!("{text}: {}", if *holds { "yes" } else { "NO" })
            });
        [
            self.name.clone(),
            format!("{} {}", rounded(self.ours), self.unit),
            peer,
            ratio,
            required,
            self.note.clone(),
        ]
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [name, ours, peer, ratio, required, note] = self.cells();
        write!(
            f,
            "{name:<68} {ours:>12}   {peer:<38} {ratio:>6}   {required}"
        )?;
        if note.is_empty() {
            Ok(())
        } else {
            write!(f, "   [{note}]")
        }
    }
}

fn rounded(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// The table as Markdown.
pub fn markdown(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| what | ours | peer, same run | ours / peer | required | note |\n|---|---|---|---|---|---|\n",
    );
    for figure in figures {
        let _ = writeln!(text, "| {} |", figure.cells().join(" | "));
    }
    text
}
