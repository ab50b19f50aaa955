//! Address spaces: the VMA tree, demand paging, copy-on-write; and the kernel's own mappings.
//!
//! [`AddressSpace`] is an application's half of the address space: mappings ([`MapRequest`]), page faults ([`AddressSpace::handle_fault`]), and the calls
//! of the mmap(2) family with Linux's semantics and errors. [`KernelSpace`] is the half that all share: stacks with guard pages, device
//! registers. [`Mmu`] is what the machine does for both.
//!
//! Nothing here blocks. Each space has one spin lock, held while a [`frame::MapObject`] is asked for a page, never while user memory is copied.
//!
//! Neighbours: `frame` below (frames, pages, objects), `arch` for the entry format, `process` owns the spaces, `syscall` calls them.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod advise;
mod brk;
mod fault;
mod fork;
mod gather;
mod info;
mod kernel;
mod lock;
mod map;
mod protect;
mod query;
mod remap;
mod space;
mod table;
mod types;
mod vma;

#[cfg(test)]
mod tests;

pub use arch_x86_64::paging::{Domain, USER_END};
pub use frame::{KernelHeap, MapObject, Page, PageAccess};
pub use info::{Name, Resident, Stats, VmaInfo};
pub use kernel::{KernelSpace, KernelStack};
pub use query::FutexKey;
pub use space::AddressSpace;
pub use types::{Fault, FaultKind, FileMapping, Limit, MapFlags, MapRequest, MappedName, Mmu, Prot, SegvCode, Shown};
