//! The position scan: reads JSON5 for its shape alone, refuses what must not reach the parser.
//!
//! The `json5` crate says what the values are; it gives no positions, overflows the stack on deep
//! nesting, and lets duplicate keys and infinite numbers pass. This scan runs first. It accepts a
//! little more than JSON5 inside tokens, never less, so that the parser behind it has the last word.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::guard::MAX_DEPTH;
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};

/// How many problems of one file are told; a broken generator makes thousands alike.
const MOST_PROBLEMS: usize = 100;

/// The places of all values of the text, or all that is wrong with its shape.
pub(crate) fn scan(text: &str) -> Result<Positions, Vec<Problem>> {
    let mut scanner = Scanner::new(text);
    if let Err(stop) = scanner.document() {
        scanner.problems.push(stop.problem(&scanner));
    }
    if scanner.problems.is_empty() {
        Ok(scanner.positions)
    } else {
        Err(scanner.problems)
    }
}

/// Why the scan cannot go on.
enum Stop {
    Empty,
    Expected(&'static str),
    TooDeep,
}

impl Stop {
    fn problem(&self, scanner: &Scanner<'_>) -> Problem {
        let found = scanner
            .peek()
            .map_or("the end of the file".to_owned(), |c| {
                format!("`{}`", c.escape_debug())
            });
        let problem = match self {
            Stop::Empty => Problem::new(
                ProblemKind::Empty,
                "the file holds no value",
                "write at least {}, or remove the file",
            ),
            Stop::Expected(what) => Problem::new(
                ProblemKind::Syntax,
                format!("expected {what}, found {found}"),
                "correct the JSON5 here",
            ),
            Stop::TooDeep => Problem::new(
                ProblemKind::TooDeep,
                format!("brackets nest deeper than {MAX_DEPTH}"),
                "make the structure flatter",
            ),
        };
        problem.at(scanner.place).on(&scanner.path)
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Line and column of `at`, kept as we go: counting them anew for each key would be quadratic.
    place: (u32, u32),
    depth: usize,
    path: KeyPath,
    positions: Positions,
    problems: Vec<Problem>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Scanner {
            text,
            at: 0,
            place: (1, 1),
            depth: 0,
            path: KeyPath::root(),
            positions: Positions::default(),
            problems: Vec::new(),
        }
    }

    fn document(&mut self) -> Result<(), Stop> {
        self.blank()?;
        if self.peek().is_none() {
            return Err(Stop::Empty);
        }
        let at = self.positions.open(self.place);
        self.value()?;
        self.positions.close(at);
        self.blank()?;
        match self.peek() {
            Some(_) => Err(Stop::Expected("the end of the file")),
            None => Ok(()),
        }
    }

    fn value(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some('"' | '\'') => self.string().map(drop),
            Some('n') => self.word("null"),
            Some('t') => self.word("true"),
            Some('f') => self.word("false"),
            Some('+' | '-' | '.' | 'I' | 'N' | '0'..='9') => self.number(),
            _ => Err(Stop::Expected("a value")),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        if self.depth == MAX_DEPTH {
            return Err(Stop::TooDeep);
        }
        self.depth += 1;
        self.next();
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), Stop> {
        let mut keys = HashSet::new();
        loop {
            self.blank()?;
            if self.eat('}') {
                return Ok(());
            }
            let at = self.positions.open(self.place);
            let key = self.key()?;
            self.path.push(&key);
            if !keys.insert(key) {
                self.duplicate(at);
            }
            self.blank()?;
            if !self.eat(':') {
                return Err(Stop::Expected("`:` after the key"));
            }
            self.member(at)?;
            if !self.eat(',') && self.peek() != Some('}') {
                return Err(Stop::Expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<(), Stop> {
        for index in 0_usize.. {
            self.blank()?;
            if self.eat(']') {
                break;
            }
            let at = self.positions.open(self.place);
            self.path.push(&index.to_string());
            self.member(at)?;
            if !self.eat(',') && self.peek() != Some(']') {
                return Err(Stop::Expected("`,` or `]`"));
            }
        }
        Ok(())
    }

    fn member(&mut self, at: usize) -> Result<(), Stop> {
        self.blank()?;
        self.value()?;
        self.positions.close(at);
        self.path.pop();
        self.blank()
    }

    fn duplicate(&mut self, at: usize) {
        let cure = "keep one of the two";
        let problem = Problem::new(
            ProblemKind::DuplicateKey,
            "this key stands twice in one object",
            cure,
        );
        self.tell(problem.at(self.positions.at(at).place()));
    }

    fn tell(&mut self, problem: Problem) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem.on(&self.path));
        }
    }

    fn key(&mut self) -> Result<Cow<'t, str>, Stop> {
        match self.peek() {
            Some('"' | '\'') => {
                let raw = self.string()?;
                decoded(raw, &raw[1..raw.len() - 1])
            }
            Some(c) if name_char(c) => {
                let start = self.at;
                while self.peek().is_some_and(name_char) {
                    self.next();
                }
                let raw = &self.text[start..self.at];
                if raw.contains('\\') {
                    decoded(&format!("\"{raw}\""), raw).map(|key| Cow::Owned(key.into_owned()))
                } else {
                    Ok(Cow::Borrowed(raw))
                }
            }
            _ => Err(Stop::Expected("a key")),
        }
    }

