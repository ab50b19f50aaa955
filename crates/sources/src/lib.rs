//! Sources of a project's components: fetched, kept with what they are, offline afterwards.
//!
//! [`Address`] is where something comes from, [`fetch`] gets it, [`Note`] says what was got. Archives are unpacked by [`archive`], repositories checked out by [`git`].
//! [`Origin`] is what a `Makefile.uk` builds from: archives, and the patches for them.
//!
//! Neighbours: `pith-kraftfile` reads the addresses, `pith-native` the origins, `pith fetch` and `pith build` call this.
#![forbid(unsafe_code)]

mod address;
mod archive;
mod digest;
mod error;
mod git;
mod origin;
mod patch;
mod store;
mod zip;

pub use address::{Address, Way};
pub use digest::{Algorithm, Checksum};
pub use error::{Error, Result};
pub use origin::{Archive, Network, Origin, Patches, TREE};
pub use store::{Made, Note, Reuse, fetch, noted};
