//! Words, quotes and lists, without their meaning.

use super::parse::ParseError;
use alloc::string::String;
use alloc::vec::Vec;

/// A position in the command line.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    pos: usize,
}

/// The right-hand side of `name=`.
pub(super) enum Value {
    One { pos: usize, text: String },
    List(Vec<(usize, String)>),
}

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    pub(super) fn starting_at(text: &'a str, pos: usize) -> Self {
        Self { text, pos }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        // Nearly all are ASCII, and the machine's start waits for this.
        let byte = *self.text.as_bytes().get(self.pos)?;
        if byte.is_ascii() { Some(char::from(byte)) } else { self.rest().chars().next() }
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    /// Moves to the next word. `false` at the end of the line.
    pub(super) fn next_word_start(&mut self) -> bool {
        while self.peek().is_some_and(is_space) {
            self.bump();
        }
        self.peek().is_some()
    }

    /// The text up to the next space, quotes not understood.
    pub(super) fn raw_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|b| is_space(char::from(b))).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// The raw text between `start` and here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    /// `name` when here stands `name=`; does not move.
    pub(super) fn parameter_name(&self) -> Option<&'a str> {
        let rest = self.rest();
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let end = rest.bytes().position(|b| !legal(b))?;
        let first = *rest.as_bytes().first()?;
        (rest.as_bytes().get(end) == Some(&b'=') && (first.is_ascii_alphabetic() || first == b'_')).then(|| rest.get(..end)).flatten()
    }

    /// Reads one word, quotes resolved. The caller stands at its first character.
    pub(super) fn word(&mut self) -> Result<String, ParseError> {
        let mut out = String::new();
        while let Some(c) = self.peek() {
            if is_space(c) {
                break;
            }
            self.piece(&mut out)?;
        }
        Ok(out)
    }

    /// Reads a run of ordinary characters, or one other character, escape or quoted run, into `out`.
    fn piece(&mut self, out: &mut String) -> Result<(), ParseError> {
        let start = self.pos;
        let ordinary = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b':' | b'=' | b',' | b'@');
        let run = self.rest().bytes().take_while(|b| ordinary(b)).count();
        if run > 0 {
            self.pos += run;
            out.push_str(self.since(start));
            return Ok(());
        }
        match self.bump() {
            Some('"') => loop {
                match self.bump() {
                    Some('"') => return Ok(()),
                    Some('\\') if matches!(self.peek(), Some('"' | '\\')) => out.extend(self.bump()),
                    Some(c) => out.push(c),
                    None => return Err(ParseError::new(start, "a closing '\"'", "the end of the line")),
                }
            },
            Some('\'') => loop {
                match self.bump() {
                    Some('\'') => return Ok(()),
                    Some(c) => out.push(c),
                    None => return Err(ParseError::new(start, "a closing \"'\"", "the end of the line")),
                }
            },
            Some('\\') => match self.bump() {
                Some(c) => out.push(c),
                None => return Err(ParseError::new(start, "a character after '\\'", "the end of the line")),
            },
            Some(c) => out.push(c),
            None => {}
        }
        Ok(())
    }

    /// Reads `name=` (known to stand here) and its value. `[` opens a list when a space, a quote or `]` follows it;
    /// otherwise it belongs to the value, as in `netdev.ip=[fd00::2]/64`.
    pub(super) fn value(&mut self, name: &str) -> Result<Value, ParseError> {
        self.pos += name.len() + 1;
        let pos = self.pos;
        let mut after = self.rest().chars();
        let opens_list = after.next() == Some('[') && after.next().is_none_or(|c| is_space(c) || matches!(c, '"' | '\'' | ']'));
        if !opens_list {
            return Ok(Value::One { pos, text: self.word()? });
        }
        self.bump();
        let mut items = Vec::new();
        loop {
            if !self.next_word_start() {
                return Err(ParseError::new(pos, "a closing ']'", "the end of the line"));
            }
            if self.peek() == Some(']') {
                self.bump();
                if self.peek().is_none_or(is_space) {
                    return Ok(Value::List(items));
                }
                return Err(ParseError::new(self.pos, "a space after ']'", self.raw_word()));
            }
            let start = self.pos;
            let mut item = String::new();
            while let Some(c) = self.peek() {
                // A quoted item may touch the bracket: `["a" "b"]`.
                let ends_after_quote = c == ']' && self.since(start).ends_with(['"', '\'']);
                if is_space(c) || ends_after_quote {
                    break;
                }
                self.piece(&mut item)?;
            }
            items.push((start, item));
        }
    }
}
