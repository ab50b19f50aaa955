//! `pith completion`, and what completion scripts call.

use crate::cli::{CompletionArgs, Shell, tree};
use crate::error::{Error, Result};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use pith_machine::{Machine, Store};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Variable that makes a `pith` answer a completion script instead of doing anything.
const VARIABLE: &str = "PITH_COMPLETE";

/// Answers a completion script, when this process was started by one.
pub fn answer() {
    clap_complete::CompleteEnv::with_factory(tree).var(VARIABLE).complete();
}

/// Prints the script for a shell.
///
/// # Errors
/// Nobody reads it.
pub fn completion(arguments: &CompletionArgs, name: &str) -> Result<u8> {
    let shell: &dyn EnvCompleter = match arguments.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let written = shell.write_registration(VARIABLE, name, name, name, &mut std::io::stdout());
    written.map(|()| 0).map_err(|error| Error::new(format!("standard output: {error}")))
}

/// Names of machines that begin so. What goes wrong here is nobody's business in the middle of a line.
fn machines(current: &OsStr, fits: impl Fn(&Machine) -> bool) -> Vec<CompletionCandidate> {
    let directory = ["PITH_RUNTIME_DIR", "KRAFTKIT_RUNTIME_DIR"].into_iter().find_map(crate::cli::variable).map(PathBuf::from);
    let current = current.to_string_lossy();
    let list = Store::open(directory).and_then(|store| store.list()).unwrap_or_default();
    let fitting = list.into_iter().filter_map(|(_, machine)| machine.ok()).filter(|machine| fits(machine));
    let named = fitting.filter(|machine| machine.record.name.starts_with(&*current));
    named.map(|machine| CompletionCandidate::new(&machine.record.name).help(Some(machine.status().name().into()))).collect()
}

/// Every machine.
pub fn any_machine(current: &OsStr) -> Vec<CompletionCandidate> {
    machines(current, |_| true)
}

/// Machines that are alive.
pub fn live_machine(current: &OsStr) -> Vec<CompletionCandidate> {
    machines(current, |machine| machine.status().is_live())
}
