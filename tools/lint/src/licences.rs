//! `cargo deny check licenses` in small, for machines that do not have it: the same `deny.toml`, the same verdict on licences, bans by name, sources.

use crate::Findings;
use crate::metadata::Workspace;
use std::path::Path;

/// The strings of the array that `key` starts.
fn array(text: &str, key: &str) -> Vec<String> {
    let Some(start) = text.find(key) else { return Vec::new() };
    let rest = text.get(start..).unwrap_or_default();
    let body = rest.get(..rest.find(']').unwrap_or(rest.len())).unwrap_or_default();
    body.split('"').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// The crates named in `deny = [ { crate = "NAME", wrappers = ["BY", ...], ... } ]`, each with those that may depend on it all the same.
fn banned(text: &str) -> Vec<(String, Vec<String>)> {
    let entry = |rest: &str| {
        let name = rest.split('"').next()?.to_owned();
        let line = rest.lines().next().unwrap_or_default();
        Some((name, array(line, "wrappers = [")))
    };
    text.split("crate = \"").skip(1).filter_map(entry).collect()
}

/// Whether an SPDX expression can be met with what is allowed. AND binds more tightly than OR; `/` is old crates' OR.
fn permitted(expression: &str, allowed: &[String]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let verdict = any_of(&tokens, &mut at, allowed);
    verdict && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut verdict = all_of(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= all_of(tokens, at, allowed);
    }
    verdict
}

fn all_of(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut verdict = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(tokens, at, allowed);
    }
    verdict
}

fn one(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(first) = tokens.get(*at) else { return false };
    *at += 1;
    if *first == "(" {
        let verdict = any_of(tokens, at, allowed);
        *at += 1;
        return verdict;
    }
    let mut name = (*first).to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{name} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}

/// Every package of the workspaces against `deny.toml`.
///
/// # Errors
/// `deny.toml` cannot be read.
pub fn check(root: &Path, workspaces: &[&Workspace], findings: &mut Findings) -> Result<(), String> {
    let text = std::fs::read_to_string(root.join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let (allowed, banned) = (array(&text, "allow = ["), banned(&text));
    for package in workspaces.iter().flat_map(|workspace| &workspace.packages) {
        if !permitted(&package.licence, &allowed) {
            findings.error(format!("{} {}: licence {:?} is not allowed by deny.toml", package.name, package.version, package.licence));
        }
        for (name, wrappers) in &banned {
            if package.name == *name && wrappers.is_empty() {
                findings.error(format!("{} {}: banned by deny.toml", package.name, package.version));
            }
            // Which of others' crates depend on it is for cargo deny to see: here it is not known which of their features are on.
            if package.member && package.links.contains(name) && !wrappers.contains(&package.name) {
                findings.error(format!("{}: depends on {name}, which deny.toml bans", package.name));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bans_may_have_exceptions() {
        let text = "deny = [\n  { crate = \"a\", reason = \"x\" },\n  { crate = \"b\", wrappers = [\"c\", \"d\"], reason = \"y\" },\n]";
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(banned(text), [("a".to_owned(), own(&[])), ("b".to_owned(), own(&["c", "d"]))]);
    }

    #[test]
    fn expressions_are_read_as_spdx_has_them() {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(ToOwned::to_owned);
        for good in ["MIT", "GPL-2.0 OR MIT", "MIT/GPL-3.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"] {
            assert!(permitted(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-2.0", "MIT AND GPL-2.0", "(MIT OR Apache-2.0) AND GPL-2.0", "MIT WITH x"] {
            assert!(!permitted(bad, &allowed), "{bad}");
        }
    }
}
