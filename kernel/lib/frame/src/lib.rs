//! Physical memory: the frame allocator, reference-counted pages and the kernel heap.
//!
//! [`FrameAllocator`] hands out 4 KiB frames and power-of-two blocks of them. Its cost at start does not depend on the size of memory: the
//! bookkeeping (4 bytes a frame) lies in the memory itself and is made ready 4 MiB at a time, when the allocator first gets there. [`Page`] is
//! a counted handle on one frame, the currency between page caches, address spaces and devices. [`Contiguous`] is a run of
//! frames for devices. [`KernelHeap`] is the `GlobalAlloc` on top.
//!
//! Neighbours: `mm` maps pages, `vfs` caches files in them, the image hands in the memory map. This crate and `mm` are where memory is
//! touched through the direct map; all above them see safe methods.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod allocator;
mod contiguous;
mod heap;
mod meta;
mod object;
mod page;
pub mod testing;

pub use allocator::{FrameAllocator, MAX_ORDER};
pub use contiguous::Contiguous;
pub use heap::KernelHeap;
pub use object::{AnonObject, MapObject, MapObserver, PageAccess, PagesObject, StaticObject};
pub use page::Page;

/// Bytes in a frame.
pub const PAGE_SIZE: usize = 4096;
/// [`PAGE_SIZE`] as an address quantity.
pub const PAGE_BYTES: u64 = 4096;

#[cfg(test)]
mod tests;
