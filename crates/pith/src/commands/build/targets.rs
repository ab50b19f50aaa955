//! Which of a project's targets are meant.

use crate::cli::TargetArgs;
use crate::error::{Error, Result};
use crate::project::{DEFAULT_TARGET, Opened};
use crate::report::Report;
use crate::settings::Settings;
use clap::ValueEnum;
use pith_kraftfile::{Target, architecture, platform};
use std::io::{self, IsTerminal, Write};

/// How many targets are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One, which the user is asked for when several are left.
    One,
    /// All that are left.
    All,
}

fn shown(target: &Target) -> String {
    match &target.name {
        Some(name) => format!("{name} ({})", target.shown()),
        None => target.shown(),
    }
}

fn list(targets: &[Target]) -> String {
    targets.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// The targets that the flags leave. All that are given must hold, in any combination.
///
/// # Errors
/// None is left.
pub fn filtered(project: &Opened, arguments: &TargetArgs) -> Result<Vec<Target>> {
    let all = project.targets();
    let arch = arguments.arch.and_then(|arch| arch.to_possible_value()).map(|value| value.get_name().to_owned());
    let plat = arguments.plat.as_deref().map(platform);
    let by_name = |target: &Target, wanted: &str| match wanted.split_once('/') {
        Some((plat, arch)) => target.platform == platform(plat) && target.architecture == architecture(arch),
        None => target.name.as_deref() == Some(wanted) || (target.name.is_none() && project.name() == wanted),
    };
    let left: Vec<Target> = all
        .iter()
        .filter(|target| arch.as_ref().is_none_or(|arch| target.architecture == *arch))
        .filter(|target| plat.as_ref().is_none_or(|plat| target.platform == *plat))
        .filter(|target| arguments.target.as_deref().is_none_or(|wanted| by_name(target, wanted)))
        .cloned()
        .collect();
    if left.is_empty() {
        let message = format!("no targets selected: {} has none that fits", project.file);
        return Err(Error::new(message).with_help(format!("it has {}", list(&all))));
    }
    Ok(left)
}

/// The targets that are meant: of several, all, or the one that the user picks. Where nobody can be asked, it is the usual one.
///
/// # Errors
/// None is left; several are, and the usual one is not among them.
pub fn chosen(project: &Opened, arguments: &TargetArgs, count: Count, settings: &Settings, report: &Report) -> Result<Vec<Target>> {
    let left = filtered(project, arguments)?;
    if left.len() == 1 || count == Count::All {
        return Ok(left);
    }
    if settings.may_prompt() && io::stdin().is_terminal() && io::stderr().is_terminal() {
        return ask(&left).map(|target| vec![target]);
    }
    let (plat, arch) = DEFAULT_TARGET;
    let mut usual = left.iter().filter(|target| target.platform == plat && target.architecture == arch);
    match (usual.next(), usual.next()) {
        (Some(target), None) => {
            report.info(&format!("building for {} of {}; --all or --target chooses", shown(target), list(&left)));
            Ok(vec![target.clone()])
        }
        _ => {
            let message = format!("{}: several targets are left: {}", project.file, list(&left));
            Err(Error::new(message).with_help("choose with --target, --plat or --arch, or give --all"))
        }
    }
}

fn ask(targets: &[Target]) -> Result<Target> {
    let mut err = io::stderr().lock();
    let failed = |error: io::Error| Error::new(format!("asking for a target: {error}"));
    for (number, target) in targets.iter().enumerate() {
        writeln!(err, "  {}) {}", number + 1, shown(target)).map_err(failed)?;
    }
    write!(err, "Target? [1-{}] ", targets.len()).and_then(|()| err.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    let answer = answer.trim();
    let by_number = answer.parse::<usize>().ok().and_then(|number| targets.get(number.checked_sub(1)?));
    let target = by_number.or_else(|| targets.iter().find(|target| target.shown() == answer || target.name.as_deref() == Some(answer)));
    target.cloned().ok_or_else(|| Error::new(format!("{answer:?} is none of them; nothing was built")))
}
