//! What is to be in a kernel, as Cargo understands it.

use crate::application::Application;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A choice of libraries, and values for what is left open in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Features of the core's crate `image`; of `pith-app` for an application that becomes part of the kernel.
    pub features: Vec<String>,
    /// Constants that the image includes, as Rust's source has them: name, type and value.
    pub constants: Vec<Constant>,
    /// The program that is compiled together with the core, instead of `image`.
    pub application: Option<Application>,
}

/// One constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name, in capitals.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `u64`.
    Number(u64),
    /// `&str`.
    Text(String),
    /// `bool`.
    Switch(bool),
}

impl Configuration {
    /// A preset: a feature of the image that chooses others.
    #[must_use]
    pub fn preset(name: &str) -> Self {
        Self { features: vec![name.to_owned()], constants: Vec::new(), application: None }
    }

    /// Features in one order, each once.
    pub(crate) fn sorted_features(&self) -> Vec<String> {
        let mut features = self.features.clone();
        features.sort_unstable();
        features.dedup();
        features
    }

    /// Features with those that they choose, by the manifest of the crate `image`: one line is one feature there.
    pub(crate) fn chosen_features(&self, manifest: &str) -> BTreeSet<String> {
        let (mut chosen, mut open) = (BTreeSet::new(), self.features.clone());
        while let Some(name) = open.pop() {
            let line = manifest.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(" = ["));
            if chosen.insert(name) {
                open.extend(line.into_iter().flat_map(|line| line.split('"').skip(1).step_by(2)).map(ToOwned::to_owned));
            }
        }
        chosen
    }

    /// The constants as Rust's source, in one order; empty when there are none.
    pub(crate) fn source(&self) -> String {
        let mut constants: Vec<&Constant> = self.constants.iter().collect();
        constants.sort_by(|a, b| a.name.cmp(&b.name));
        let mut out = String::new();
        for Constant { name, value } in constants {
            // Writing to a string does not fail.
            let _ = match value {
                Value::Number(number) => writeln!(out, "pub const {name}: u64 = {number};"),
                Value::Text(text) => writeln!(out, "pub const {name}: &str = {text:?};"),
                Value::Switch(is_on) => writeln!(out, "pub const {name}: bool = {is_on};"),
            };
        }
        out
    }
}
