//! `.dockerignore` and `--exclude`: which paths are left out.

use super::glob::{Glob, Stars};
use super::path;

struct Rule {
    glob: Glob,
    negated: bool,
}

/// Patterns in order; the last one that fits decides.
#[derive(Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: the pattern {pattern:?} cannot be read: {reason}")]
pub struct IgnoreError {
    /// Line, counted from 1.
    pub line: usize,
    /// The pattern.
    pub pattern: String,
    /// Why.
    pub reason: &'static str,
}

impl Ignore {
    /// Reads the lines of a `.dockerignore` file.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn parse(text: &str) -> Result<Self, IgnoreError> {
        let lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        Self::new(lines.map(|(index, line)| (index + 1, line.trim())))
    }

    /// Makes rules of numbered patterns.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn new<'p>(patterns: impl Iterator<Item = (usize, &'p str)>) -> Result<Self, IgnoreError> {
        let mut rules = Vec::new();
        for (line, pattern) in patterns {
            let (negated, body) = match pattern.strip_prefix('!') {
                Some(body) => (true, body.trim()),
                None => (false, pattern),
            };
            let cleaned = path::clean(body.as_bytes());
            let error = |reason| IgnoreError { line, pattern: pattern.to_owned(), reason };
            if cleaned.is_empty() {
                if negated && body.is_empty() {
                    return Err(error("nothing follows '!'"));
                }
                continue;
            }
            let glob = Glob::new(&String::from_utf8_lossy(&cleaned), Stars::Deep).map_err(error)?;
            rules.push(Rule { glob, negated });
        }
        Ok(Self { rules })
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether something in an ignored directory may be wanted after all.
    #[must_use]
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.negated)
    }

    /// Whether a path is left out: a rule fits it or a directory that it is in.
    #[must_use]
    pub fn ignores(&self, name: &[u8]) -> bool {
        let mut ancestors: Vec<&[u8]> = vec![name];
        while let Some(parent) = ancestors.last().and_then(|name| path::parent(name)).filter(|parent| !parent.is_empty()) {
            ancestors.push(parent);
        }
        let mut ignored = false;
        for rule in &self.rules {
            if ignored == rule.negated && ancestors.iter().any(|name| rule.glob.matches(name)) {
                ignored = !rule.negated;
            }
        }
        ignored
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    #[test]
    fn the_last_rule_that_fits_decides() {
        let ignore = Ignore::parse("# comment\n\n*.md\n!README*.md\nREADME-secret.md\n/build/\n**/*.o\n!keep/**/x.o\ntmp?\n").unwrap();
        for ignored in ["a.md", "README-secret.md", "build", "build/x/y", "a/b/c.o", "tmp1"] {
            assert!(ignore.ignores(ignored.as_bytes()), "{ignored}");
        }
        for kept in ["README.md", "docs/a.md", "keep/a/x.o", "tmp", "src/build"] {
            assert!(!ignore.ignores(kept.as_bytes()), "{kept}");
        }
        assert!(ignore.has_exceptions());
        assert!(Ignore::parse("[a\n").is_err());
        assert!(Ignore::parse("!\n").is_err());
        assert!(Ignore::parse("*\n!a/b\n").unwrap().ignores(b"a"));
        assert!(!Ignore::parse("*\n!a/b\n").unwrap().ignores(b"a/b"));
    }
}