    /// One quoted string with its quotes. Escapes are only skipped; the parser judges them.
    fn string(&mut self) -> Result<&'t str, Stop> {
        let start = self.at;
        let quote = self.next();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => return Err(Stop::Expected("the closing quote")),
                Some('\\') => {
                    self.next();
                    if self.next() == Some('\r') {
                        self.eat('\n');
                    }
                }
                c => {
                    self.next();
                    if c == quote {
                        return Ok(&self.text[start..self.at]);
                    }
                }
            }
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Stop> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Stop::Expected("a value"));
        }
        word.chars().for_each(|_| {
            self.next();
        });
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        let (start, place) = (self.at, self.place);
        if !self.eat('+') {
            self.eat('-');
        }
        let finite = match self.peek() {
            Some('I') => self.word("Infinity").map(|()| false)?,
            Some('N') => self.word("NaN").map(|()| false)?,
            _ => self.decimal_or_hex(start)?,
        };
        if !finite {
            let cure = "write a number that JSON can hold";
            let problem = Problem::new(ProblemKind::NotFinite, "the number is not finite", cure);
            self.tell(problem.at(place));
        }
        Ok(())
    }

    /// Reads a number's body and says whether it is finite.
    fn decimal_or_hex(&mut self, start: usize) -> Result<bool, Stop> {
        let body = self.at;
        if self.eat('0') && (self.eat('x') || self.eat('X')) {
            while self.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
                self.next();
            }
            return Ok(true);
        }
        let plain_zero =
            self.at > body && !matches!(self.peek(), Some('.' | 'e' | 'E' | '0'..='9'));
        while !plain_zero && matches!(self.peek(), Some('+' | '-' | '.' | 'e' | 'E' | '0'..='9')) {
            self.next();
        }
        self.text[start..self.at]
            .parse::<f64>()
            .map(f64::is_finite)
            .map_err(|_| Stop::Expected("a number"))
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Result<(), Stop> {
        loop {
            match self.peek() {
                Some('/') => self.comment()?,
                Some(c) if white(c) => {
                    self.next();
                }
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), Stop> {
        self.next();
        if self.eat('/') {
            while !matches!(
                self.next(),
                None | Some('\n' | '\r' | '\u{2028}' | '\u{2029}')
            ) {}
            return Ok(());
        }
        if !self.eat('*') {
            return Err(Stop::Expected("a comment after `/`"));
        }
        loop {
            match self.next() {
                None => return Err(Stop::Expected("`*/` at the end of the comment")),
                Some('*') if self.eat('/') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    fn peek(&self) -> Option<char> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.first() {
            Some(&byte) if byte.is_ascii() => Some(char::from(byte)),
            _ => self.text[self.at..].chars().next(),
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        let line_ends = c == '\n' || (c == '\r' && self.peek() != Some('\n'));
        if line_ends {
            self.place = (self.place.0 + 1, 1);
        } else {
            self.place.1 += 1;
        }
        Some(c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }
}

/// The key that a quoted text stands for.
fn decoded<'t>(quoted: &str, inner: &'t str) -> Result<Cow<'t, str>, Stop> {
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    json5::from_str::<String>(quoted)
        .map(Cow::Owned)
        .map_err(|_| Stop::Expected("valid escapes in the key"))
}

fn white(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
        )
}

fn name_char(c: char) -> bool {
    !white(c) && !matches!(c, ':' | ',' | '{' | '}' | '[' | ']' | '"' | '\'' | '/')
}
