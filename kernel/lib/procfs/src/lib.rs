//! The /proc files that programs read (proc(5)).
//!
//! [`Procfs`] is the file system. It knows formats, not facts: those come from a [`ProcSource`] (the machine, its processes) and a
//! [`ProcessView`] for each process, which the image implements over `process`, `mm` and `net`. Text is made when a file is read.
//!
//! What there is stands in three tables: [`tree`](mod@tree) (top level and processes) and [`sysctl`](mod@sysctl) (`/proc/sys`).
//!
//! Neighbours: `vfs` below; `process` and the image provide the data.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod descriptors;
mod inode;
mod machine;
mod process;
mod source;
mod status;
mod sysctl;
mod text;
mod tree;

pub use inode::Procfs;
pub use source::{Descriptor, MachineInfo, Mapping, NetTable, ProcSource, ProcessStatus, ProcessView, ThreadInfo, ThreadState};

#[cfg(test)]
mod tests;
