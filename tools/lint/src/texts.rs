//! Files stay small enough to hold in the head, and tell nothing of the machine or the moment they were written on.

use crate::Findings;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines above which a source file gets a warning. The aim is 400.
const LONG: usize = 600;

/// Hosts that a text may name.
const HOSTS: [&str; 15] = [
    "github.com",
    "crates.io",
    "docs.rs",
    "www.apache.org",
    "www.rfc-editor.org",
    "docs.kernel.org",
    "json-schema.org",
    "www.kernel.org",
    "man7.org",
    "docs.oasis-open.org",
    "deb.debian.org",
    "cloud.debian.org",
    "snapshot.debian.org",
    "localhost",
    "127.0.0.1",
];

/// Words that belong to somebody's desk, put together here so that this file does not hold them.
fn forbidden() -> [String; 2] {
    [["/wo", "rk/"].concat(), ["TO", "DO:"].concat()]
}

/// Files of the repository: git's list, without what is ignored.
fn files(root: &Path) -> Result<Vec<PathBuf>, String> {
    let git = Command::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root).output();
    let output = git.map_err(|error| format!("git: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(|name| root.join(name)).filter(|path| path.is_file()).collect())
}

/// "issue" and a number, with or without "#": numbers that mean nothing to a reader of the tree.
fn names_an_issue(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("issue ").any(|(at, word)| {
        lower.get(at + word.len()..).unwrap_or_default().trim_start_matches('#').starts_with(|c: char| c.is_ascii_digit())
    })
}

/// The host of the first foreign address in a line.
fn foreign_host(line: &str) -> Option<&str> {
    line.match_indices("://").find_map(|(at, mark)| {
        let scheme = line.get(..at)?;
        if !scheme.ends_with("http") && !scheme.ends_with("https") {
            return None;
        }
        let rest = line.get(at + mark.len()..)?;
        let host = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').next()?;
        // A name without a dot is a placeholder ("http://ADDR/"), as are the reserved domains (RFC 2606).
        let is_nobodys = !host.contains('.') || host.contains("example.") || host.ends_with(".invalid");
        (!is_nobodys && !HOSTS.contains(&host) && host.parse::<std::net::Ipv4Addr>().is_err()).then_some(host)
    })
}

/// All files of the repository.
///
/// # Errors
/// Git could not list them.
pub fn check(root: &Path, findings: &mut Findings) -> Result<(), String> {
    let forbidden = forbidden();
    for path in files(root)? {
        // What is no text (a corpus for fuzzing) has no words.
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let source = path.extension().is_some_and(|extension| extension == "rs");
        let lines = text.lines().count();
        if source && lines > LONG {
            findings.warn(format!("{name}: {lines} lines; the aim is 400"));
        }
        for (number, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            if let Some(word) = forbidden.iter().find(|word| line.contains(word.as_str())) {
                findings.error(format!("{place}: {word:?} does not belong here"));
            }
            if names_an_issue(line) {
                findings.error(format!("{place}: names a ticket; say what it is about instead"));
            }
            // npm's lock file repeats what packages say of their authors.
            if !name.ends_with("package-lock.json")
                && let Some(host) = foreign_host(line)
            {
                findings.error(format!("{place}: the host {host} is not in tools/lint's list"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_and_foreign_hosts_are_seen() {
        assert!(names_an_issue(&format!("see Issue {}", "#7")));
        assert!(!names_an_issue("we issue a read"));
        assert_eq!(foreign_host(concat!("get http", "://mirror.corp.net:80/x")), Some("mirror.corp.net"));
        assert_eq!(foreign_host("https://github.com/x and http://10.0.2.15/ and http://ADDR/"), None);
    }
}
