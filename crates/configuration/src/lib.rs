//! What a project's kernel is made of: from a Kraftfile, a target and a core to options, Cargo features and constants.
//!
//! A [`Core`] is the options of one version of Pith's kernel: its Kconfig files and three tables beside them ([`tables`]: which
//! option is which feature, what Unikraft's names are here; and presets). [`configure`] takes everything that wants something
//! in the order of kraft ([`inputs`]) and gives a [`Configured`]: the values, what to hand to Cargo, and a [`Report`] that says
//! what became of every wish. [`saved`] is `.config.NAME`, in which `pith set` and `pith menu` keep what they change.
//!
//! Neighbours: `pith-kconfig` works values out, `pith-kraftfile` reads projects, the builder turns a [`Configured`] into an image.
#![forbid(unsafe_code)]

mod configure;
mod core;
mod explain;
mod inputs;
mod report;
pub mod saved;
mod tables;
mod validate;

pub use crate::core::{Core, DEFAULT_PRESET, Extra, extras};
pub use configure::{Application, Configured, Error, Request, configure};
pub use explain::explain;
pub use inputs::{Wish, is_loader, library_option};
pub use report::{Ignored, Mapped, Refused, Report, Unknown};
pub use saved::Saved;
pub use tables::Meaning;
pub use validate::{Validation, validate};
