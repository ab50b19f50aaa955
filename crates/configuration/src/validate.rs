//! `--validate`: names that nobody knows, values that came to nothing.

use crate::configure::Configured;

/// What is wrong with a configuration, for those who want to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// One line each: names that are no options, with the one that may have been meant.
    pub misspelt: Vec<String>,
    /// One line each: wishes that did not come true.
    pub ineffective: Vec<String>,
}

impl Validation {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.misspelt.is_empty() && self.ineffective.is_empty()
    }
}

/// Looks through a configuration's report.
#[must_use]
pub fn validate(configured: &Configured<'_>) -> Validation {
    let misspelt = configured.report.unknown.iter().map(ToString::to_string).collect();
    let refused = configured.report.refused.iter();
    let ineffective = refused.map(|one| format!("{}: CONFIG_{}={}: {}", one.origin, one.name, one.wanted, one.reason)).collect();
    Validation { misspelt, ineffective }
}
