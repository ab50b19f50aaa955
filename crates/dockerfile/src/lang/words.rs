//! An instruction's text cut into keyword, flags and words.

use super::ast::{Command, Word};
use super::lines::LogicalLine;
use pith_diagnostic::{Place, Problem, Source};
use serde_json::Value;

/// `--name` or `--name=value`.
#[derive(Clone, Debug)]
pub(super) struct Flag {
    pub name: String,
    pub value: Option<Word>,
    pub place: Place,
    /// Where the value starts in the line.
    pub value_offset: usize,
}

/// The text of one instruction, being read.
pub(super) struct Body<'b> {
    pub source: &'b Source,
    pub line: &'b LogicalLine,
    pub escape: char,
    /// The keyword in upper case.
    pub keyword: String,
    /// Where what follows the flags starts in the line.
    pub start: usize,
    pub flags: Vec<Flag>,
}

/// Words separated by blanks, each with its offset.
fn blanks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(move |word| (word.as_ptr().addr() - text.as_ptr().addr(), word))
}

/// Words separated by blanks that stand outside quotes, quotes kept.
fn quoted_words(text: &str, escape: char) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, ch)) = chars.next() {
        if quote.is_none() && ch.is_whitespace() {
            if let Some(from) = start.take() {
                words.push((from, text.get(from..at).unwrap_or_default()));
            }
            continue;
        }
        start.get_or_insert(at);
        if ch == escape && quote != Some('\'') {
            chars.next();
        } else if quote == Some(ch) {
            quote = None;
        } else if quote.is_none() && (ch == '"' || ch == '\'') {
            quote = Some(ch);
        }
    }
    if let Some(from) = start {
        words.push((from, text.get(from..).unwrap_or_default()));
    }
    words
}

impl<'b> Body<'b> {
    pub(super) fn new(source: &'b Source, line: &'b LogicalLine, escape: char) -> Self {
        let word = line.text.split_whitespace().next().unwrap_or_default();
        let mut body = Self {
            source,
            line,
            escape,
            keyword: word.to_ascii_uppercase(),
            start: line.text.find(word).unwrap_or(0) + word.len(),
            flags: Vec::new(),
        };
        body.skip_blanks();
        while body.rest().starts_with("--") {
            if !body.read_flag() {
                break;
            }
        }
        body
    }

    pub(super) fn rest(&self) -> &'b str {
        self.line.text.get(self.start..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.start += rest.len() - rest.trim_start().len();
    }

    /// Reads one flag; `--` alone ends them.
    fn read_flag(&mut self) -> bool {
        let text = self.rest();
        let (mut word, mut end, mut quote, mut equals) = (String::new(), text.len(), None, None);
        let mut chars = text.char_indices();
        while let Some((at, ch)) = chars.next() {
            if quote.is_none() && ch.is_whitespace() {
                end = at;
                break;
            }
            if ch == self.escape && quote != Some('\'') {
                word.extend(chars.next().map(|(_, next)| next));
            } else if quote == Some(ch) {
                quote = None;
            } else if quote.is_none() && (ch == '"' || ch == '\'') {
                quote = Some(ch);
            } else {
                if ch == '=' && equals.is_none() {
                    equals = Some((word.len(), at + 1));
                }
                word.push(ch);
            }
        }
        let start = self.start;
        self.start += end;
        self.skip_blanks();
        if word == "--" {
            return false;
        }
        let place = self.line.place_of(start, end);
        let (name, value, value_offset) = match equals {
            Some((cut, at)) => {
                let text = word.get(cut + 1..).unwrap_or_default().to_owned();
                (
                    word.get(2..cut).unwrap_or_default().to_owned(),
                    Some(Word { text, place: self.line.place_of(start + at, end - at) }),
                    start + at,
                )
            }
            None => (word.get(2..).unwrap_or_default().to_owned(), None, start + end),
        };
        self.flags.push(Flag { name, value, place, value_offset });
        true
    }

    pub(super) fn word(&self, offset: usize, text: &str) -> Word {
        Word { text: text.to_owned(), place: self.line.place_of(self.start + offset, text.len()) }
    }

    /// All that follows the flags, as one word.
    pub(super) fn whole(&self) -> Word {
        self.word(0, self.rest())
    }

    pub(super) fn words(&self) -> Vec<Word> {
        blanks(self.rest()).map(|(offset, text)| self.word(offset, text)).collect()
    }

    pub(super) fn quoted_words(&self) -> Vec<Word> {
        quoted_words(self.rest(), self.escape).into_iter().map(|(offset, text)| self.word(offset, text)).collect()
    }

    pub(super) fn keyword_place(&self) -> Place {
        let text = &self.line.text;
        let start = text.len() - text.trim_start().len();
        self.line.place_of(start, self.keyword.len())
    }

    /// An error about the whole instruction.
    pub(super) fn problem(&self, message: impl Into<String>, label: impl Into<String>) -> Problem {
        self.source.problem(self.keyword_place(), message, label)
    }

    /// The JSON array of strings that the rest is, if it is one.
    ///
    /// # Errors
    /// A JSON array with something else in it. What is no JSON at all is no error: it is the shell form.
    pub(super) fn json(&self) -> Result<Option<Vec<String>>, Problem> {
        if !self.rest().starts_with('[') {
            return Ok(None);
        }
        let Ok(values) = serde_json::from_str::<Vec<Value>>(self.rest()) else { return Ok(None) };
        let strings: Option<Vec<String>> =
            values.into_iter().map(|value| if let Value::String(text) = value { Some(text) } else { None }).collect();
        strings.map(Some).ok_or_else(|| {
            self.source
                .problem(self.whole().place, "a JSON array in a Dockerfile holds strings only", "something else is in here")
                .with_help("put every element in double quotes")
        })
    }

    /// The rest as a command in one of its forms.
    ///
    /// # Errors
    /// As [`Body::json`].
    pub(super) fn command(&self) -> Result<Command, Problem> {
        Ok(self.json()?.map_or_else(|| Command::Shell(self.rest().to_owned()), Command::Exec))
    }

    /// JSON array or words separated by blanks.
    ///
    /// # Errors
    /// As [`Body::json`].
    pub(super) fn list(&self) -> Result<Vec<Word>, Problem> {
        let whole = self.whole().place;
        Ok(self.json()?.map_or_else(|| self.words(), |strings| strings.into_iter().map(|text| Word { text, place: whole }).collect()))
    }
}
