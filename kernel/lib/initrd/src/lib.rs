//! Mounts a newc cpio archive without copying it.
//!
//! [`load`] reads the headers of an initial RAM disk and puts each entry into a [`ramfs::Ramfs`]; names, link targets and file contents
//! stay where they are in the archive. The archive may be anything: every size is checked against what is there, and what is wrong is
//! told as a [`LoadError`] with the offset of the header. Several archives may follow each other, with NULs between (as Linux allows).
//!
//! The format is Linux's `Documentation/driver-api/early-userspace/buffer-format.rst`. A name may be padded with NULs, so that the contents that
//! follow begin at a page boundary: such contents are later mapped without copying.
//!
//! Neighbours: `ramfs`; the image hands in the archive.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod header;
mod load;

pub use error::{LoadError, Reason};
pub use load::{Summary, load};

#[cfg(test)]
mod tests;
