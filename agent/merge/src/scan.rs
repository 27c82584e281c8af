//! The position scan: reads JSON5 for its shape alone, refuses what must not reach the parser.
//!
//! The `json5` crate says what the values are; it gives no positions, overflows the stack on deep
//! nesting, and lets duplicate keys and infinite numbers pass. This scan runs first. It accepts a
//! little more than JSON5 inside tokens, never less, so that the parser behind it has the last word.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::cursor::{Cursor, white};
use crate::guard::MAX_DEPTH;
use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::stop::Stop;

/// How many problems of one file are told; a broken generator makes thousands alike.
const MOST_PROBLEMS: usize = 100;

/// The places of all values of the text, or all that is wrong with its shape.
pub(crate) fn scan(text: &str) -> Result<Positions, Vec<Problem>> {
    let mut scanner = Scanner::new(text);
    if let Err(stop) = scanner.document() {
        let found = stop.problem(scanner.cursor.peek());
        let found = found.at(scanner.cursor.place).on(&scanner.key_path());
        scanner.problems.push(found);
    }
    if scanner.problems.is_empty() {
        Ok(scanner.positions)
    } else {
        Err(scanner.problems)
    }
}

struct Scanner<'t> {
    cursor: Cursor<'t>,
    depth: usize,
    path: Vec<Cow<'t, str>>,
    positions: Positions,
    problems: Vec<Problem>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str) -> Self {
        Scanner {
            cursor: Cursor::new(text),
            depth: 0,
            path: Vec::new(),
            positions: Positions::default(),
            problems: Vec::new(),
        }
    }

    fn document(&mut self) -> Result<(), Stop> {
        self.cursor.blank()?;
        if self.cursor.peek().is_none() {
            return Err(Stop::Empty);
        }
        let at = self.positions.open(self.cursor.place);
        self.value()?;
        self.positions.close(at);
        self.cursor.blank()?;
        match self.cursor.peek() {
            Some(_) => Err(Stop::Expected("the end of the file")),
            None => Ok(()),
        }
    }

    fn value(&mut self) -> Result<(), Stop> {
        match self.cursor.peek() {
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
        self.cursor.next();
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Result<(), Stop> {
        let mut keys = HashSet::new();
        loop {
            self.cursor.blank()?;
            if self.cursor.eat('}') {
                return Ok(());
            }
            let at = self.positions.open(self.cursor.place);
            let key = self.key()?;
            self.path.push(key.clone());
            if !keys.insert(key) {
                self.duplicate(at);
            }
            self.cursor.blank()?;
            if !self.cursor.eat(':') {
                return Err(Stop::Expected("`:` after the key"));
            }
            self.member(at)?;
            if !self.cursor.eat(',') && self.cursor.peek() != Some('}') {
                return Err(Stop::Expected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self) -> Result<(), Stop> {
        for index in 0_usize.. {
            self.cursor.blank()?;
            if self.cursor.eat(']') {
                break;
            }
            let at = self.positions.open(self.cursor.place);
            self.path.push(Cow::Owned(index.to_string()));
            self.member(at)?;
            if !self.cursor.eat(',') && self.cursor.peek() != Some(']') {
                return Err(Stop::Expected("`,` or `]`"));
            }
        }
        Ok(())
    }

    fn member(&mut self, at: usize) -> Result<(), Stop> {
        self.cursor.blank()?;
        self.value()?;
        self.positions.close(at);
        self.path.pop();
        self.cursor.blank()?;
        Ok(())
    }

    fn key_path(&self) -> KeyPath {
        KeyPath::from(
            self.path
                .iter()
                .map(|key| key.to_string())
                .collect::<Vec<_>>(),
        )
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
            self.problems.push(problem.on(&self.key_path()));
        }
    }

    fn key(&mut self) -> Result<Cow<'t, str>, Stop> {
        match self.cursor.peek() {
            Some('"' | '\'') => {
                let raw = self.string()?;
                decoded(raw, &raw[1..raw.len() - 1])
            }
            Some(c) if name_char(c) => {
                let start = self.cursor.at;
                self.cursor.skip(|byte| name_char(char::from(byte)));
                while self.cursor.peek().is_some_and(name_char) {
                    self.cursor.next();
                }
                let raw = self.cursor.since(start);
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
        let start = self.cursor.at;
        let quote = self.cursor.next();
        loop {
            self.cursor
                .skip(|byte| !matches!(byte, b'"' | b'\'' | b'\\'));
            match self.cursor.peek() {
                None | Some('\n' | '\r') => return Err(Stop::Expected("the closing quote")),
                Some('\\') => {
                    self.cursor.next();
                    if self.cursor.next() == Some('\r') {
                        self.cursor.eat('\n');
                    }
                }
                c => {
                    self.cursor.next();
                    if c == quote {
                        return Ok(self.cursor.since(start));
                    }
                }
            }
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Stop> {
        if !self.cursor.text[self.cursor.at..].starts_with(word) {
            return Err(Stop::Expected("a value"));
        }
        word.chars().for_each(|_| {
            self.cursor.next();
        });
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        let (start, place) = (self.cursor.at, self.cursor.place);
        if !self.cursor.eat('+') {
            self.cursor.eat('-');
        }
        let finite = match self.cursor.peek() {
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
        let body = self.cursor.at;
        if self.cursor.eat('0') && (self.cursor.eat('x') || self.cursor.eat('X')) {
            while self.cursor.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
                self.cursor.next();
            }
            return Ok(true);
        }
        let plain_zero = self.cursor.at > body
            && !matches!(self.cursor.peek(), Some('.' | 'e' | 'E' | '0'..='9'));
        while !plain_zero
            && matches!(
                self.cursor.peek(),
                Some('+' | '-' | '.' | 'e' | 'E' | '0'..='9')
            )
        {
            self.cursor.next();
        }
        self.cursor
            .since(start)
            .parse::<f64>()
            .map(f64::is_finite)
            .map_err(|_| Stop::Expected("a number"))
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

fn name_char(c: char) -> bool {
    !white(c) && !matches!(c, ':' | ',' | '{' | '}' | '[' | ']' | '"' | '\'' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// A number that JSON cannot hold becomes null in the parser; the scan refuses those texts.
    fn refused_on_purpose(problems: &[Problem]) -> bool {
        problems.iter().all(|problem| {
            let kind = problem.kind;
            kind == ProblemKind::DuplicateKey || kind == ProblemKind::NotFinite
        })
    }

    /// The scan and the parser must agree; the parser may refuse more inside tokens.
    fn agree(text: &str) {
        let parsed = json5::from_str::<Value>(text);
        match (scan(text), parsed) {
            (Ok(positions), Ok(value)) => {
                let shape = Positions::unknown(&value);
                let ends = |positions: &Positions| {
                    positions.0.iter().map(|spot| spot.end).collect::<Vec<_>>()
                };
                assert_eq!(ends(&positions), ends(&shape), "{text:?}");
                check_places(text, &positions, &value);
            }
            (Err(problems), Ok(_)) => {
                assert!(refused_on_purpose(&problems), "{text:?} {problems:?}")
            }
            (Ok(_), Err(_)) | (Err(_), Err(_)) => {}
        }
    }

    /// Every spot is where its key or element begins.
    fn check_places(text: &str, positions: &Positions, value: &Value) {
        let offset = |(line, column): (u32, u32)| {
            let mut cursor = Cursor::new(text);
            while cursor.place < (line, column) {
                cursor.next();
            }
            assert_eq!(cursor.place, (line, column));
            cursor.at
        };
        if let Value::Object(map) = value {
            let mut child = 1;
            for key in map.keys() {
                let rest = &text[offset(positions.at(child).place())..];
                let rest = rest.trim_start_matches(['"', '\'']);
                if key.chars().all(char::is_alphanumeric) && !text.contains('\\') {
                    assert!(rest.starts_with(key.as_str()), "{key} {text:?}");
                }
                child = positions.after(child);
            }
        }
    }

    #[test]
    fn agrees_with_the_parser_on_odd_texts() {
        for text in [
            "{}",
            "[]",
            "{,}",
            "[,]",
            "[1,,2]",
            "[1,]",
            "{a:1,}",
            "{a:1,,}",
            "{'a':1 'b':2}",
            "{a b:1}",
            "{a-b:1}",
            "{\\u0061:1}",
            "{'\\u0061':1,a:2}",
            "{'\\x61':[1]}",
            "{'a\\\nb':1}",
            "{'a\\\r\nb':1}",
            "'\u{2028}'",
            "// x\u{2028}1",
            "// x\r1",
            "/* * / **/1",
            "/**/",
            "/",
            "1/",
            "nul",
            "nullx",
            "true false",
            "+1",
            "-0",
            "+.5",
            "5.",
            ".",
            "-",
            "0x1F",
            "0xg",
            "0x",
            "01",
            "00",
            "0e1",
            "0.5e-3",
            "1e",
            "1e+",
            "--1",
            "1.2.3",
            "+Infinity",
            "-NaN",
            "Inf",
            "\u{feff}{a:1}",
            "{\u{a0}a\u{3000}:\u{2003}1}",
            "\u{85}1",
            "{ünï:1,$_:2,〆:3}",
            "{a\u{200c}b:1}",
            "{1:2}",
            "{\"\":1}",
            "\"\\",
            "'a\nb'",
            "'\\u12'",
            "'\\1'",
            "{a:{b:[1,{c:'}'}]},d:\"]\"}",
            "99999999999999999999999999999999999999999999999",
            "{__proto__:1}",
        ] {
            agree(text);
        }
    }

    #[test]
    fn counts_lines_and_columns_in_characters() {
        let positions = scan("{\n  'é': 1,\r\n\t/* x\n */ b: [\r 2, {c: 3}] }").unwrap();
        let places: Vec<_> = positions.0.iter().map(|spot| spot.place()).collect();
        assert_eq!(places, [(1, 1), (2, 3), (4, 5), (5, 2), (5, 5), (5, 6)]);
    }

    #[test]
    fn long_lines_take_linear_time() {
        let member = |n: usize| format!("k{n}:{{}},");
        let text: String = (0..60_000).map(member).collect();
        assert_eq!(scan(&format!("{{{text}}}")).unwrap().0.len(), 60_001);
        assert_eq!(
            scan(&format!("{{{}}}", "a:NaN,".repeat(100_000)))
                .unwrap_err()
                .len(),
            MOST_PROBLEMS
        );
    }

    fn json5_text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            "-?[0-9]{1,4}",
            "[+-]?[0-9]{0,2}\\.[0-9]{1,3}(e[+-]?[0-9])?",
            "0x[0-9a-fA-F]{1,4}",
            "'[a-z \\\\\"]{0,5}'",
            "\"[a-zé/*{}\\[\\]:,']{0,6}\"",
        ];
        let blank = prop_oneof![
            Just(""),
            Just(" "),
            Just("\n"),
            Just("/*{*/"),
            Just("//}\n"),
            Just("\t\r\n")
        ];
        let key = prop_oneof!["[a-z$_]{1,3}", "'[a-z .]{0,3}'", "\"[a-zé]{0,3}\""];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let item = (blank.clone(), inner.clone(), blank.clone())
                .prop_map(|(a, v, b)| format!("{a}{v}{b}"));
            let member = (blank.clone(), key.clone(), blank.clone(), item.clone())
                .prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{v}"));
            prop_oneof![
                (prop::collection::vec(item, 0..5), any::<bool>()).prop_map(
                    |(items, comma)| format!(
                        "[{}{}]",
                        items.join(","),
                        if comma && !items.is_empty() { "," } else { "" }
                    )
                ),
                (prop::collection::vec(member, 0..5), any::<bool>()).prop_map(
                    |(members, comma)| format!(
                        "{{{}{}}}",
                        members.join(","),
                        if comma && !members.is_empty() {
                            ","
                        } else {
                            ""
                        }
                    )
                ),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_parser(text in json5_text()) {
            agree(&text);
        }

        #[test]
        fn agrees_with_the_parser_on_broken_text(
            text in json5_text(),
            at in any::<prop::sample::Index>(),
            instead in "[\\[\\]{}:,'\"/*\\\\\n0-9.eExnItN+-]{0,3}",
        ) {
            let mut chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            chars.splice(at..=at, instead.chars());
            agree(&chars.into_iter().collect::<String>());
        }

        #[test]
        fn agrees_with_the_parser_on_noise(text in "[\\[\\]{}:,'\"/*\\\\ \n0-9.eExanulI+-]{0,24}") {
            agree(&text);
        }

        #[test]
        fn any_text_is_scanned(text in ".*") {
            agree(&text);
        }
    }
}
