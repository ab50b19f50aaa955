//! `pith set`, `pith unset`: options of a project's kernel, kept beside its Kraftfile.

use super::project::{Loaded, load};
use crate::cli::{ProjectArgs, SetArgs, UnsetArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use pith_configuration::{Configured, saved};
use pith_kconfig::Kind;
use pith_kraftfile::Target;

/// Whether what comes to nothing is kept all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// It is an error.
    Strict,
    /// It is said.
    Forced,
}

fn pair(text: &str) -> Result<(String, String)> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Error::new(format!("{text:?}: expected OPTION=VALUE")).with_help(format!("to switch it on, write {text}=y")));
    };
    if value.is_empty() {
        return Err(Error::new(format!("{text:?}: a value must not be empty")).with_help(format!("`pith unset {name}` takes it back")));
    }
    Ok((plain_name(name)?, value.trim_matches('"').to_owned()))
}

/// The name without `CONFIG_`.
fn plain_name(name: &str) -> Result<String> {
    let bare = name.trim().strip_prefix("CONFIG_").unwrap_or(name.trim());
    if bare.is_empty() || !bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(Error::new(format!("{name:?} is no option: expected CONFIG_NAME")));
    }
    Ok(bare.to_owned())
}

/// `pith set`.
///
/// # Errors
/// No project; an option that does not exist or does not take effect, unless forced.
pub fn set(arguments: &SetArgs, report: &Report) -> Result<u8> {
    let pairs = arguments.options.iter().map(|text| pair(text)).collect::<Result<Vec<_>>>()?;
    let loaded = load(&arguments.project, arguments.workdir.as_deref(), report)?;
    let check = if arguments.force { Check::Forced } else { Check::Strict };
    change(&loaded, &arguments.project, &[], &pairs, check, report)
}

/// `pith unset`.
///
/// # Errors
/// No project; an option that does not exist or that cannot be switched off.
pub fn unset(arguments: &UnsetArgs, report: &Report) -> Result<u8> {
    let names = arguments.options.iter().map(|name| plain_name(name)).collect::<Result<Vec<_>>>()?;
    let loaded = load(&arguments.project, arguments.workdir.as_deref(), report)?;
    let is_switch = |name: &String| {
        let kconfig = loaded.core.kconfig();
        kconfig.find(name).is_none_or(|symbol| kconfig.symbol(symbol).kind == Kind::Bool)
    };
    // A number is not switched off: what was saved of it is forgotten.
    let pairs: Vec<(String, String)> = names.iter().filter(|name| is_switch(name)).map(|name| (name.clone(), "n".to_owned())).collect();
    change(&loaded, &arguments.project, &names, &pairs, Check::Strict, report)
}

/// What is wrong with the pairs, one line each.
fn complaints(configured: &Configured<'_>, pairs: &[(String, String)]) -> Vec<String> {
    let is_ours = |name: &str| pairs.iter().any(|(own, _)| own == name);
    let report = &configured.report;
    let unknown = report.unknown.iter().filter(|one| is_ours(&one.name)).map(|one| {
        let hint = one.nearest.as_ref().map(|near| format!("; did you mean CONFIG_{near}?")).unwrap_or_default();
        format!("CONFIG_{} is no option{hint}", one.name)
    });
    let refused = report.refused.iter().filter(|one| is_ours(&one.name));
    let refused = refused.map(|one| format!("CONFIG_{}={} does not take effect: {}", one.name, one.wanted, one.reason));
    let rest = report.unsupported.iter().chain(&report.settings).filter(|one| is_ours(&one.name));
    unknown.chain(refused).chain(rest.map(|one| format!("CONFIG_{}={} changes nothing: {}", one.name, one.value, one.why))).collect()
}

/// Changes the saved configuration of every target that the user means.
fn change(
    loaded: &Loaded,
    filters: &ProjectArgs,
    forgotten: &[String],
    pairs: &[(String, String)],
    check: Check,
    report: &Report,
) -> Result<u8> {
    let targets = loaded.targets(filters)?;
    let is_named = filters.target.is_some() || filters.arch.is_some() || filters.plat.is_some();
    let mut changed: Vec<(Target, String)> = Vec::new();
    let mut refusal = None;
    for target in targets {
        let configured = match loaded.configure(&target, loaded.saved(&target)?.as_ref(), forgotten, pairs) {
            Ok(configured) => configured,
            // A target that no kernel is for is left out, unless it was asked for.
            Err(error) if is_named => return Err(error),
            Err(error) => {
                refusal.get_or_insert(error);
                continue;
            }
        };
        let complaints = complaints(&configured, pairs);
        if let (Check::Strict, Some(first)) = (check, complaints.first()) {
            let error = Error::new(first.clone());
            return Err(match complaints.len() {
                1 => error,
                count => error.with_help(format!("and {} more; nothing was saved", count - 1)),
            });
        }
        complaints.iter().for_each(|complaint| report.warn(complaint));
        let text = saved::write(&loaded.core, &configured, &target);
        changed.push((target, text));
    }
    if let (true, Some(error)) = (changed.is_empty(), refusal) {
        return Err(error);
    }
    for (target, text) in changed {
        let path = loaded.save(&target, &text)?;
        report.info(&format!("{}: saved to {}", target.shown(), path.display()));
    }
    Ok(0)
}
