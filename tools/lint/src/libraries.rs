//! Each micro-library explains and configures itself: README.md with a bold sentence on what it does **not** do, Kconfig.

use crate::Findings;
use crate::metadata::Workspace;
use std::collections::BTreeMap;
use std::path::Path;

/// Keywords that may start a line of an entry (Documentation/kbuild/kconfig-language.rst).
const KEYWORDS: [&str; 22] = [
    "config",
    "menuconfig",
    "menu",
    "endmenu",
    "choice",
    "endchoice",
    "if",
    "endif",
    "source",
    "mainmenu",
    "comment",
    "bool",
    "tristate",
    "int",
    "hex",
    "string",
    "default",
    "depends",
    "select",
    "imply",
    "prompt",
    "range",
];

/// One file's symbols: what it defines, what it refers to.
#[derive(Default)]
struct Symbols {
    defined: Vec<String>,
    used: Vec<String>,
}

fn parse(text: &str) -> Result<Symbols, String> {
    let mut symbols = Symbols::default();
    let mut in_help = false;
    for (number, line) in text.lines().enumerate() {
        let indented = line.starts_with([' ', '\t']);
        if line.trim().is_empty() || line.trim_start().starts_with('#') || (in_help && indented) {
            continue;
        }
        in_help = false;
        let mut words = line.split_whitespace();
        let keyword = words.next().unwrap_or_default();
        match keyword {
            "help" => in_help = true,
            "config" | "menuconfig" => {
                let name = words.next().unwrap_or_default();
                if name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
                    return Err(format!("line {}: {name:?} is no name of an option (capitals, digits, _)", number + 1));
                }
                symbols.defined.push(name.to_owned());
            }
            "select" | "imply" => symbols.used.extend(words.next().map(ToOwned::to_owned)),
            "depends" | "if" => {
                let rest = words.filter(|word| *word != "on").collect::<Vec<_>>().join(" ");
                let names = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                symbols.used.extend(names.filter(|name| !["", "y", "m", "n"].contains(name)).map(ToOwned::to_owned));
            }
            known if KEYWORDS.contains(&known) => {}
            other => return Err(format!("line {}: {other:?} starts nothing that Kconfig knows", number + 1)),
        }
    }
    Ok(symbols)
}

fn says_what_it_does_not(readme: &str) -> bool {
    let bold = readme.split("**").skip(1).step_by(2);
    bold.into_iter().any(|text| text.split(|c: char| !c.is_alphabetic()).any(|word| word == "not"))
}

/// README.md and Kconfig of every micro-library, and the root menu that draws them together.
pub fn check(root: &Path, kernel: &Workspace, findings: &mut Findings) {
    let mut defined: BTreeMap<String, String> = BTreeMap::new();
    let mut used = Vec::new();
    let menu = std::fs::read_to_string(root.join("kernel/Kconfig")).unwrap_or_default();
    let mut files = vec![("kernel/Kconfig".to_owned(), menu.clone())];
    for package in kernel.members().filter(|package| package.name != "image") {
        let relative = package.directory.strip_prefix(root).unwrap_or(&package.directory).display().to_string();
        let readme = std::fs::read_to_string(package.directory.join("README.md")).unwrap_or_default();
        if readme.is_empty() {
            findings.error(format!("{relative}: no README.md"));
        } else if !says_what_it_does_not(&readme) {
            findings.error(format!("{relative}/README.md: no bold sentence on what it does **not** do"));
        }
        let kconfig = std::fs::read_to_string(package.directory.join("Kconfig")).unwrap_or_default();
        if kconfig.is_empty() {
            findings.error(format!("{relative}: no Kconfig"));
        }
        let source = format!("source \"{}/Kconfig\"", relative.trim_start_matches("kernel/"));
        if !menu.lines().any(|line| line.trim() == source) {
            findings.error(format!("kernel/Kconfig: no {source}"));
        }
        let names: Vec<&str> = readme
            .split("CONFIG_")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next())
            .collect();
        used.extend(names.into_iter().map(|name| (name.to_owned(), format!("{relative}/README.md"))));
        files.push((format!("{relative}/Kconfig"), kconfig));
    }
    for (path, text) in files {
        match parse(&text) {
            Ok(symbols) => {
                for name in symbols.defined {
                    if let Some(other) = defined.insert(name.clone(), path.clone()) {
                        findings.error(format!("{path}: {name} is defined in {other} too"));
                    }
                }
                used.extend(symbols.used.into_iter().map(|name| (name, path.clone())));
            }
            Err(problem) => findings.error(format!("{path}: {problem}")),
        }
    }
    for (name, path) in used.iter().filter(|(name, _)| !defined.contains_key(name)) {
        findings.error(format!("{path}: nothing defines {name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_references_are_found() {
        let symbols = parse("config A_1\n\tbool \"a\"\n\tselect B\n\tdepends on C && !D\n\thelp\n\t  nonsense here\n").unwrap();
        assert_eq!((symbols.defined, symbols.used), (vec!["A_1".to_owned()], vec!["B".to_owned(), "C".to_owned(), "D".to_owned()]));
    }

    #[test]
    fn lower_case_names_and_unknown_words_are_refused() {
        assert!(parse("config NetDevice\n").is_err());
        assert!(parse("config A\n\tboool\n").is_err());
    }

    #[test]
    fn the_sentence_must_be_bold() {
        assert!(says_what_it_does_not("**It does not** fly."));
        assert!(!says_what_it_does_not("It does not fly. **Kconfig**"));
    }
}
