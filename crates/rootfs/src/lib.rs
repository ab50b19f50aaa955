//! Root file systems: what a machine finds at `/`.
//!
//! Every source becomes a [`Tree`], every result is made from one:
//!
//! * [`source`]: directories, tar archives, cpio archives, EROFS images, single files, layers of container images; [`source::detect`] tells which.
//! * [`Tree`]: names, metadata, and where contents are. Nothing is unpacked to disk (but compressed archives, into a file without a name), no contents are held in memory.
//! * [`sink`]: a newc cpio archive or an EROFS image, byte for byte the same for the same tree, with file data on page boundaries so that the guest maps files straight
//!   out of it.
//! * [`check`]: reads a cpio archive that someone else made and says in one sentence what is wrong with it; [`erofs::read`] does so for EROFS images.
//! * [`cache`]: results, kept so that the same is not packed twice.
//! * [`newc`], [`erofs`]: the formats themselves.
//!
//! Neighbours: `pith` decides what to pack and hands the result to a monitor as the initial RAM disk.
#![forbid(unsafe_code)]

pub mod cache;
pub mod check;
mod content;
pub mod erofs;
mod error;
pub mod newc;
pub mod sink;
pub mod source;
mod tree;

pub use cache::{Cache, Fingerprint};
pub use check::{Survey, check};
pub use content::{Content, Extent};
pub use error::{EntryError, Problem, RootfsError};
pub use sink::{Format, Packed, Plan};
pub use source::{FileSet, SourceKind, SourceOptions};
pub use tree::{Device, Kind, Meta, NAME_MAX, Node, NodeId, PATH_MAX, Timestamp, Tree, Visit};

/// Guest page size in bytes: where file data starts in a packed archive.
pub const PAGE: u64 = 4096;

/// Files of at least this many bytes start on a page boundary. Below it, padding would cost more memory than the one page
/// that the guest copies when such a file is touched.
pub const ALIGN_THRESHOLD: u64 = 2048;
