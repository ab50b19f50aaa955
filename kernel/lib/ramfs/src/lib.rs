//! A file system in memory, with files that may point into an archive.
//!
//! [`Ramfs`] is what Linux calls tmpfs: the root file system, `/tmp`, `/dev`. Its inodes ([`RamInode`]) are made by the VFS or, for an initrd, put in
//! by a loader with [`RamInode::insert`]: names, link targets and contents are then slices of the archive and cost no memory.
//! Where even that would cost too much, an [`Origin`] is asked for single entries when somebody looks for them ([`Ramfs::over`]).
//! A file's contents stay a slice until the file is written or mapped; from then on a [`vfs::PageCache`] over the slice has them. [`Unnamed`] makes
//! files without names (memfd_create(2)).
//!
//! An inode takes about 100 bytes, a directory entry about 60.
//!
//! Neighbours: `vfs` below, `initrd`, `erofs` and `devfs` above.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
// What only changes use stands beside what it serves.
#![cfg_attr(not(all(feature = "write", feature = "origin", feature = "directories")), allow(dead_code, unused_imports))]

extern crate alloc;

mod directory;
mod fs;
mod inode;
mod load;
mod name;
#[cfg(feature = "origin")]
mod origin;
#[cfg(not(feature = "origin"))]
mod plain;
#[cfg(feature = "write")]
mod rename;
#[cfg(feature = "write")]
mod unnamed;
#[cfg(any(feature = "write", feature = "origin"))]
mod xattr;

pub use fs::Ramfs;
pub use inode::RamInode;
pub use load::{Contents, Meta};
#[cfg(feature = "origin")]
pub use origin::{Entry, Origin, Stored};
#[cfg(feature = "write")]
pub use unnamed::{Sealing, Unnamed};
