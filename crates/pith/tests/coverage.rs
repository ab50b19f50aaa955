//! Every flag of every command is used by some test: a flag that nobody tries may do nothing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;
use std::path::Path;

/// How far before a flag, in bytes, its command may stand.
const REACH: usize = 1500;

/// All tests that use the command line.
fn tests() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for directory in ["tests", "../../tests/machines/tests", "../../tests/machines/src"] {
        for file in fs::read_dir(root.join(directory)).unwrap().flatten().map(|entry| entry.path()) {
            if file.extension().is_some_and(|extension| extension == "rs") && !file.ends_with("coverage.rs") {
                text += &fs::read_to_string(file).unwrap();
            }
        }
    }
    text
}

/// `-x` and `--long` of each line of a help text that describes a flag.
fn flags(help: &str) -> Vec<Vec<String>> {
    let lines = help.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --"));
    let names =
        |line: &str| line.split([' ', ',', '=']).filter(|word| word.starts_with('-')).take(2).map(str::to_owned).collect::<Vec<_>>();
    lines.map(names).filter(|names| !names.iter().any(|name| name == "--help")).collect()
}

/// Whether `word` stands at `at` with nothing of a word around it.
fn is_word(text: &str, at: usize, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part)
}

/// Whether a test gives this command one of these names of a flag.
fn is_tried(text: &str, command: &str, names: &[String]) -> bool {
    let command = command.rsplit(' ').next().unwrap();
    names.iter().any(|name| {
        text.match_indices(name.as_str()).filter(|(at, _)| is_word(text, *at, name)).any(|(at, _)| {
            let mut from = at.saturating_sub(REACH);
            while !text.is_char_boundary(from) {
                from += 1;
            }
            let before = &text[from..at];
            before.match_indices(command).any(|(at, _)| is_word(before, at, command))
        })
    })
}

#[test]
fn every_flag_is_tried() {
    let (home, text) = (Home::new(), tests());
    let mut untried = Vec::new();
    let commands = home.commands();
    for name in ["build", "lib add", "run", "system prune", "version"] {
        assert!(commands.iter().any(|words| words.join(" ") == name), "{name} is not among {commands:?}");
    }
    // `create` has `run`'s flags, which are tried there.
    for command in commands.iter().filter(|words| words[0] != "create") {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        let command = words.join(" ");
        words.push("--help");
        let help = home.pith(&words);
        assert_eq!(help.code, 0, "{command}");
        let flags = flags(&help.out);
        untried.extend(
            flags.into_iter().filter(|names| !is_tried(&text, &command, names)).map(|names| format!("{command} {}", names.join(" "))),
        );
    }
    assert_eq!(untried, [""; 0], "no test gives these");
}
