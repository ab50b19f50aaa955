//! A client of 9P2000.L: a directory that a server shares, as a file system of the [`vfs`].
//!
//! From the bottom up: `wire` is messages as bytes, `client` is one method for each request and the fids that the server keeps, [`NineFs`] is the
//! mounted tree, `inode` one file of it, `mapped` the pages of files that are mapped. [`Transport`] is the way to the server; there are no globals.
//!
//! Nothing is kept that the server does not know: names are looked up anew on every walk, attributes are asked for on every stat, reads and writes go to the server at
//! once. Only mapped pages stay, until the file's times or size say that they are old.
//!
//! Neighbours: `virtio-9p` is a [`Transport`], `vfs` calls, the image mounts.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod fs;
mod inode;
mod mapped;
mod node;
mod wire;

pub use client::{Size, Transport};
pub use fs::{NineFs, Options};
