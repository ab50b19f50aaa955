//! Variables in a project's file: options of its kernel, then this process's environment.
//!
//! What an option comes to is known when the project was read and configured, and what the project says may refer to options. So it is read
//! and configured until the answers stay the same; a file that refers to no option is read once.

use crate::cli::ProjectArgs;
use crate::commands::project::{Basis, Loaded};
use crate::error::{Error, Result};
use crate::project::{self, Opened};
use pith_configuration::Configured;
use pith_kraftfile::{Target, Variables};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Readings after which the answers have to be the same. Options that are made of each other in the file itself need no reading each.
const ROUNDS: usize = 8;

/// Which part of a project's file is of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// What decides about the kernel's options.
    Configuration,
}

/// Whose options are looked up.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Those of these targets.
    pub targets: ProjectArgs,
    /// As they come of this.
    pub basis: Basis,
}

impl From<&ProjectArgs> for Choice {
    fn from(targets: &ProjectArgs) -> Self {
        Self { targets: targets.clone(), basis: Basis::default() }
    }
}

/// A reading of a project's file.
pub type Read<'a> = &'a dyn Fn(Part, &Variables<'_>) -> Result<Opened>;

/// This process's environment.
pub fn host(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What stands for an option while nobody knows what it comes to.
fn guess(name: &str) -> Option<String> {
    host(name).or_else(|| name.starts_with("CONFIG_").then(|| "n".to_owned()))
}

/// Values of options for each target, and which of them were asked for.
struct Options<'c> {
    loaded: Option<&'c Loaded>,
    targets: Vec<(Target, Configured<'c>)>,
    asked: RefCell<BTreeMap<String, Vec<Option<String>>>>,
}

impl<'c> Options<'c> {
    /// Those of the targets that are meant and that there can be a kernel for; why there is none for others is told where it is built.
    fn of(loaded: Option<&'c Loaded>, choice: &Choice) -> Self {
        let mut targets = Vec::new();
        if let Some(loaded) = loaded {
            let all = loaded.targets(&choice.targets).unwrap_or_else(|_| project::targets(&loaded.project));
            let configured = |target: Target| Some((target.clone(), loaded.chosen(&target, &choice.basis).ok()?));
            targets = all.into_iter().filter_map(configured).collect();
        }
        Self { loaded, targets, asked: RefCell::default() }
    }

    fn value(&self, name: &str) -> Option<String> {
        let loaded = self.loaded?;
        let values: Vec<Option<String>> = self.targets.iter().map(|(_, configured)| configured.option(&loaded.core, name)).collect();
        let first = values.first().cloned().flatten();
        self.asked.borrow_mut().insert(name.to_owned(), values);
        first
    }

    /// Options that were asked for and that are not the same for every target.
    fn check(&self, file: &str) -> Result<()> {
        let asked = self.asked.borrow();
        let Some((name, values)) = asked.iter().find(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1])) else {
            return Ok(());
        };
        let shown = |(value, (target, _)): (&Option<String>, &(Target, Configured<'_>))| {
            format!("{} for {}", value.as_deref().unwrap_or("not set"), target.name.clone().unwrap_or_else(|| target.shown()))
        };
        let shown: Vec<String> = values.iter().zip(&self.targets).map(shown).collect();
        let message = format!("{file} refers to {name}, which differs between its targets: {}", shown.join(", "));
        Err(Error::new(message).with_help("choose one of them with --target"))
    }
}

/// Reads a project's file until what it says of options and what it reads of them agree.
///
/// # Errors
/// Those of the reading; options that differ between the targets that are meant; options that depend on what the file makes of them.
pub fn settle(file: &str, part: Part, choice: &Choice, read: Read<'_>) -> Result<Opened> {
    let is_asked = RefCell::new(false);
    let nobody = |_: &str| {
        is_asked.replace(true);
        None
    };
    let plain = read(part, &Variables { options: &nobody, host: &host });
    if !*is_asked.borrow() {
        return plain;
    }
    let mut opened = read(Part::Configuration, &Variables { options: &|_| None, host: &guess })?;
    let mut before = None;
    for _ in 0..ROUNDS {
        let loaded = opened.project.builds_kernel().then(|| Loaded::of(&opened)).transpose();
        let options = Options::of(loaded.as_ref().ok().and_then(Option::as_ref), choice);
        let variables = Variables { options: &|name| options.value(name), host: &host };
        let next = read(part, &variables);
        let answers = options.asked.borrow().clone();
        if before.as_ref() == Some(&answers) {
            options.check(file)?;
            drop(options);
            // Without its core, nobody knows what a project's options come to.
            return loaded.and(next);
        }
        before = Some(answers);
        // What lacks a value may have one when the options are known better.
        let next = next.or_else(|_| read(Part::Configuration, &Variables { host: &guess, ..variables }))?;
        opened = next;
    }
    let names: Vec<String> = before.into_iter().flatten().map(|(name, _)| name).collect();
    let message = format!("{file} refers to {}, whose value changes with what the file makes of it", names.join(", "));
    Err(Error::new(message).with_help("give it a value in the file, or refer to something else"))
}
