//! The command tree as it is shown: commands in groups like kraft's, global options once.

use super::Cli;
use clap::{Arg, Command, CommandFactory};
use std::ffi::OsString;

/// Headings of the root's help, and the commands under them.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Projects", &["build", "clean", "fetch", "menu", "set", "unset", "lib"]),
    (
        "Machines",
        &[
            "run", "create", "ps", "logs", "start", "stop", "restart", "kill", "pause", "resume", "wait", "rm", "prune", "rename",
            "inspect", "port", "stats", "events",
        ],
    ),
    ("Pith itself", &["version", "doctor", "system", "completion"]),
    ("Other", &["help"]),
];

/// The command tree.
pub fn tree() -> Command {
    let mut root = Cli::command();
    let globals: Vec<Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    // clap would repeat every global option in the help of every command; a hidden twin takes its place there.
    for name in root.get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>() {
        root = root.mut_subcommand(name, |command| with_hidden(command, &globals));
    }
    let groups = groups(&root);
    root.help_template("{about-with-newline}\n{usage-heading} {usage}{after-help}\n\nGlobal options:\n{options}").after_help(groups)
}

fn with_hidden(mut command: Command, globals: &[Arg]) -> Command {
    for arg in globals {
        command = command.arg(arg.clone().hide(true));
    }
    for name in command.get_subcommands().map(|command| command.get_name().to_owned()).collect::<Vec<_>>() {
        command = command.mut_subcommand(name, |command| with_hidden(command, globals));
    }
    command.help_template(
        "{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}\n\nGlobal options: `pith --help`",
    )
}

/// The commands in their groups, each with its aliases.
fn groups(root: &Command) -> String {
    let mut out = String::new();
    for (heading, names) in GROUPS {
        out += &format!("{}{heading}:\n", if out.is_empty() { "" } else { "\n" });
        for name in names {
            let Some(command) = root.find_subcommand(name) else {
                out += &format!("  {name:<11} Show this, or the help of a command\n");
                continue;
            };
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let aliases: Vec<&str> = command.get_visible_aliases().collect();
            let aliases = if aliases.is_empty() { String::new() } else { format!(" [{}]", aliases.join(", ")) };
            out += &format!("  {name:<11} {about}{aliases}\n");
        }
    }
    out.trim_end().to_owned()
}

/// What this process was started with, ready for [`tree`]. `-t` is Docker's `--tty` and kraft's `--target`: it is the
/// latter when called as kraft, and before a word like `qemu/x86_64`.
pub fn command(mut words: Vec<OsString>, is_kraft: bool) -> Vec<OsString> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let runs = words.iter().take(end).skip(1).find(|word| !word.to_string_lossy().starts_with('-'));
    if !runs.is_some_and(|word| ["run", "r", "create"].iter().any(|name| word == name)) {
        return words;
    }
    for at in 1..end {
        let is_target = |word: &OsString| {
            let word = word.to_string_lossy();
            let plats = ["qemu", "kvm", "fc", "firecracker", "xen", "kraftcloud"];
            word.split_once('/').is_some_and(|(plat, arch)| plats.contains(&plat) && !arch.contains('/'))
        };
        let value = words.get(at + 1).filter(|_| at + 1 < end);
        if words.get(at).is_some_and(|word| word == "-t")
            && value.is_some_and(|value| is_target(value) || is_kraft)
            && let Some(word) = words.get_mut(at)
        {
            *word = OsString::from("--target");
        }
    }
    words
}
