//! What became of every wish.

use pith_kconfig::Origin;
use std::fmt::{self, Write};

/// A name of Unikraft's that is an option of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Theirs, without `CONFIG_`.
    pub name: String,
    /// Ours, without `CONFIG_`.
    pub option: String,
    /// What was asked for.
    pub value: String,
    /// By whom.
    pub origin: Origin,
}

/// A wish that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The option, without `CONFIG_`.
    pub name: String,
    /// What was asked for.
    pub value: String,
    /// By whom.
    pub origin: Origin,
    /// Why.
    pub why: String,
}

/// A wish that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The option, without `CONFIG_`.
    pub name: String,
    /// What was asked for.
    pub wanted: String,
    /// By whom.
    pub origin: Origin,
    /// What it is instead.
    pub got: String,
    /// Why.
    pub reason: String,
}

/// A name that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name, without `CONFIG_`.
    pub name: String,
    /// Who wrote it.
    pub origin: Origin,
    /// What may have been meant, without `CONFIG_`.
    pub nearest: Option<String>,
    /// The library that the option stands for, where that is all that the project says of it.
    pub library: Option<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(library) = &self.library {
            let near = self.nearest.as_ref().and_then(|near| near.strip_prefix("LIB")).map(str::to_ascii_lowercase);
            let hint = near.map_or_else(|| "one of your own needs a source".to_owned(), |near| format!("did you mean {near}?"));
            return write!(f, "{}: there is no library {library}; {hint}", self.origin);
        }
        write!(f, "{}: CONFIG_{} is no option", self.origin, self.name)?;
        match &self.nearest {
            Some(near) => write!(f, "; did you mean CONFIG_{near}?"),
            None => Ok(()),
        }
    }
}

/// What became of every wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Names of Unikraft's that are options of ours.
    pub mapped: Vec<Mapped>,
    /// Asked for and always there.
    pub built_in: Vec<Ignored>,
    /// Nothing to choose here: sizes, messages, ways of building.
    pub settings: Vec<Ignored>,
    /// Not there.
    pub unsupported: Vec<Ignored>,
    /// Wishes that did not come true.
    pub refused: Vec<Refused>,
    /// Names that nobody knows.
    pub unknown: Vec<Unknown>,
    /// What is to be said about a saved configuration.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether there is anything that a user should look at: all but what was mapped, is built in or is nothing to choose.
    #[must_use]
    pub fn has_findings(&self) -> bool {
        !(self.unsupported.is_empty() && self.refused.is_empty() && self.unknown.is_empty() && self.notes.is_empty())
    }

    /// What a user should look at, one line each.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        let mut out = self.notes.clone();
        out.extend(self.unknown.iter().map(ToString::to_string));
        out.extend(self.refused.iter().map(|refused| {
            let Refused { name, wanted, origin, got, reason } = refused;
            let got = if got.is_empty() { "nothing" } else { got };
            format!("{origin}: CONFIG_{name}={wanted} did not take effect, it is {got}: {reason}")
        }));
        out.extend(grouped(&self.unsupported).into_iter().map(|(why, names)| format!("not supported: {names}: {why}")));
        out
    }

    /// All of it, short: one line for what was mapped, is built in or has nothing to choose, then the findings.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut out = String::new();
        let counts = [(self.mapped.len(), "mapped"), (self.built_in.len(), "built in"), (self.settings.len(), "with nothing to choose")];
        let said: Vec<String> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if !said.is_empty() {
            // A String takes everything.
            let _ = writeln!(out, "options: {}", said.join(", "));
        }
        for line in self.findings() {
            let _ = writeln!(out, "{line}");
        }
        out
    }
}

/// Wishes with the same reason on one line.
pub(crate) fn grouped(ignored: &[Ignored]) -> Vec<(String, String)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for one in ignored {
        let name = format!("CONFIG_{}", one.name);
        match out.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, names)) if !names.contains(&name) => names.push(name),
            Some(_) => {}
            None => out.push((one.why.clone(), vec![name])),
        }
    }
    out.into_iter().map(|(why, names)| (why, names.join(", "))).collect()
}
