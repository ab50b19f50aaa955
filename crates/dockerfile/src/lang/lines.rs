//! Physical lines to logical ones: parser directives, comments, continuation, heredocs.

use super::heredoc::{self, Heredoc};
use pith_diagnostic::{Place, Problem, Source, Warning};

/// `# name=value` lines at the top of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    /// The frontend image that `# syntax=` names. This engine speaks the language itself and does not fetch it.
    pub syntax: Option<String>,
    /// The character that continues a line and takes the meaning off the next character: backslash or backtick.
    pub escape: char,
    /// Checks that `# check=skip=` turns off, by name; `all` turns off all.
    pub skipped_checks: Vec<String>,
    /// Whether `# check=error=true` makes warnings errors.
    pub warnings_are_errors: bool,
}

impl Default for Directives {
    fn default() -> Self {
        Self { syntax: None, escape: '\\', skipped_checks: Vec::new(), warnings_are_errors: false }
    }
}

/// One instruction's text, its lines joined.
#[derive(Clone, Debug, Default)]
pub(super) struct LogicalLine {
    /// The text without continuation characters and comments.
    pub text: String,
    /// Where pieces of `text` come from: (first byte in `text`, first byte in the file), ascending.
    segments: Vec<(usize, usize)>,
    /// The whole of it in the file, heredocs included.
    pub place: Place,
    /// Heredocs in the order they are named.
    pub heredocs: Vec<Heredoc>,
}

impl LogicalLine {
    /// A line that stands in the file as it is.
    pub(super) fn single(text: &str, start: usize) -> Self {
        let place = Place { start, len: text.len() };
        Self { text: text.to_owned(), segments: vec![(0, start)], place, heredocs: Vec::new() }
    }

    fn offset(&self, at: usize) -> usize {
        let index = self.segments.partition_point(|(logical, _)| *logical <= at).saturating_sub(1);
        self.segments.get(index).map_or(self.place.start, |(logical, physical)| physical + at.saturating_sub(*logical))
    }

    /// Where `len` bytes of `text` stand in the file. A piece that spans lines covers what is between.
    pub(super) fn place_of(&self, start: usize, len: usize) -> Place {
        let first = self.offset(start);
        let last = if len == 0 { first } else { self.offset(start + len - 1) + 1 };
        Place { start: first, len: last.saturating_sub(first) }
    }
}

/// The lines of a file with where each starts; `\n` and `\r\n` are not part of them.
fn physical(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |raw| {
        let start = at;
        at += raw.len();
        let line = raw.strip_suffix('\n').unwrap_or(raw);
        (start, line.strip_suffix('\r').unwrap_or(line))
    })
}

/// `# name=value`, both in any case and with blanks anywhere.
fn directive(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.trim_start().strip_prefix('#')?.split_once('=')?;
    let name = name.trim();
    let word = !name.is_empty() && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    (word && !value.trim().is_empty()).then(|| (name.to_ascii_lowercase(), value.trim()))
}

/// Reads the directives at the top.
///
/// # Errors
/// A directive that is given twice or has an impossible value.
pub(super) fn directives(source: &Source, text: &str) -> Result<Directives, Problem> {
    let mut result = Directives::default();
    let mut seen: Vec<String> = Vec::new();
    for (start, line) in physical(text) {
        let line_text = line.trim_start_matches('\u{feff}');
        let Some((name, value)) = directive(line_text) else { break };
        let place = Place { start, len: line.len() };
        if !["syntax", "escape", "check"].contains(&name.as_str()) {
            break;
        }
        if seen.contains(&name) {
            return Err(source
                .problem(place, format!("the parser directive {name:?} is given twice"), "second one")
                .with_help("keep one of the two lines"));
        }
        match name.as_str() {
            "syntax" => result.syntax = Some(value.to_owned()),
            "escape" => {
                result.escape = match value {
                    "\\" => '\\',
                    "`" => '`',
                    _ => {
                        return Err(source
                            .problem(place, format!("the escape character is {value:?}"), "expected \\ or `")
                            .with_help("write `# escape=\\` or `# escape=`` (a backtick)"));
                    }
                }
            }
            _ => check_directive(source, place, value, &mut result)?,
        }
        seen.push(name);
    }
    Ok(result)
}

/// `skip=A,B;error=true`.
fn check_directive(source: &Source, place: Place, value: &str, into: &mut Directives) -> Result<(), Problem> {
    for option in value.split(';').map(str::trim).filter(|option| !option.is_empty()) {
        match option.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("skip", names)) => into.skipped_checks.extend(names.split(',').map(|name| name.trim().to_owned())),
            Some(("error", "true")) => into.warnings_are_errors = true,
            Some(("error", "false")) => into.warnings_are_errors = false,
            _ => {
                return Err(source
                    .problem(place, format!("unknown option {option:?} of the parser directive \"check\""), "here")
                    .with_help("expected skip=NAME,NAME or skip=all, and error=true or error=false, separated by ';'"));
            }
        }
    }
    Ok(())
}

/// The part of a line before a continuation character at its end, if there is one. Doubled, it is an ordinary character.
fn continued(line: &str, escape: char) -> Option<&str> {
    let head = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!head.ends_with(escape)).then_some(head)
}

/// Joins lines to instructions.
///
/// # Errors
/// A heredoc without an end.
pub(super) fn logical(source: &Source, text: &str, escape: char, warnings: &mut Vec<Warning>) -> Result<Vec<LogicalLine>, Problem> {
    let mut result = Vec::new();
    let mut lines = physical(text).peekable();
    while let Some((start, line)) = lines.next() {
        let line_text = if start == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let trimmed = line_text.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut current = LogicalLine { place: Place { start: start + line.len() - trimmed.len(), len: 0 }, ..LogicalLine::default() };
        let mut end = start + line.len();
        let (mut piece, mut at) = (trimmed, current.place.start);
        let mut empty = None;
        loop {
            current.segments.push((current.text.len(), at));
            let Some(head) = continued(piece, escape) else {
                current.text.push_str(piece);
                break;
            };
            current.text.push_str(head);
            let next = loop {
                let Some((start, line)) = lines.next() else { break None };
                let body = line.trim();
                if body.starts_with('#') {
                    continue;
                }
                if body.is_empty() {
                    empty.get_or_insert(Place { start, len: line.len() });
                    continue;
                }
                break Some((start, line));
            };
            let Some((start, line)) = next else { break };
            (piece, at) = (line, start);
            end = start + line.len();
        }
        if let Some(place) = empty {
            warnings.push(source.warning(place, "NoEmptyContinuation: an empty line inside a continued instruction; it is skipped"));
        }
        current.text.truncate(current.text.trim_end().len());
        for mut heredoc in heredoc::names(&current.text, escape) {
            let place = current.place_of(heredoc.word.start, heredoc.word.len);
            let mut closed = false;
            heredoc.place = Place { start: lines.peek().map_or(text.len(), |(start, _)| *start), len: 0 };
            for (start, line) in lines.by_ref() {
                end = start + line.len();
                if (if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line }) == heredoc.name {
                    closed = true;
                    break;
                }
                heredoc.content.push_str(line);
                heredoc.content.push('\n');
            }
            if !closed {
                return Err(source
                    .problem(place, format!("the heredoc {:?} has no end", heredoc.name), "starts here")
                    .with_help(format!("put {} on a line of its own after its text", heredoc.name)));
            }
            heredoc.place.len = end.saturating_sub(heredoc.place.start);
            heredoc.word = place;
            current.heredocs.push(heredoc);
        }
        current.place.len = end.saturating_sub(current.place.start);
        result.push(current);
    }
    Ok(result)
}
