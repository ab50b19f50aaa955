//! Inodes, dentries, mounts and path walk; open files, locks, the page cache.
//!
//! From the bottom up:
//! - [`Inode`] and [`FileSystem`] are what a file system implements; [`PageCache`] is what one that keeps its data in memory uses.
//! - [`Dentry`] is a name in the tree with its inode, [`Mount`] a file system at a place, [`Location`] a dentry seen through a mount:
//!   what a path means, what a working directory is, where an open file came from.
//! - [`Namespace`] is the tree of mounts. [`Context`] is who asks and from where (root, working directory, umask, identity); every path
//!   system call is a method of it: `context.open(None, b"/etc/passwd", &OpenHow::read())`.
//! - [`OpenFile`] is the open file description of anything that was opened by path; [`opened`] finds it behind a `dyn File`.
//! - [`Vfs`] is what all of these share: clock, memory, device numbers, devices, locks, watchers. There are no globals.
//!
//! Paths and names are bytes. Nothing here blocks: conflicts are `EAGAIN` and a wait queue.
//!
//! Neighbours: `ramfs`, `procfs`, `sysfs` implement [`FileSystem`]; `devfs` registers [`Device`]s; `inotify` is an [`EventSink`]; `pipe`
//! is behind [`FifoFactory`]; `process` owns a [`Context`]; `syscall` calls it.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
// What only changes use stands beside what it serves.
#![cfg_attr(
    not(all(
        feature = "write",
        feature = "locks",
        feature = "events",
        feature = "directories",
        feature = "mounts",
        feature = "special",
        feature = "resolve"
    )),
    allow(dead_code, unused_imports)
)]

extern crate alloc;

mod attr;
mod context;
mod dentry;
mod device;
mod entries;
mod events;
mod inode;
mod locks;
mod mount;
mod open;
mod open_file;
mod page_cache;
mod path;
#[cfg(feature = "remote")]
mod remote;
mod rename;
mod shared;
#[cfg(feature = "mounts")]
mod standard;
mod text;
mod transfer;
mod walk;
mod xattr;

pub use attr::{Access, SetTime};
pub use context::{Context, Follow};
pub use dentry::Dentry;
pub use device::{Device, DeviceTable, Fifo, FifoFactory, make_dev};
pub use events::{EventHub, EventMask, EventSink, FsEvent};
pub use inode::{
    Attributes, FileSystem, Inode, LinkTarget, Linkable, NewNode, Owner, RemoveKind, RenameKind, Seals, StatFs, WriteAt, XattrChange,
};
pub use locks::{LockConflict, LockKind, LockOwner, LockRange, LockTable};
pub use mount::{Location, Mount, MountFlags, MountInfo, Namespace};
pub use open::{OpenHow, Resolve};
pub use open_file::{OpenFile, opened};
pub use page_cache::PageCache;
pub use path::name_hash;
pub use shared::Vfs;
#[cfg(feature = "mounts")]
pub use standard::{StandardMount, mount_standard};
pub use text::{Generated, GeneratedFile};
pub use transfer::{End, copy_between};
