//! Project files: `Kraftfile` and its four other names, specification v0.5 to v0.7.
//!
//! [`find`] looks for one, [`Project::parse`] reads it. Reading goes in steps that each know the place in the file, so every
//! complaint points at line and column: [`yaml`] makes a tree with positions, [`interpolate`] fills in variables,
//! [`project`] gives the tree its meaning. Unknown keys are warnings with a suggestion, never errors.
//!
//! A variable is an option of the kernel where there is one of its name, and the host's otherwise ([`Variables`]).
//!
//! Neighbours: `pith-configuration` works out what a project's options come to, `pith` reads a project that refers to them until both agree.
#![forbid(unsafe_code)]

pub mod edit;
pub mod find;
pub mod interpolate;
pub mod project;
pub mod schema;
pub mod yaml;

pub use find::{FindError, NAMES, find};
pub use pith_diagnostic::{Problem, Source, Warning};
pub use project::{
    Access, Component, ComponentSource, EnvEntry, KconfigEntry, Preset, Project, Rom, RootfsSource, Runtime, SpecVersion, Target,
    Variables, Volume, architecture, of_address, platform,
};
