//! Complaints that show the line they are about.

use miette::{Diagnostic, NamedSource, SourceSpan};
use std::sync::Arc;

/// A place in the file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// Length in bytes.
    pub len: usize,
}

impl From<Place> for SourceSpan {
    fn from(place: Place) -> Self {
        (place.start, place.len).into()
    }
}

/// A file that cannot be used.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    #[source_code]
    source_code: Arc<NamedSource<Arc<str>>>,
    #[label("{label}")]
    place: SourceSpan,
    label: String,
    #[help]
    help: Option<String>,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
}

/// Something that is ignored, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is ignored.
    pub message: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
}

/// A file's name and text, for those who complain about it.
#[derive(Clone, Debug)]
pub struct Source {
    text: Arc<str>,
    named: Arc<NamedSource<Arc<str>>>,
}

impl Source {
    /// A file; `language` is the name that syntax highlighting goes by.
    #[must_use]
    pub fn new(name: &str, text: &str, language: &str) -> Self {
        let text: Arc<str> = text.into();
        let named = NamedSource::new(name, Arc::clone(&text)).with_language(language);
        Self { text, named: Arc::new(named) }
    }

    /// Line and column of a place, counted from 1; the column in characters.
    #[must_use]
    pub fn position(&self, place: Place) -> (usize, usize) {
        let before = self.text.get(..place.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// An error about `place`; `label` stands under the marked text.
    #[must_use]
    pub fn problem(&self, place: Place, message: impl Into<String>, label: impl Into<String>) -> Problem {
        let (line, column) = self.position(place);
        Problem {
            message: message.into(),
            source_code: Arc::clone(&self.named),
            place: place.into(),
            label: label.into(),
            help: None,
            line,
            column,
        }
    }

    /// Something at `place` that is ignored.
    #[must_use]
    pub fn warning(&self, place: Place, message: impl Into<String>) -> Warning {
        let (line, column) = self.position(place);
        Warning { message: message.into(), line, column }
    }
}

impl Problem {
    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}
