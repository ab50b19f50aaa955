//! `pith lib create`: the files that a library of Unikraft's shape begins with.

use crate::cli::LibCreateArgs;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::Command;

/// What is written into the files.
struct Facts {
    name: String,
    library: String,
    option: String,
    version: String,
    description: String,
    author: String,
    email: String,
    holder: String,
    origin: Option<String>,
    has_main: bool,
}

/// Something git knows about the user.
fn git(key: &str) -> String {
    let output = Command::new("git").args(["config", key]).output().ok().filter(|output| output.status.success());
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// The answer to a question, or its default where nobody is asked or nothing is said.
fn ask(can_ask: bool, given: Option<&String>, question: &str, default: String) -> Result<String> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    if !can_ask {
        return Ok(default);
    }
    // Nobody to tell: nothing to do.
    let _ = write!(io::stderr(), "{question} [{default}]: ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| Error::new(format!("standard input: {error}")))?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer.to_owned() })
}

/// One line, so that it stays in its comment.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn facts(settings: &Settings, arguments: &LibCreateArgs) -> Result<Facts> {
    let can_ask = settings.may_prompt() && io::stdin().is_terminal();
    if arguments.name.is_none() && !can_ask {
        return Err(Error::new("a library needs a name").with_help("`pith lib create NAME`"));
    }
    let name = ask(can_ask, arguments.name.as_ref(), "Name of the library", "mylib".to_owned())?;
    let name = name.strip_prefix("lib-").unwrap_or(&name).to_owned();
    let is_good = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if !is_good(&name) {
        return Err(Error::new(format!("{name:?} is no name for a library: expected letters, digits, - and _, a letter first")));
    }
    let symbol = name.replace('-', "_");
    let library = ask(false, arguments.library_name.as_ref(), "", format!("lib{}", symbol.to_ascii_lowercase()))?;
    let option = ask(false, arguments.library_kname.as_ref(), "", format!("LIB{}", symbol.to_ascii_uppercase()))?;
    if let Some(bad) = [&library, &option].into_iter().find(|text| !is_good(text) || text.contains('-')) {
        return Err(Error::new(format!("{bad:?} is no name for a makefile: expected letters, digits and _")));
    }
    let version = ask(can_ask, arguments.version.as_ref(), "Version", "0.1.0".to_owned())?;
    let description = ask(can_ask, arguments.description.as_ref(), "What it does", format!("The library {name}"))?;
    let author = ask(can_ask, arguments.author_name.as_ref(), "Author", git("user.name"))?;
    let email = ask(can_ask, arguments.author_email.as_ref(), "Address of the author", git("user.email"))?;
    let holder = ask(can_ask, arguments.copyright_holder.as_ref(), "Holder of the rights", author.clone())?;
    Ok(Facts {
        name,
        library,
        option,
        version: line(&version),
        description: line(&description),
        author: line(&author),
        email: line(&email),
        holder: line(&holder),
        origin: arguments.origin.as_deref().map(line),
        has_main: !arguments.no_provide_c_main,
    })
}

/// Names and texts of the files.
fn files(facts: &Facts) -> Vec<(&'static str, String)> {
    let Facts { name, library, option, version, description, author, email, holder, origin, has_main } = facts;
    let rights = if holder.is_empty() { String::new() } else { format!("# Copyright (c) {holder}\n") };
    let quoted = description.replace(['"', '\\'], "'");
    let config = format!("{rights}menuconfig {option}\n\tbool \"{name}: {quoted}\"\n\tdefault n\n\thelp\n\t  {description}\n");
    let main_option = format!(
        "\nif {option}\nconfig {option}_MAIN_FUNCTION\n\tbool \"Provide main function\"\n\tdefault n\n\thelp\n\t  The program's main is the one in main.c.\nendif\n"
    );
    let config = if *has_main { config + &main_option } else { config };
    let variable = option.as_str();
    let mut make = format!("{rights}$(eval $(call addlib_s,{library},$(CONFIG_{option})))\n\n{variable}_VERSION = {version}\n");
    if let Some(origin) = origin {
        make += &format!("{variable}_URL = {origin}\n$(eval $(call fetch,{library},$({variable}_URL)))\n");
    }
    make += &format!("\nCINCLUDES-$(CONFIG_{option}) += -I$({variable}_BASE)/include\n");
    if *has_main {
        make += &format!("\n{variable}_SRCS-$(CONFIG_{option}_MAIN_FUNCTION) += $({variable}_BASE)/main.c\n");
    }
    let by = match (author.is_empty(), email.is_empty()) {
        (true, _) => String::new(),
        (false, true) => format!("\nBy {author}.\n"),
        (false, false) => format!("\nBy {author} <{email}>.\n"),
    };
    let from = origin.as_ref().map(|origin| format!("\nIts sources come from <{origin}>.\n")).unwrap_or_default();
    let readme = format!(
        "# {name} {version}\n\n{description}\n{by}{from}\nTo use it in a project, next to the project's Kraftfile (this sets CONFIG_{option} too):\n\n```\npith lib add ./lib-{name}\n```\n"
    );
    let exports = if *has_main { "main\n" } else { "" };
    let mut out = vec![("Config.uk", config), ("Makefile.uk", make), ("exportsyms.uk", exports.to_owned()), ("README.md", readme)];
    if *has_main {
        let rights = if holder.is_empty() { String::new() } else { format!("/* Copyright (c) {holder} */\n") };
        let main = format!("{rights}#include <stdio.h>\n\nint main(void)\n{{\n\tprintf(\"{name} {version}\\n\");\n\treturn 0;\n}}\n");
        out.push(("main.c", main));
    }
    out
}

fn git_init(directory: &Path, branch: &str) -> Result<()> {
    let output = Command::new("git").args(["init", "--quiet", "--initial-branch", branch]).current_dir(directory).output();
    let output = output.map_err(|error| Error::new(format!("git: {error}")).with_help("install git, or leave --git-init away"))?;
    if output.status.success() { Ok(()) } else { Err(Error::new(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim()))) }
}

/// `pith lib create`.
///
/// # Errors
/// A name that is none; a directory that is there already; what cannot be written.
pub fn create(settings: &Settings, arguments: &LibCreateArgs, report: &Report) -> Result<u8> {
    if arguments.update_refs {
        return Err(Error::new("--update-refs: a new library refers to nothing that could be updated"));
    }
    let facts = facts(settings, arguments)?;
    let directory = arguments.project_path.join(arguments.project_name.clone().unwrap_or_else(|| format!("lib-{}", facts.name)));
    if directory.exists() {
        return Err(Error::new(format!("{} is there already", directory.display())));
    }
    let failed = |error: io::Error| Error::new(format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory.join("include")).map_err(failed)?;
    for (name, text) in files(&facts) {
        fs::write(directory.join(name), text).map_err(failed)?;
    }
    if arguments.patch_dir {
        fs::create_dir(directory.join("patches")).map_err(failed)?;
    }
    if arguments.git_init {
        git_init(&directory, &arguments.initial_branch)?;
    }
    report.info(&format!("made {}", directory.display()));
    Ok(0)
}
