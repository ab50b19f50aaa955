//! Which stages the target needs, and which images those need.

use super::scope::{self, Expander};
use super::{Inputs, PlanError};
use crate::lang::ast::{Dockerfile, Kind, Word};
use pith_diagnostic::{Problem, nearest};
use pith_image::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// What a stage starts from or copies from, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Nothing.
    Scratch,
    /// A stage's number.
    Stage(usize),
    /// An image for a platform.
    Image(String, Platform),
}

/// The stages and images that a target needs.
#[derive(Clone, Debug)]
pub struct Needed {
    /// The target's number.
    pub target: usize,
    /// Numbers of the stages, in order.
    pub stages: BTreeSet<usize>,
    /// What each stage starts from.
    pub bases: BTreeMap<usize, Named>,
    /// The base as named, variables filled in.
    pub base_names: BTreeMap<usize, String>,
    /// What each stage is for.
    pub platforms: BTreeMap<usize, Platform>,
    /// What each `--from` means, by stage and text.
    pub origins: BTreeMap<(usize, String), Named>,
    /// Arguments before the first `FROM`, and platform arguments.
    pub globals: BTreeMap<String, String>,
    /// Platform arguments alone.
    pub platform_args: BTreeMap<String, String>,
}

fn stage_label(file: &Dockerfile, number: usize) -> String {
    file.stages.get(number).and_then(|stage| stage.name.as_ref()).map_or_else(|| number.to_string(), |name| name.text.clone())
}

fn target(file: &Dockerfile, name: &str, wanted: Option<&str>) -> Result<usize, PlanError> {
    let last = file.stages.len().saturating_sub(1);
    let Some(wanted) = wanted else { return Ok(last) };
    let lower = wanted.to_ascii_lowercase();
    let named = file.stages.iter().rposition(|stage| stage.name.as_ref().is_some_and(|name| name.text == lower));
    named.or_else(|| wanted.parse().ok().filter(|number| *number <= last)).ok_or_else(|| PlanError::NoTarget {
        name: wanted.to_owned(),
        file: name.to_owned(),
        known: (0..file.stages.len()).map(|number| stage_label(file, number)).collect(),
    })
}

/// The stage before `before` that has this name; the last one wins.
fn earlier(file: &Dockerfile, name: &str, before: usize) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    file.stages.iter().take(before).rposition(|stage| stage.name.as_ref().is_some_and(|name| name.text == lower))
}

/// `--from`: variables have no meaning there.
fn origin(file: &Dockerfile, number: usize, word: &Word, platform: &Platform) -> Result<Named, Problem> {
    let problem = |message: String| file.source.problem(word.place, message, "here");
    if word.text.contains('$') {
        return Err(problem(format!("{:?} holds a variable, which has no value here", word.text))
            .with_help("give the image a name with FROM ... AS NAME, and use that"));
    }
    if word.text.is_empty() {
        return Err(problem("an empty --from".to_owned()).with_help("expected a stage or an image"));
    }
    if let Some(stage) = earlier(file, &word.text, number) {
        return Ok(Named::Stage(stage));
    }
    if let Ok(index) = word.text.parse::<usize>() {
        if index < number {
            return Ok(Named::Stage(index));
        }
        return Err(
            problem(format!("there is no stage {index} before this one")).with_help(format!("this is stage {number}; expected less"))
        );
    }
    if word.text.eq_ignore_ascii_case("scratch") {
        return Err(problem("scratch has no files to copy".to_owned()).with_help("expected a stage or an image"));
    }
    let lower = word.text.to_ascii_lowercase();
    if file.stages.iter().skip(number).any(|stage| stage.name.as_ref().is_some_and(|name| name.text == lower)) {
        return Err(
            problem(format!("the stage {lower:?} is not finished here")).with_help("only earlier stages can be copied from; move it up")
        );
    }
    Ok(Named::Image(word.text.clone(), platform.clone()))
}

/// A name of a stage that a word, taken for an image, may have been meant to be.
pub(super) fn meant(file: &Dockerfile, number: usize, word: &str) -> Option<String> {
    let names: Vec<&str> = file.stages.iter().take(number).filter_map(|stage| stage.name.as_ref().map(|name| name.text.as_str())).collect();
    nearest(word, &names).map(ToOwned::to_owned)
}

fn base(file: &Dockerfile, number: usize, needed: &mut Needed, inputs: &Inputs) -> Result<(), Problem> {
    let Some(stage) = file.stages.get(number) else { return Ok(()) };
    let expander = Expander { source: &file.source, escape: file.directives.escape };
    let lookup = |name: &str| needed.globals.get(name).cloned();
    let name = expander.word(&stage.base, &lookup)?;
    if name.text.is_empty() {
        let unset = name.unset.first().map_or_else(String::new, |name| format!("; ${name} has no value"));
        let problem = file.source.problem(stage.base.place, format!("the name of the base image is empty{unset}"), "here");
        return Err(problem.with_help("only ARGs before the first FROM count here; give it a default or --build-arg"));
    }
    let platform = match &stage.platform {
        None => inputs.platform.clone(),
        Some(word) => {
            let text = expander.word(word, &lookup)?.text;
            text.parse().map_err(|error| file.source.problem(word.place, format!("{error}"), "here"))?
        }
    };
    let named = match earlier(file, &name.text, number) {
        Some(stage) => Named::Stage(stage),
        None if name.text == "scratch" => Named::Scratch,
        None => Named::Image(name.text.clone(), platform.clone()),
    };
    needed.bases.insert(number, named);
    needed.base_names.insert(number, name.text);
    needed.platforms.insert(number, platform);
    Ok(())
}

/// Follows `FROM` and `--from` back from the target.
///
/// # Errors
/// [`PlanError`].
pub fn needed(file: &Dockerfile, name: &str, inputs: &Inputs) -> Result<Needed, PlanError> {
    let target = target(file, name, inputs.target.as_deref())?;
    let platform_args = scope::platform_args(&inputs.platform, &stage_label(file, target));
    let globals = scope::global(&file.source, file.directives.escape, &file.global_args, &inputs.build_args, &platform_args)?;
    let mut needed = Needed {
        target,
        stages: BTreeSet::new(),
        bases: BTreeMap::new(),
        base_names: BTreeMap::new(),
        platforms: BTreeMap::new(),
        origins: BTreeMap::new(),
        globals,
        platform_args,
    };
    let mut pending = vec![target];
    while let Some(number) = pending.pop() {
        let Some(stage) = file.stages.get(number) else { continue };
        if !needed.stages.insert(number) {
            continue;
        }
        base(file, number, &mut needed, inputs)?;
        if let Some(Named::Stage(earlier)) = needed.bases.get(&number) {
            pending.push(*earlier);
        }
        let platform = needed.platforms.get(&number).cloned().unwrap_or_default();
        for instruction in &stage.instructions {
            let froms: Vec<&Word> = match &instruction.kind {
                Kind::Copy(copy) => copy.from.iter().collect(),
                Kind::Run(run) => run.mounts.iter().filter_map(|mount| mount.from()).collect(),
                _ => Vec::new(),
            };
            for word in froms {
                let named = origin(file, number, word, &platform)?;
                if let Named::Stage(stage) = named {
                    pending.push(stage);
                }
                needed.origins.insert((number, word.text.clone()), named);
            }
        }
    }
    Ok(needed)
}
