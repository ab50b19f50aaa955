//! The Dockerfile language: text to stages of instructions, each with its place.
//!
//! [`parse`] goes in steps: [`lines`] joins physical lines and takes heredocs out, [`words`] cuts off keyword and flags, [`instruction`] gives the
//! rest its meaning, [`checks`] warns. Variables keep their `$` until the engine knows their values ([`shell`]).
//! Source: BuildKit's Dockerfile reference.

pub mod ast;
mod checks;
mod heredoc;
mod instruction;
mod lines;
mod mount;
mod parse;
mod pattern;
pub mod shell;
mod words;

pub use heredoc::Heredoc;
pub use lines::Directives;
pub use mount::{Mount, MountFlag, MountType, Sharing};
pub use parse::{parse, parse_trigger};
