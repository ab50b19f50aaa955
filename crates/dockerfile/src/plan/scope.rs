//! Variables: global build arguments, a stage's arguments, its environment.

use crate::lang::ast::{Argument, Word};
use crate::lang::shell::{Expansion, Lexer};
use pith_diagnostic::{Place, Problem, Source, Warning};
use pith_image::Platform;
use std::collections::BTreeMap;

/// Arguments that need no `ARG` and leave no trace in image or cache.
pub(super) const PROXIES: [&str; 10] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

/// `TARGETPLATFORM` and the like.
pub(super) fn platform_args(target: &Platform, stage: &str) -> BTreeMap<String, String> {
    let mut result = BTreeMap::new();
    for (prefix, platform) in [("TARGET", target), ("BUILD", &Platform::host())] {
        let mut put = |name: &str, value: String| drop(result.insert(format!("{prefix}{name}"), value));
        put("PLATFORM", platform.to_string());
        put("OS", platform.os.clone());
        put("OSVERSION", platform.os_version.clone().unwrap_or_default());
        put("ARCH", platform.architecture.clone());
        put("VARIANT", platform.variant.clone().unwrap_or_default());
    }
    result.insert("TARGETSTAGE".to_owned(), stage.to_owned());
    result
}

/// Fills variables in; says where it cannot.
pub(super) struct Expander<'e> {
    pub source: &'e Source,
    pub escape: char,
}

impl Expander<'_> {
    fn problem(&self, word: &Word, offset: usize, message: String) -> Problem {
        let at = offset.min(word.place.len.saturating_sub(1));
        let place = Place { start: word.place.start + at, len: word.place.len - at };
        self.source.problem(place, message, "here").with_help("a literal '$' or quote is written with the escape character in front of it")
    }

    pub(super) fn word(&self, word: &Word, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Expansion, Problem> {
        Lexer::new(self.escape, lookup).word(&word.text).map_err(|error| self.problem(word, error.offset, error.message))
    }

    pub(super) fn words(&self, word: &Word, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Vec<String>, Problem> {
        let words = Lexer::new(self.escape, lookup).split(&word.text);
        let words = words.map_err(|error| self.problem(word, error.offset, error.message))?;
        Ok(words.into_iter().map(|(_, text)| text).collect())
    }
}

/// Arguments before the first `FROM`.
pub(super) fn global(
    source: &Source,
    escape: char,
    args: &[Argument],
    given: &[(String, String)],
    platform: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let expander = Expander { source, escape };
    let mut values: BTreeMap<String, String> = platform.clone();
    for arg in args {
        let value = match (given.iter().rev().find(|(name, _)| *name == arg.name), &arg.default) {
            (Some((_, value)), _) => Some(value.clone()),
            (None, Some(default)) => Some(expander.word(default, &|name| values.get(name).cloned())?.text),
            (None, None) => None,
        };
        if let Some(value) = value {
            values.insert(arg.name.clone(), value);
        }
    }
    Ok(values)
}

/// The variables of a stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// `ENV`, in order.
    pub env: Vec<(String, String)>,
    /// `ARG`, in order; without a value it is only declared.
    pub args: Vec<(String, Option<String>)>,
}

impl Scope {
    pub(super) fn lookup(&self, name: &str) -> Option<String> {
        let in_env = self.env.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        in_env.or_else(|| self.args.iter().rev().find(|(key, _)| key == name).and_then(|(_, value)| value.clone()))
    }

    pub(super) fn set_env(&mut self, key: &str, value: &str) {
        match self.env.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => value.clone_into(old),
            None => self.env.push((key.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn declared(&self, name: &str) -> bool {
        self.args.iter().any(|(key, _)| key == name)
    }

    /// Arguments that a command sees: those with a value that no `ENV` hides.
    pub(super) fn visible_args(&self) -> Vec<String> {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, value) in &self.args {
            if let Some(value) = value {
                seen.insert(name, value);
            }
        }
        seen.retain(|name, _| !self.env.iter().any(|(key, _)| key == name));
        seen.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// Warns of a variable that nobody set.
pub(super) fn undefined(source: &Source, place: Place, names: &[String], warnings: &mut Vec<Warning>) {
    for name in names {
        warnings.push(source.warning(place, format!("UndefinedVar: ${name} has no value here")));
    }
}
