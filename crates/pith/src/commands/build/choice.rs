//! What is to be in a project's kernel, from everybody who has a say.

use super::Job;
use crate::commands::project::{Basis, Loaded};
use crate::error::{Error, Result};
use crate::report::Report;
use pith_builder::{Configuration, Constant, Value};
use pith_configuration::{Configured, explain, validate};
use pith_kconfig::Kind;
use pith_kraftfile::Target;
use std::collections::BTreeMap;

/// A choice.
pub struct Chosen {
    /// Preset that the options began with.
    pub preset: String,
    /// What the builder needs to know.
    pub configuration: Configuration,
    /// Every option, as in `.config`.
    pub values: BTreeMap<String, String>,
    /// The same, as the file itself.
    pub text: String,
    /// Variables for the application.
    pub environment: Vec<(String, String)>,
    /// Whether the root file system becomes part of the image.
    pub embeds_rootfs: bool,
    /// Why everything is as it is.
    pub explanation: String,
}

impl Chosen {
    /// Whether the application is compiled together with the kernel.
    pub fn is_application(&self) -> bool {
        self.values.get("CONFIG_LIBAPP").is_some_and(|value| value == "y")
    }

    /// Whether the application becomes part of the image.
    pub fn carries_program(&self) -> bool {
        self.is_application() || self.configuration.features.iter().any(|feature| feature == "embedded-app")
    }
}

/// What the user says about options on the command line.
pub struct Asked<'a> {
    /// What options are made of.
    pub basis: Basis,
    /// Options that come to nothing are errors.
    pub validate: bool,
    /// A library that nobody has is only told, not an error.
    pub may_lack_libraries: bool,
    /// Variables for the application.
    pub env: &'a [String],
    pub report: &'a Report,
}

impl<'a> From<&Job<'a>> for Asked<'a> {
    fn from(job: &Job<'a>) -> Self {
        let arguments = job.arguments;
        let may_lack_libraries = arguments.explain;
        Self { basis: arguments.basis(), validate: arguments.validate, may_lack_libraries, env: &arguments.env, report: job.report }
    }
}

/// Works out what is to be in a kernel.
///
/// # Errors
/// A target that no kernel is for; with `--validate`, options that came to nothing.
pub fn choose(asked: &Asked<'_>, loaded: &Loaded, target: &Target) -> Result<Chosen> {
    let options = &loaded.core;
    let configured = loaded.chosen(target, &asked.basis)?;
    report(asked, &configured)?;
    let constants = configured.constants.iter().map(|(name, value)| {
        let kind = options.kconfig().find(name).map(|symbol| options.kconfig().symbol(symbol).kind);
        Constant { name: name.clone(), value: constant(kind, &value.text) }
    });
    let text = configured.config.write("");
    let values = text.lines().filter_map(|line| line.split_once('=')).map(pair).collect();
    let features = features(asked, &configured);
    let configuration = Configuration { features, constants: constants.collect(), application: None };
    let mut environment = configured.environment.clone();
    for text in asked.env {
        let (name, value) = variable(text)?;
        environment.retain(|(known, _)| *known != name);
        environment.push((name, value));
    }
    Ok(Chosen {
        explanation: explain(options, &configured),
        preset: configured.preset,
        configuration,
        values,
        text,
        environment,
        embeds_rootfs: configured.embeds_rootfs,
    })
}

/// The features that the options come to; what is no feature of an application that is part of its kernel, its options cannot switch on.
fn features(asked: &Asked<'_>, configured: &Configured<'_>) -> Vec<String> {
    let mut features = configured.features.clone();
    if configured.config.is_set("LIBAPP") {
        // Found devices come with the libraries that drive them.
        let is_known = |feature: &String| pith_builder::APPLICATION_FEATURES.contains(&feature.as_str());
        let others: Vec<&String> = configured.features.iter().filter(|feature| !is_known(feature) && *feature != "virtio").collect();
        for feature in others {
            asked.report.warn(&format!(
                "the option of the library {feature} does nothing: an application that is part of its kernel makes no system calls"
            ));
        }
        features.retain(is_known);
    }
    features
}

fn pair((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.trim_matches('"').to_owned())
}

fn constant(kind: Option<Kind>, text: &str) -> Value {
    let number = match kind {
        Some(Kind::Int) => text.parse().ok(),
        Some(Kind::Hex) => u64::from_str_radix(text.trim_start_matches("0x"), 16).ok(),
        _ => None,
    };
    number.map_or_else(|| Value::Text(text.to_owned()), Value::Number)
}

/// `NAME=VALUE`, or `NAME` for the host's value.
fn variable(text: &str) -> Result<(String, String)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    };
    if name.is_empty() {
        return Err(Error::new(format!("--env {text:?}: expected NAME=VALUE")));
    }
    let value = value
        .ok_or_else(|| Error::new(format!("--env {name}: this host has no such variable")).with_help(format!("write {name}=VALUE")))?;
    Ok((name.to_owned(), value))
}

/// Says what came to nothing.
fn report(asked: &Asked<'_>, configured: &Configured<'_>) -> Result<()> {
    if asked.validate {
        let found = validate(configured);
        if !found.is_clean() {
            let lines: Vec<String> = found.misspelt.into_iter().chain(found.ineffective).collect();
            return Err(Error::new(format!("options that came to nothing:\n  {}", lines.join("\n  "))));
        }
    }
    let missing = configured.report.unknown.iter().find(|one| one.library.is_some());
    if let (Some(missing), false) = (missing, asked.may_lack_libraries) {
        return Err(
            Error::new(missing.to_string()).with_help("correct the name, give it a `source`, or take it out with `pith lib remove`")
        );
    }
    configured.report.findings().iter().for_each(|line| asked.report.warn(line));
    configured.report.summary().lines().take(1).filter(|line| line.starts_with("options: ")).for_each(|line| asked.report.debug(line));
    Ok(())
}
