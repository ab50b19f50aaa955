//! The 32-bit word that each frame has: its reference count, or what kind of free or heap frame it is.
//!
//! | word | meaning |
//! |---|---|
//! | 0 | not a frame of its own: inside a block, in the single-frame cache, or bookkeeping |
//! | 1 .. [`SLAB`] | allocated, that many references (more would need terabytes of page tables first) |
//! | [`FREE`] + order | first frame of a free block |
//! | [`SLAB`] + ... | heap slab; the rest is the heap's (see `heap`) |

use crate::PAGE_BYTES;
use core::sync::atomic::AtomicU32;

/// First frame of a free block; the low bits hold its order.
pub const FREE: u32 = 1 << 31;
/// The frame holds small heap objects.
pub const SLAB: u32 = 1 << 30;

/// Frames whose words share one page of bookkeeping: a 4 MiB block.
pub const BLOCK_FRAMES: u64 = 1024;

/// One range of usable memory with its bookkeeping at its start.
#[derive(Clone, Copy)]
pub struct Region {
    /// First frame number that belongs to the range, bookkeeping included.
    pub first: u64,
    /// First frame number to hand out.
    pub usable: u64,
    /// First frame number past the range.
    pub end: u64,
    /// Number of the 4 MiB block that holds `first`.
    pub base_block: u64,
}

impl Region {
    /// From physical byte addresses, shrunk to whole frames. `None` when nothing is left after the bookkeeping. Frame 0 is never used, so
    /// that physical address 0 can mean "none".
    pub fn new(start: u64, end: u64) -> Option<Region> {
        let first = start.div_ceil(PAGE_BYTES).max(1);
        let end = end / PAGE_BYTES;
        if end <= first {
            return None;
        }
        let base_block = first / BLOCK_FRAMES;
        let blocks = (end - 1) / BLOCK_FRAMES - base_block + 1;
        let usable = first + blocks;
        (usable < end).then_some(Region { first, usable, end, base_block })
    }

    /// Whether `frame` can be handed out from here.
    pub fn contains(&self, frame: u64) -> bool {
        frame >= self.usable && frame < self.end
    }

    /// Physical address of the bookkeeping page of the 4 MiB block that holds `frame`.
    pub fn meta_page(&self, frame: u64) -> u64 {
        (self.first + (frame / BLOCK_FRAMES - self.base_block)) * PAGE_BYTES
    }

    /// The word of `frame`.
    ///
    /// # Safety
    /// `frame` lies in a block of this region whose bookkeeping page was initialised, and `offset` is the direct map's.
    pub unsafe fn word(&self, offset: u64, frame: u64) -> &'static AtomicU32 {
        let addr = offset.wrapping_add(self.meta_page(frame)) + frame % BLOCK_FRAMES * 4;
        // SAFETY: by contract the address is that of an initialised, 4-byte aligned word in memory that only this crate touches, for ever.
        unsafe { &*core::ptr::with_exposed_provenance::<AtomicU32>(addr as usize) }
    }
}
