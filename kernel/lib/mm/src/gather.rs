//! Pages and page tables on their way out: unmapped first, flushed from the TLB next, freed last.

use crate::table::is_large;
use crate::table::page_of;
use crate::types::Mmu;
use arch_x86_64::paging::Entry;
use core::mem::MaybeUninit;
use frame::FrameAllocator;

/// More pages than this are flushed all at once: past it, single flushes cost more than the misses after a whole one.
const SINGLE_FLUSHES: usize = 16;
/// Entries collected before they are flushed and freed.
const BATCH: usize = 64;
/// Tables collected likewise.
const TABLES: usize = 8;

/// At most `N` things. Unlike those of a plain array, places that hold nothing yet are not written: most gathers end with few.
struct Few<T, const N: usize> {
    places: [MaybeUninit<T>; N],
    len: usize,
}

impl<T: Copy, const N: usize> Few<T, N> {
    const fn new() -> Self {
        Self { places: [const { MaybeUninit::uninit() }; N], len: 0 }
    }

    /// Adds one, if there is room.
    fn push(&mut self, thing: T) {
        if let Some(place) = self.places.get_mut(self.len) {
            place.write(thing);
            self.len += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.len == N
    }

    /// All of them; they are forgotten.
    fn take(&mut self) -> &[T] {
        let len = core::mem::take(&mut self.len);
        // SAFETY: `push` wrote the places below the length, and a `MaybeUninit` is laid out as what it holds.
        unsafe { core::slice::from_raw_parts(self.places.as_ptr().cast::<T>(), len) }
    }
}

/// Collects entries taken out of the tables, and tables; they are freed after a flush, so that no CPU can still reach them.
pub struct Gather<'a> {
    mmu: &'a dyn Mmu,
    frames: &'static FrameAllocator,
    entries: Few<Entry, BATCH>,
    /// Frames of tables that nothing refers to any more.
    tables: Few<u64, TABLES>,
    /// Pages whose translations changed, unless they are too many.
    pages: Few<u64, SINGLE_FLUSHES>,
    flush_all: bool,
}

impl<'a> Gather<'a> {
    pub fn new(mmu: &'a dyn Mmu, frames: &'static FrameAllocator) -> Self {
        Self { mmu, frames, entries: Few::new(), tables: Few::new(), pages: Few::new(), flush_all: false }
    }

    /// The translation of `virt` was taken away or narrowed.
    pub fn flush(&mut self, virt: u64) {
        self.flush_all |= self.pages.is_full();
        self.pages.push(virt);
    }

    /// A table was taken out of the tables: CPUs may go on walking it until the flush.
    pub fn release_table(&mut self, phys: u64) {
        self.flush_all = true;
        self.tables.push(phys);
        if self.tables.is_full() {
            self.finish();
        }
    }

    /// `entry` was taken out of the tables at `virt`; its page is let go of. Large entries are whole blocks.
    pub fn release(&mut self, virt: u64, entry: Entry) {
        if entry.is_present() {
            self.flush(virt);
        }
        self.entries.push(entry);
        if self.entries.is_full() {
            self.finish();
        }
    }

    /// Flushes, then frees.
    fn finish(&mut self) {
        let pages = self.pages.take();
        if core::mem::take(&mut self.flush_all) {
            self.mmu.flush_all();
        } else if !pages.is_empty() {
            self.mmu.flush_pages(pages);
        }
        for entry in self.entries.take() {
            if is_large(*entry) {
                // SAFETY: large entries are made from blocks of order 9; this one is out of the tables and flushed.
                unsafe { self.frames.free(entry.phys(), 9) };
            } else {
                // SAFETY: the entry was taken out of its slot by the caller; this is its one handle.
                drop(unsafe { page_of(self.frames, *entry) });
            }
        }
        for phys in self.tables.take() {
            // SAFETY: the frame was allocated for a table, its entry is gone and flushed.
            unsafe { self.frames.free(*phys, 0) };
        }
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
