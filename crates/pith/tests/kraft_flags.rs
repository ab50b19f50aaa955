//! `docs/kraft-flags.md` says of every flag of kraft's that belongs to running machines what Pith makes of it. Here the page is compared
//! with the command line itself, so that it cannot go stale.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::path::Path;

/// Rows of the page's tables: command, flags, verdict.
fn rows() -> Vec<(String, Vec<String>, String)> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kraft-flags.md")).unwrap();
    let (mut rows, mut command) = (Vec::new(), String::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            command = heading.trim_matches('`').trim_start_matches("kraft").trim().to_owned();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.len() < 5 || !cells[1].starts_with('`') {
            continue;
        }
        let flags =
            cells[1].split('`').filter(|word| word.starts_with('-')).map(|flag| flag.split(' ').next().unwrap().to_owned()).collect();
        rows.push((command.clone(), flags, cells[2].to_owned()));
    }
    rows
}

/// A command line that gives the flag, with a value where it takes one.
fn with_flag(help: &str, command: &str, flag: &str) -> Vec<String> {
    let mut words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    words.push(flag.to_owned());
    // `  -p, --port <PORT>`: takes a value.
    let line = help.lines().find(|line| line.split([' ', ',', '<']).any(|word| word == flag));
    if line.is_some_and(|line| line.trim_start().starts_with('-') && line.contains('<')) {
        words.push("x".to_owned());
    }
    words
}

#[test]
fn every_flag_of_the_page_is_as_it_says() {
    let home = Home::new();
    let rows = rows();
    assert!(rows.len() > 60, "only {} rows were read", rows.len());
    for (command, flags, verdict) in rows {
        assert!(["same", "better", "refused", "accepted"].contains(&verdict.as_str()), "{command} {flags:?}: {verdict}");
        let mut help_words: Vec<&str> = command.split_whitespace().collect();
        help_words.push("--help");
        let help = home.pith(&help_words);
        assert_eq!(help.code, 0, "{command}");
        for flag in &flags {
            let words = with_flag(&help.out, &command, flag);
            let is_known = !home.pith(&words.iter().map(String::as_str).collect::<Vec<_>>()).err.contains("unexpected argument");
            assert!(is_known, "{command} {flag} is {verdict} in the page, and unknown to the command line");
            let is_shown = help.out.split(|c: char| c.is_whitespace() || c == ',').any(|word| word == flag);
            // What does something is in the help; what is refused or means nothing is not advertised.
            let hides = ["refused", "accepted"].contains(&verdict.as_str());
            let is_filter = *flag == "-p" || *flag == "--plat";
            // `-t` stands for two flags.
            assert!(
                is_shown != hides || is_filter || (command == "run" && *flag == "-t"),
                "{command} {flag} is {verdict}: shown {is_shown}"
            );
        }
    }
}

#[test]
fn every_command_and_flag_of_ours_is_in_the_page_or_marked_as_ours() {
    let home = Home::new();
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kraft-flags.md")).unwrap();
    for command in ["run", "ps", "logs", "start", "stop", "pause", "rm", "events"] {
        let help = home.pith(&[command, "--help"]).out;
        let flags = help.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --"));
        for flag in flags.filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--"))) {
            assert!(flag == "--help" || text.contains(&format!("`{flag}")), "{command} {flag} is missing in docs/kraft-flags.md");
        }
    }
}
