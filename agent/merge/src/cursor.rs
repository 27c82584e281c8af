//! Walks over JSON5 text: characters, white space, comments, and the place of each.

/// Where a walk stands.
pub(crate) struct Cursor<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
    /// Line and column of `at`, kept as we go: counting them anew for each key would be quadratic.
    pub(crate) place: (u32, u32),
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Cursor {
            text,
            at: 0,
            place: (1, 1),
        }
    }

    /// The text from `start` up to here.
    pub(crate) fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    /// Skips white space and comments.
    pub(crate) fn blank(&mut self) -> Result<(), &'static str> {
        loop {
            self.skip(|byte| byte == b' ');
            match self.peek() {
                Some('/') => self.comment()?,
                Some(c) if white(c) => {
                    self.next();
                }
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), &'static str> {
        self.next();
        if self.eat('/') {
            while !matches!(
                self.next(),
                None | Some('\n' | '\r' | '\u{2028}' | '\u{2029}')
            ) {}
            return Ok(());
        }
        if !self.eat('*') {
            return Err("a comment after `/`");
        }
        loop {
            match self.next() {
                None => return Err("`*/` at the end of the comment"),
                Some('*') if self.eat('/') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    pub(crate) fn peek(&self) -> Option<char> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.first() {
            Some(&byte) if byte.is_ascii() => Some(char::from(byte)),
            _ => self.text[self.at..].chars().next(),
        }
    }

    pub(crate) fn next(&mut self) -> Option<char> {
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

    /// Skips what stands on one line and is plain ASCII, as long as it is wanted.
    pub(crate) fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        let plain = |byte: &&u8| (b' '..=b'~').contains(*byte) && wanted(**byte);
        let count = rest.iter().take_while(plain).count();
        self.at += count;
        self.place.1 = self
            .place
            .1
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }
}

pub(crate) fn white(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}'
        )
}
