//! Sources of a project's components: fetched, kept with what they are, offline afterwards.
//!
//! [`Address`] is where something comes from, [`fetch`] gets it, [`Note`] says what was got. Archives are unpacked by [`archive`], repositories checked out by [`git`].
//!
//! Neighbours: `pith-kraftfile` reads the addresses, `pith fetch` and `pith build` call this.
#![forbid(unsafe_code)]

mod address;
mod archive;
mod error;
mod git;
mod store;

pub use address::{Address, Way};
pub use error::{Error, Result};
pub use store::{Made, Note, Reuse, fetch, noted};
