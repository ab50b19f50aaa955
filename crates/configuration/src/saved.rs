//! `.config.NAME`: what `pith set` and `pith menu` keep.
//!
//! The file has every value, as Linux's and Unikraft's tools expect, and in its heading what the project asked for when it was
//! written (lines `#: CONFIG_X=y`). So what a user changed by hand is told from what merely followed from the project, and a
//! Kraftfile that changes later takes effect: only the user's own changes lie over it. A file without that heading, written by
//! kraft or by hand, counts with every line, and where it contradicts a newer Kraftfile that is said.

use crate::configure::{self, Configured, Error};
use crate::core::Core;
use crate::inputs::PRESET;
use crate::report::{Report, Unknown};
use pith_kconfig::{Config, Origin};
use pith_kraftfile::Target;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Which of two files changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The project's file changed after this one.
    Older,
    /// It did not, or nobody knows.
    Newer,
}

/// A saved configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    name: String,
    text: String,
    age: Age,
    /// What the project asked for when it was written.
    asked: Option<Vec<(String, String)>>,
    /// The core's fingerprint when it was written.
    core: Option<u64>,
    preset: Option<String>,
}

const ASKED: &str = "#: CONFIG_";
const CORE: &str = "# Options of the core: ";
const CHOSEN: &str = "# Preset: ";

/// Where the configuration of a target is kept: `.config.` and the base name of its kernel, in the project's directory.
#[must_use]
pub fn path(directory: &Path, name: &str, target: &Target) -> PathBuf {
    let own = target.output.as_deref().and_then(|output| Path::new(output).file_name()).map(|name| name.to_string_lossy().into_owned());
    let name = target.name.as_deref().unwrap_or(name);
    let kernel = own.unwrap_or_else(|| format!("{name}_{}-{}", target.platform, target.architecture));
    directory.join(format!(".config.{kernel}"))
}

impl Saved {
    /// A file's text; `name` is for messages.
    #[must_use]
    pub fn parse(name: &str, text: &str, age: Age) -> Self {
        let core = text.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(CORE)?.trim(), 16).ok());
        let pairs = text.lines().filter_map(|line| line.strip_prefix(ASKED)?.split_once('='));
        let asked: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let preset = text.lines().find_map(|line| line.strip_prefix(CHOSEN)).map(|name| name.trim().to_owned());
        Self { name: name.to_owned(), text: text.to_owned(), age, asked: core.is_some().then_some(asked), core, preset }
    }

    /// The file at `path`, if there is one; `project` is the project's file.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(path: &Path, project: Option<&Path>) -> std::io::Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = match (changed(path), project.and_then(changed)) {
            (Some(own), Some(project)) if own < project => Age::Older,
            _ => Age::Newer,
        };
        let name = path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
        Ok(Some(Self::parse(&name, &text, age)))
    }

    /// Every option that it names, without `CONFIG_`, the core's and others.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (String, String)> {
        self.text.lines().filter_map(|line| {
            let off = line.strip_prefix("# CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
            let pair = off.map(|name| (name, "n")).or_else(|| line.strip_prefix("CONFIG_")?.split_once('='));
            pair.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        })
    }

    /// The preset that a user chose by hand.
    pub(crate) fn chosen_preset(&self) -> Option<&str> {
        self.preset.as_deref()
    }
}

/// Lays what a user changed over what the project asks for now.
pub(crate) fn overlay(
    core: &Core,
    saved: &Saved,
    asked: &[(String, String)],
    forgotten: &[String],
    config: &mut Config<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut file = Config::new(&core.kconfig);
    let notes = file.read(&saved.name, &saved.text);
    let mut gone = 0_usize;
    for note in notes {
        match note.name.filter(|name| core.kconfig.find(name).is_none()) {
            Some(_) if saved.core.is_some_and(|own| own != core.fingerprint()) => gone += 1,
            Some(name) if core.names.find(&name).is_some() => {}
            Some(name) => {
                let nearest = configure::nearest(core, &name);
                let origin = Origin::File(saved.name.as_str().into(), note.line);
                report.unknown.push(Unknown { name, origin, nearest, library: None });
            }
            None => report.notes.push(format!("{}:{}: {}", saved.name, note.line, note.message)),
        }
    }
    let then = match (&saved.asked, &saved.preset) {
        (Some(asked), preset) => {
            let chosen = preset.iter().map(|preset| (PRESET.to_owned(), preset.clone()));
            // A preset that is gone since leaves nothing to compare with: every line counts.
            configure::silent(core, &asked.iter().cloned().chain(chosen).collect::<Vec<_>>()).ok()
        }
        (None, _) => None,
    };
    if saved.core.is_some_and(|own| own != core.fingerprint()) {
        let new = core.kconfig.defined().filter(|id| !file.is_asked(*id) && config.value(*id).is_written).count();
        if gone + new > 0 {
            let message = format!("{} is of another version of the core: {gone} of its options are gone, {new} are new", saved.name);
            report.notes.push(message);
        }
    }
    let is_forgotten = |name: &str| forgotten.iter().any(|one| one.strip_prefix("CONFIG_").unwrap_or(one) == name);
    for symbol in core.kconfig.defined() {
        let name = &core.kconfig.symbol(symbol).name;
        let Some((value, origin)) = file.asked(symbol) else { continue };
        if is_forgotten(name) || then.as_ref().is_some_and(|then| then.value(symbol).text == value) {
            continue;
        }
        let now = config.value(symbol).text;
        let wanted = |asked: &[(String, String)]| asked.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let is_contradicted = now != value
            && match &saved.asked {
                Some(before) => wanted(asked) != wanted(before),
                None => saved.age == Age::Older && wanted(asked).is_some(),
            };
        if is_contradicted {
            report.notes.push(format!(
                "{origin}: CONFIG_{name}={value} is older than the project, which now asks for {now}; remove the line to take the project's"
            ));
        }
        // What the file has was checked when it was read.
        let _ = config.set(symbol, value, origin.clone());
    }
    Ok(())
}

/// The text of `.config.NAME` for a configuration.
#[must_use]
pub fn write(core: &Core, configured: &Configured<'_>, target: &Target) -> String {
    let mut out = String::new();
    // A String takes everything.
    let _ = writeln!(out, "# Configuration for {}; `pith set`, `pith unset` and `pith menu` write this file.", target.shown());
    let _ = writeln!(out, "{CORE}{:016x}", core.fingerprint());
    let asked_preset = configured.asked.iter().find(|(name, _)| name == PRESET).map(|(_, value)| value);
    if asked_preset != Some(&configured.preset) {
        let _ = writeln!(out, "{CHOSEN}{}", configured.preset);
    }
    out.push_str("# What the project asked for when it was written; other values below are changes made by hand:\n");
    for (name, value) in configured.asked.iter().filter(|(_, value)| !value.contains('\n')) {
        let _ = writeln!(out, "{ASKED}{name}={value}");
    }
    out + &configured.config.write("")
}
