//! The two tables beside a core's Kconfig: which option is which feature, and what Unikraft's options are called here.

use pith_diagnostic::{Place, Problem, Source};

/// What one of Unikraft's options is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Options of ours; usually one.
    Option(Vec<String>),
    /// Always there; how.
    BuiltIn(String),
    /// Nothing to choose; what holds instead.
    Setting(String),
    /// Not there; why.
    Unsupported(String),
    /// `NAME=VALUE` for the program's environment.
    Environment,
}

/// One line: three columns, the third to its end.
struct Row<'t> {
    place: Place,
    name: &'t str,
    kind: &'t str,
    rest: &'t str,
}

fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let place = Place { start, len: line.trim_end().len() };
        start += line.len();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        Some(Row { place, name, kind, rest: rest.trim_start() })
    })
}

/// Which option is which feature.
#[derive(Debug)]
pub(crate) struct Features {
    features: Vec<(String, String)>,
    packing: Vec<String>,
}

impl Features {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Box<Problem>> {
        let source = Source::new(name, text, "text");
        let mut table = Self { features: Vec::new(), packing: Vec::new() };
        for row in rows(text) {
            match row.kind {
                "feature" if !row.rest.is_empty() => table.features.push((row.name.to_owned(), row.rest.to_owned())),
                "packing" => table.packing.push(row.name.to_owned()),
                _ => return Err(Box::new(source.problem(row.place, "no line of this table", "expected OPTION feature NAME"))),
            }
        }
        Ok(table)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.features.iter().map(|(option, feature)| (option.as_str(), feature.as_str()))
    }

    pub(crate) fn packing(&self) -> impl Iterator<Item = &str> {
        self.packing.iter().map(String::as_str)
    }
}

/// What Unikraft's options are called here.
#[derive(Debug)]
pub(crate) struct Names {
    /// Patterns, `*` where anything may stand.
    rows: Vec<(String, Meaning)>,
}

impl Names {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Box<Problem>> {
        let source = Source::new(name, text, "text");
        let mut names = Self { rows: Vec::new() };
        for row in rows(text) {
            let rest = row.rest.to_owned();
            let meaning = match (row.kind, row.rest.is_empty()) {
                ("option", false) => Meaning::Option(rest.split_whitespace().map(ToOwned::to_owned).collect()),
                ("builtin", false) => Meaning::BuiltIn(rest),
                ("setting", false) => Meaning::Setting(rest),
                ("unsupported", false) => Meaning::Unsupported(rest),
                ("env", true) => Meaning::Environment,
                _ => {
                    let label = "expected NAME option|builtin|setting|unsupported TEXT, or NAME env";
                    return Err(Box::new(source.problem(row.place, "no line of this table", label)));
                }
            };
            if names.rows.iter().any(|(known, _)| known == row.name) {
                return Err(Box::new(source.problem(row.place, format!("{} stands here twice", row.name), "again here")));
            }
            names.rows.push((row.name.to_owned(), meaning));
        }
        Ok(names)
    }

    /// What a name, without `CONFIG_`, means: the longest pattern that fits.
    pub(crate) fn find(&self, name: &str) -> Option<&Meaning> {
        let fitting = self.rows.iter().filter(|(pattern, _)| fits(pattern, name));
        fitting.max_by_key(|(pattern, _)| (!pattern.contains('*'), pattern.len())).map(|(_, meaning)| meaning)
    }

    /// Every pattern and its meaning.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Meaning)> {
        self.rows.iter().map(|(name, meaning)| (name.as_str(), meaning))
    }
}

/// Whether a name fits a pattern, in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("A", "A", true),
            ("A", "AB", false),
            ("A*", "AB", true),
            ("A*", "A", true),
            ("A*", "B", false),
            ("KVM_*CONSOLE*", "KVM_KERNEL_VGA_CONSOLE", true),
            ("KVM_*CONSOLE*", "KVM_KERNEL", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_longest_pattern_counts_and_broken_lines_are_shown() {
        let names = Names::parse("t", "# c\nA* builtin all\nAB* unsupported not\nABC option X\n").unwrap();
        assert_eq!(names.find("AX"), Some(&Meaning::BuiltIn("all".to_owned())));
        assert_eq!(names.find("ABX"), Some(&Meaning::Unsupported("not".to_owned())));
        assert_eq!(names.find("ABC"), Some(&Meaning::Option(vec!["X".to_owned()])));
        assert_eq!(names.find("B"), None);
        assert_eq!(Names::parse("t", "\nA maybe\n").unwrap_err().line, 2);
        assert_eq!(Names::parse("t", "A env\nA env\n").unwrap_err().line, 2);
        assert_eq!(Features::parse("t", "A feature\n").unwrap_err().line, 1);
    }
}
