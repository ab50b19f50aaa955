//! Complaints about files that people write, for every language that Pith reads.
//!
//! A parser keeps a [`Source`] and the [`Place`] of what it has read; [`Source::problem`] makes the error that shows the line,
//! [`Source::warning`] what is ignored and why. [`nearest`] finds the word that was meant.
#![forbid(unsafe_code)]

mod problem;
mod suggest;

pub use problem::{Place, Problem, Source, Warning};
pub use suggest::nearest;
