//! Pages on their way out: unmapped first, flushed from the TLB next, freed last.

use crate::table::is_large;
use crate::table::page_of;
use crate::types::Mmu;
use arch_x86_64::paging::Entry;
use frame::FrameAllocator;

/// More pages than this are flushed all at once: past it, single flushes cost more than the misses after a whole one.
const SINGLE_FLUSHES: usize = 16;
/// Entries collected before they are flushed and freed.
const BATCH: usize = 64;

/// Collects entries taken out of the tables; the pages are freed after a flush, so that no CPU can still reach them.
pub struct Gather<'a> {
    mmu: &'a dyn Mmu,
    frames: &'static FrameAllocator,
    entries: [Entry; BATCH],
    count: usize,
    flushes: Flushes,
}

/// Pages whose translations changed.
struct Flushes {
    pages: [u64; SINGLE_FLUSHES],
    count: usize,
}

impl<'a> Gather<'a> {
    pub fn new(mmu: &'a dyn Mmu, frames: &'static FrameAllocator) -> Self {
        Self { mmu, frames, entries: [Entry::EMPTY; BATCH], count: 0, flushes: Flushes { pages: [0; SINGLE_FLUSHES], count: 0 } }
    }

    /// The translation of `virt` was taken away or narrowed.
    pub fn flush(&mut self, virt: u64) {
        if let Some(place) = self.flushes.pages.get_mut(self.flushes.count) {
            *place = virt;
        }
        self.flushes.count = (self.flushes.count + 1).min(SINGLE_FLUSHES + 1);
    }

    /// Tables were freed, or more changed than is worth naming.
    pub fn flush_everything(&mut self) {
        self.flushes.count = SINGLE_FLUSHES + 1;
    }

    /// `entry` was taken out of the tables at `virt`; its page is let go of. Large entries are whole blocks.
    pub fn release(&mut self, virt: u64, entry: Entry) {
        if entry.is_present() {
            self.flush(virt);
        }
        self.entries[self.count] = entry;
        self.count += 1;
        if self.count == BATCH {
            self.finish();
        }
    }

    /// Flushes, then frees.
    fn finish(&mut self) {
        if self.flushes.count > SINGLE_FLUSHES {
            self.mmu.flush_all();
        } else {
            for virt in &self.flushes.pages[..self.flushes.count] {
                self.mmu.flush_page(*virt);
            }
        }
        self.flushes.count = 0;
        for entry in &self.entries[..self.count] {
            if is_large(*entry) {
                // SAFETY: large entries are made from blocks of order 9; this one is out of the tables and flushed.
                unsafe { self.frames.free(entry.phys(), 9) };
            } else {
                // SAFETY: the entry was taken out of its slot by the caller; this is its one handle.
                drop(unsafe { page_of(self.frames, *entry) });
            }
        }
        self.count = 0;
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
