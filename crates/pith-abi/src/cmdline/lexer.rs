//! Words, quotes and lists, without their meaning.
//!
//! By bytes: all that means something is ASCII, so text cut there stays text, and a kernel needs no tables of characters.

use super::parse::ParseError;
use alloc::string::String;
use alloc::vec::Vec;

/// A position in the command line.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    pos: usize,
}

/// The right-hand side of `name=`: one word, or the items of a list, each with where it begins.
pub(super) type Value = Vec<(usize, String)>;

pub(super) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r')
}

/// The text before and behind the first `separator`, which is ASCII.
pub(super) fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

impl<'a> Lexer<'a> {
    pub(super) fn starting_at(text: &'a str, pos: usize) -> Self {
        Self { text, pos }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// Moves behind all bytes that are `wanted`, and returns them.
    fn take_while(&mut self, wanted: &dyn Fn(u8) -> bool) -> &'a str {
        let start = self.pos;
        while self.peek().is_some_and(wanted) {
            self.pos += 1;
        }
        self.since(start)
    }

    /// Moves to the next word. `false` at the end of the line.
    pub(super) fn next_word_start(&mut self) -> bool {
        self.take_while(&is_space);
        self.peek().is_some()
    }

    /// The text up to the next space, quotes not understood.
    pub(super) fn raw_word(&self) -> &'a str {
        self.clone().take_while(&|b| !is_space(b))
    }

    /// The raw text between `start` and here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    /// `name` when here stands `name=`; does not move.
    pub(super) fn parameter_name(&self) -> Option<&'a str> {
        let mut ahead = self.clone();
        let name = ahead.take_while(&|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        let first = *name.as_bytes().first()?;
        (ahead.peek() == Some(b'=') && (first.is_ascii_alphabetic() || first == b'_')).then_some(name)
    }

    /// Reads one word, quotes resolved. The caller stands at its first character.
    pub(super) fn word(&mut self) -> Result<String, ParseError> {
        let mut out = String::new();
        while self.peek().is_some_and(|b| !is_space(b)) {
            self.piece(&mut out)?;
        }
        Ok(out)
    }

    /// Reads a run of ordinary characters, or one `]`, escape or quoted run, into `out`.
    fn piece(&mut self, out: &mut String) -> Result<(), ParseError> {
        let start = self.pos;
        let unclosed = |expected| Err(ParseError::new(start, expected, "the end of the line"));
        let Some(first) = self.peek() else { return Ok(()) };
        self.pos += 1;
        match first {
            b'"' | b'\'' => loop {
                out.push_str(self.take_while(&|b| b != first && (b != b'\\' || first == b'\'')));
                let end = self.peek();
                self.pos += 1;
                match end {
                    None => return unclosed(if first == b'"' { "a closing '\"'" } else { "a closing \"'\"" }),
                    Some(b'\\') if first == b'"' => {
                        // Only these two are escaped between quotes; any other backslash is itself.
                        let escaped = self.peek().filter(|b| matches!(b, b'"' | b'\\'));
                        out.push_str(match escaped {
                            Some(b'"') => "\"",
                            _ => "\\",
                        });
                        self.pos += usize::from(escaped.is_some());
                    }
                    Some(_) => return Ok(()),
                }
            },
            b'\\' => {
                let from = self.pos;
                self.pos += 1;
                // The whole of a character that has several bytes.
                self.take_while(&|b| b & 0xc0 == 0x80);
                if from == self.text.len() {
                    return unclosed("a character after '\\'");
                }
                out.push_str(self.since(from));
            }
            b']' => *out += "]",
            _ => {
                self.take_while(&|b| !is_space(b) && !matches!(b, b'"' | b'\'' | b'\\' | b']'));
                out.push_str(self.since(start));
            }
        }
        Ok(())
    }

    /// Reads `name=` (known to stand here) and its value. `[` opens a list when a space, a quote or `]` follows it;
    /// otherwise it belongs to the value, as in `netdev.ip=[fd00::2]/64`.
    pub(super) fn value(&mut self, name: &str) -> Result<Value, ParseError> {
        self.pos += name.len() + 1;
        let pos = self.pos;
        let mut items = Vec::new();
        let opens_list = match self.rest().as_bytes() {
            [b'[', next, ..] => is_space(*next) || matches!(next, b'"' | b'\'' | b']'),
            other => *other == *b"[",
        };
        if !opens_list {
            items.push((pos, self.word()?));
            return Ok(items);
        }
        self.pos += 1;
        loop {
            if !self.next_word_start() {
                return Err(ParseError::new(pos, "a closing ']'", "the end of the line"));
            }
            if self.peek() == Some(b']') {
                self.pos += 1;
                if self.peek().is_none_or(is_space) {
                    return Ok(items);
                }
                return Err(ParseError::new(self.pos, "a space after ']'", self.raw_word()));
            }
            let start = self.pos;
            let mut item = String::new();
            while let Some(b) = self.peek() {
                // A quoted item may touch the bracket: `["a" "b"]`.
                let ends_after_quote = b == b']' && matches!(self.since(start).as_bytes().last(), Some(b'"' | b'\''));
                if is_space(b) || ends_after_quote {
                    break;
                }
                self.piece(&mut item)?;
            }
            items.push((start, item));
        }
    }
}
