//! Pages and page tables on their way out: unmapped first, flushed from the TLB next, freed last.

use crate::table::is_large;
use crate::table::page_of;
use crate::types::Mmu;
use arch_x86_64::paging::Entry;
use frame::FrameAllocator;

/// More pages than this are flushed all at once: past it, single flushes cost more than the misses after a whole one.
const SINGLE_FLUSHES: usize = 16;
/// Entries collected before they are flushed and freed.
const BATCH: usize = 64;
/// Tables collected likewise.
const TABLES: usize = 8;

/// Collects entries taken out of the tables, and tables; they are freed after a flush, so that no CPU can still reach them.
pub struct Gather<'a> {
    mmu: &'a dyn Mmu,
    frames: &'static FrameAllocator,
    entries: [Entry; BATCH],
    count: usize,
    /// Frames of tables that nothing refers to any more.
    tables: [u64; TABLES],
    tables_count: usize,
    flushes: Flushes,
}

/// Pages whose translations changed.
struct Flushes {
    pages: [u64; SINGLE_FLUSHES],
    count: usize,
}

impl<'a> Gather<'a> {
    pub fn new(mmu: &'a dyn Mmu, frames: &'static FrameAllocator) -> Self {
        let flushes = Flushes { pages: [0; SINGLE_FLUSHES], count: 0 };
        Self { mmu, frames, entries: [Entry::EMPTY; BATCH], count: 0, tables: [0; TABLES], tables_count: 0, flushes }
    }

    /// The translation of `virt` was taken away or narrowed.
    pub fn flush(&mut self, virt: u64) {
        if let Some(place) = self.flushes.pages.get_mut(self.flushes.count) {
            *place = virt;
        }
        self.flushes.count = (self.flushes.count + 1).min(SINGLE_FLUSHES + 1);
    }

    /// A table was taken out of the tables: CPUs may go on walking it until the flush.
    pub fn release_table(&mut self, phys: u64) {
        self.flushes.count = SINGLE_FLUSHES + 1;
        self.tables[self.tables_count] = phys;
        self.tables_count += 1;
        if self.tables_count == TABLES {
            self.finish();
        }
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
        } else if self.flushes.count > 0 {
            self.mmu.flush_pages(&self.flushes.pages[..self.flushes.count]);
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
        for phys in &self.tables[..self.tables_count] {
            // SAFETY: the frame was allocated for a table, its entry is gone and flushed.
            unsafe { self.frames.free(*phys, 0) };
        }
        self.tables_count = 0;
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
