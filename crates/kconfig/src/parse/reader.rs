//! Logical lines of one file.

use super::variables::Variables;
use crate::lexer::{self, Token};
use crate::model::Location;
use pith_diagnostic::{Place, Problem, Source};
use std::sync::Arc;

/// One logical line: continuation lines joined, variables filled in, split into words.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) tokens: Vec<(Token, Place)>,
    pub(super) location: Location,
    /// The whole line in the file.
    place: Place,
    /// Its text, variables filled in.
    pub(super) text: String,
}

impl Line {
    /// The first word, if it is one.
    pub(super) fn keyword(&self) -> &str {
        match self.tokens.first() {
            Some((Token::Word(word), _)) => word,
            _ => "",
        }
    }

    /// Place in the file of the word at `index`, or of the line's end.
    pub(super) fn place(&self, index: usize) -> Place {
        self.tokens.get(index).map_or(Place { start: self.place.start + self.place.len, len: 0 }, |(_, place)| *place)
    }
}

pub(super) struct Reader {
    source: Source,
    pub(super) file: Arc<str>,
    text: Arc<str>,
    /// Start of the next physical line.
    offset: usize,
    /// Number of that line, counted from 1.
    line: usize,
    /// A line that was read too early.
    pushed: Option<Line>,
}

impl Reader {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self { source: Source::new(file, text, "kconfig"), file: file.into(), text: text.into(), offset: 0, line: 1, pushed: None }
    }

    pub(super) fn problem(&self, place: Place, message: impl Into<String>, label: impl Into<String>) -> Problem {
        self.source.problem(place, message, label)
    }

    /// A complaint about a whole line.
    pub(super) fn at_line(&self, line: usize, message: impl Into<String>, label: impl Into<String>) -> Problem {
        let start: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let len = self.text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
        self.source.problem(Place { start, len }, message, label)
    }

    /// The next physical line, with its offset.
    fn physical(&mut self) -> Option<(usize, Arc<str>)> {
        let start = self.offset;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        self.offset += line.len();
        self.line += 1;
        Some((start, line.trim_end_matches(['\n', '\r']).into()))
    }

    pub(super) fn push_back(&mut self, line: Line) {
        self.pushed = Some(line);
    }

    /// The next line that says something.
    pub(super) fn next(&mut self, variables: &Variables) -> Result<Option<Line>, Problem> {
        if let Some(line) = self.pushed.take() {
            return Ok(Some(line));
        }
        loop {
            let number = self.line;
            let Some((start, first)) = self.physical() else { return Ok(None) };
            let mut raw = first.to_string();
            let mut end = start + first.len();
            while raw.ends_with('\\') {
                raw.pop();
                let Some((offset, more)) = self.physical() else { break };
                raw.push_str(&more);
                end = offset + more.len();
            }
            if raw.trim_start().starts_with('#') {
                continue;
            }
            let place = Place { start, len: end - start };
            let text = variables.expand(&raw).map_err(|problem| self.problem(place, problem, "in this line"))?;
            // Where variables or continuation lines moved the words, the line as a whole is pointed at.
            let is_moved = text != *first;
            let locate = |inner: Place| if is_moved { place } else { Place { start: start + inner.start, len: inner.len } };
            let tokens = lexer::tokens(&text)
                .map_err(|error| self.problem(locate(Place { start: error.at, len: error.len }), error.message, "here"))?;
            if tokens.is_empty() {
                continue;
            }
            let tokens = tokens.into_iter().map(|(token, inner)| (token, locate(inner))).collect();
            return Ok(Some(Line { tokens, location: Location { file: Arc::clone(&self.file), line: number }, place, text }));
        }
    }

    /// The text below `help`: all lines that are indented at least as far as the first.
    pub(super) fn help(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut indent = None;
        loop {
            let (offset, number) = (self.offset, self.line);
            let Some((_, line)) = self.physical() else { break };
            let text = line.replace('\t', "        ");
            let depth = text.len() - text.trim_start().len();
            if text.trim().is_empty() {
                if indent.is_some() {
                    lines.push(String::new());
                }
                continue;
            }
            let wanted = *indent.get_or_insert(depth);
            if depth == 0 || depth < wanted {
                (self.offset, self.line) = (offset, number);
                break;
            }
            lines.push(text.get(wanted..).unwrap_or_default().trim_end().to_owned());
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.join("\n")
    }
}
