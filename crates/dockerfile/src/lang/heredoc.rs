//! `<<EOF`: which words of a line start one.

use super::shell::Lexer;
use pith_diagnostic::Place;

/// A here-document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// `<<-`: tabs at the start of lines are taken off.
    pub strip_tabs: bool,
    /// Whether variables are filled in (the name is not quoted).
    pub expand: bool,
    /// The descriptor number before `<<`; none is 0.
    pub descriptor: Option<u32>,
    /// The lines, tabs still there, each ending in a line feed.
    pub content: String,
    /// The lines in the file.
    pub place: Place,
    /// The word that names it, in the file.
    pub word: Place,
}

impl Heredoc {
    /// The text as it is meant: without tabs if `<<-` asked for that.
    #[must_use]
    pub fn text(&self) -> String {
        if !self.strip_tabs {
            return self.content.clone();
        }
        self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// Splits `digits << - name` apart; the name may be quoted.
pub(super) fn word(word: &str, escape: char) -> Option<Heredoc> {
    let at = word.find("<<")?;
    let (digits, rest) = (word.get(..at)?, word.get(at + 2..)?);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let strip_tabs = rest.starts_with('-');
    let raw = rest.strip_prefix('-').unwrap_or(rest);
    if raw.is_empty() || raw.contains('<') {
        return None;
    }
    let name = Lexer::new(escape, &|_| None).keep_unset().word(raw).ok()?.text;
    if name.is_empty() || name.contains('\n') {
        return None;
    }
    // Quotes or an escape in the name mean that the text is taken as it is.
    let expand = name == raw;
    Some(Heredoc { name, strip_tabs, expand, descriptor: digits.parse().ok(), ..Heredoc::default() })
}

/// Heredocs that an instruction's line names, in order; [`Heredoc::word`] is relative to the line.
pub(super) fn names(line: &str, escape: char) -> Vec<Heredoc> {
    let mut rest = line.trim_start();
    let keyword = |text: &str| text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if keyword(rest) == "ONBUILD" {
        rest = rest.get("ONBUILD".len()..).unwrap_or_default().trim_start();
    }
    let keyword = keyword(rest);
    if !["RUN", "COPY", "ADD"].contains(&keyword.as_str()) {
        return Vec::new();
    }
    let start = line.len() - rest.len() + keyword.len();
    let body = line.get(start..).unwrap_or_default();
    let mut found = Vec::new();
    for (offset, text) in Lexer::new(escape, &|_| None).keep_unset().raw().split(body).unwrap_or_default() {
        if let Some(heredoc) = word(&text, escape) {
            found.push(Heredoc { word: Place { start: start + offset, len: text.len() }, ..heredoc });
        }
    }
    found
}
