//! One image that holds kernel and application.
//!
//! [`attach()`] adds to a finished kernel image what it then carries: a root file system, a command line, a program. The kernel is not linked again for it.
//! `project::build` makes the program of a directory of C, C++ or Rust sources; [`lay_out`] turns a static program into pages as they go into memory, so that the kernel neither parses nor relocates nor copies anything.
#![forbid(unsafe_code)]

pub mod attach;
mod image;
pub mod layout;
#[cfg(feature = "project")]
pub mod project;

pub use attach::{Attachment, attach};
pub use layout::{LaidOut, lay_out};
