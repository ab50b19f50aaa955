//! Root file systems: what a machine finds at `/`.
//!
//! * [`pack`]: a host directory becomes a newc cpio archive, byte for byte the same for the same input, with file data on
//!   page boundaries so that the guest maps files straight out of the archive.
//! * [`check`]: reads an archive that someone else made and says in one sentence what is wrong with it.
//! * [`newc`]: the format itself (Linux `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! Neighbours: `pith` decides what to pack and hands the result to a monitor as the initial RAM disk.
#![forbid(unsafe_code)]

pub mod check;
mod error;
pub mod newc;
pub mod pack;

pub use check::{Survey, check};
pub use error::{CheckError, PackError, Problem};
pub use pack::{FileSet, PackOptions, Packed, pack_directory};

/// Guest page size in bytes: where file data starts in a packed archive.
pub const PAGE: u64 = 4096;

/// Files of at least this many bytes start on a page boundary. Below it, padding would cost more memory than the one page
/// that the guest copies when such a file is touched.
pub const ALIGN_THRESHOLD: u64 = 2048;
