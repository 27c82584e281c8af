//! What a process says, line by line, while it runs.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A growing list of lines that a test can wait on.
#[derive(Clone, Default)]
pub struct Lines(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Lines {
    /// Collects from `from` on a thread of its own, until its end.
    pub(crate) fn collect(&self, from: impl Read + Send + 'static) {
        let lines = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
                lines.push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }

    fn push(&self, line: String) {
        self.0.0.lock().unwrap().push(line);
        self.0.1.notify_all();
    }

    /// All lines so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }

    /// How many lines there are: a place from which to wait on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }

    /// Whether nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for a line at or after number `from` that holds `text`.
    ///
    /// # Panics
    /// When none comes within `within`; the message shows what was said instead.
    pub fn wait_from(&self, from: usize, text: &str, within: Duration) -> String {
        let end = Instant::now() + within;
        let mut lines = self.0.0.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().skip(from).find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = lines.join("\n  ");
                drop(lines);
                panic!("no line with {text:?} within {within:?}; said so far:\n  {said}");
            }
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for a line that holds `text`, from the very first line on.
    pub fn wait(&self, text: &str, within: Duration) -> String {
        self.wait_from(0, text, within)
    }
}
