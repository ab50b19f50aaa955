//! The application's environment.

use crate::error::{Error, Result};
use crate::report::Report;
use std::path::{Path, PathBuf};

/// A variable; without a value it takes the host's.
pub type Variable = (String, Option<String>);

/// What every container has, then the project's, then files, then flags; a later one wins.
///
/// # Errors
/// A file that cannot be read, a line or flag that is no variable.
pub fn collect(project: &[Variable], files: &[PathBuf], flags: &[String], report: &Report) -> Result<Vec<(String, String)>> {
    let mut all = vec![("PATH".to_owned(), Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()))];
    all.extend(project.iter().cloned());
    for path in files {
        all.extend(file(path)?);
    }
    for text in flags {
        all.push(variable(text).ok_or_else(|| Error::new(format!("--env {text:?}: expected NAME=VALUE or NAME")))?);
    }
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, value) in all {
        let Some(value) = value.or_else(|| std::env::var(&name).ok()) else {
            report.warn(&format!("environment variable {name} has no value here and is not passed on"));
            continue;
        };
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => out.push((name, value)),
        }
    }
    Ok(out)
}

/// Gives the application a variable, unless it has it already.
pub fn set_default(variables: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !variables.iter().any(|(known, _)| known == name) {
        // Behind PATH, which is always there.
        variables.insert(variables.len().min(1), (name.to_owned(), value.to_owned()));
    }
}

/// `NAME=VALUE` or `NAME`.
fn variable(text: &str) -> Option<Variable> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    (!name.is_empty()).then(|| (name.to_owned(), value))
}

/// A file in Docker's format: a variable a line, taken as it is, without quotes; `#` begins a comment line.
fn file(path: &Path) -> Result<Vec<Variable>> {
    let text = std::fs::read(path).map_err(|error| Error::new(format!("--env-file {}: {error}", path.display())))?;
    let text = String::from_utf8(text).map_err(|_| Error::new(format!("--env-file {}: not valid UTF-8", path.display())))?;
    let mut found = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem: &str| Error::new(format!("--env-file {}:{}: {problem}", path.display(), number + 1));
        let (name, value) = variable(line).ok_or_else(|| wrong("no name before the ="))?;
        if name.contains(char::is_whitespace) {
            return Err(wrong(&format!("{name:?} has white space in it and is no name of a variable")));
        }
        found.push((name, value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_docker_reads_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("env");
        std::fs::write(&path, "\u{feff}# comment\n\nA=1\n  B= two words \nC=\"q\" # not a comment\nD\nE=\r\n").unwrap();
        let some = |text: &str| Some(text.to_owned());
        let found = file(&path).unwrap();
        let expected = [("A", some("1")), ("B", some(" two words ")), ("C", some("\"q\" # not a comment")), ("D", None), ("E", some(""))];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
        for (text, problem) in [("A=1\n=x\n", ":2: no name"), ("A B=1\n", ":1: \"A B\" has white space")] {
            std::fs::write(&path, text).unwrap();
            assert!(file(&path).unwrap_err().message().contains(problem), "{text}");
        }
    }
}
