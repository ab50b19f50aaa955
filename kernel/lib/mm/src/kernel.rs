//! [`KernelSpace`]: the half of the address space that all share.

use crate::table::{PageTable, entry_for, page_of};
use crate::types::Mmu;
use alloc::vec::Vec;
use arch_x86_64::paging::{Domain, Entry, Note, READ, WRITABLE};
use frame::{FrameAllocator, PAGE_BYTES, Page};
use spin::Once;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// Start of the area for stacks and other kernel mappings.
const AREA: u64 = 0xffff_c000_0000_0000;
/// Its end: one root entry, 512 GiB, so that every address space shares its tables from the start.
const AREA_END: u64 = AREA + (512 << 30);
/// Stacks kept mapped for the next thread.
const SPARE_STACKS: usize = 2;

/// The kernel's mappings beside image and direct map. One per machine.
pub struct KernelSpace {
    frames: &'static FrameAllocator,
    mmu: &'static dyn Mmu,
    root: u64,
    /// What large sparse mappings show where they were only read.
    zero: Once<Page>,
    inner: Mutex<Inner>,
}

struct Inner {
    table: PageTable,
    /// First address that was never handed out.
    next: u64,
    /// Address ranges given back: (start, bytes).
    free: Vec<(u64, u64)>,
    /// Stacks given back, still mapped: (top, bytes).
    spare: Vec<(u64, u64)>,
}

impl KernelSpace {
    /// On top of the boot tables at physical address `root`. ENOMEM.
    pub fn new(frames: &'static FrameAllocator, mmu: &'static dyn Mmu, root: u64) -> Result<Self> {
        let mut table = PageTable::over(frames, root, Domain::Kernel);
        // The tables down to level 2, so that the root entry exists before it is copied.
        table.upper_slot(AREA).map_err(|_| Errno::ENOMEM)?;
        let inner = Inner { table, next: AREA, free: Vec::new(), spare: Vec::new() };
        Ok(Self { frames, mmu, root, zero: Once::new(), inner: Mutex::new(inner) })
    }

    /// Where frames come from.
    pub fn frames(&self) -> &'static FrameAllocator {
        self.frames
    }

    pub(crate) fn mmu(&self) -> &'static dyn Mmu {
        self.mmu
    }

    pub(crate) fn root(&self) -> u64 {
        self.root
    }

    /// A page of zeroes that is never written.
    pub(crate) fn zero_page(&self) -> Option<Page> {
        let page = self.zero.try_call_once(|| Page::zeroed(self.frames).ok_or(())).ok()?;
        // SAFETY: the frame lives as long as the kernel (`self.zero` is never dropped while spaces exist) and nobody writes it.
        Some(unsafe { Page::foreign_phys(self.frames, page.phys()) })
    }

    /// A stack of `bytes` (rounded up to pages), with an unmapped page below it: an overflow faults instead of overwriting. Its contents
    /// are undefined. ENOMEM.
    pub fn alloc_stack(&'static self, bytes: u64) -> Result<KernelStack> {
        let bytes = bytes.max(1).next_multiple_of(PAGE_BYTES);
        let mut inner = self.inner.lock();
        if let Some(at) = inner.spare.iter().position(|(_, b)| *b == bytes) {
            let (top, _) = inner.spare.swap_remove(at);
            return Ok(KernelStack { top, bytes, space: self });
        }
        let guard = inner.reserve(bytes + PAGE_BYTES)?;
        let (bottom, top) = (guard + PAGE_BYTES, guard + PAGE_BYTES + bytes);
        for virt in (bottom..top).step_by(PAGE_BYTES as usize) {
            let page = Page::uninit(self.frames);
            let slot = inner.table.slot(virt);
            let (Some(page), Ok(slot)) = (page, slot) else {
                self.unmap(&mut inner, bottom, virt);
                inner.free.push((guard, bytes + PAGE_BYTES));
                return Err(Errno::ENOMEM);
            };
            slot.set(entry_for(page, READ | WRITABLE, Domain::Kernel, Note::NONE));
        }
        Ok(KernelStack { top, bytes, space: self })
    }

    /// Maps device registers, uncached, for ever: the address of `phys` (of any alignment). ENOMEM.
    pub fn map_device(&self, phys: u64, bytes: u64) -> Result<u64> {
        let start = phys & !(PAGE_BYTES - 1);
        let end = phys.checked_add(bytes).and_then(|e| e.checked_next_multiple_of(PAGE_BYTES)).ok_or(Errno::EINVAL)?;
        let mut inner = self.inner.lock();
        let base = inner.reserve(end - start)?;
        for offset in (0..end - start).step_by(PAGE_BYTES as usize) {
            let slot = inner.table.slot(base + offset).map_err(|_| Errno::ENOMEM)?;
            slot.set(Entry::page(start + offset, READ | WRITABLE, Domain::Kernel, Note::FOREIGN).device());
        }
        Ok(base + phys % PAGE_BYTES)
    }

    fn unmap(&self, inner: &mut Inner, start: u64, end: u64) {
        for leaf in inner.table.cursor(start, end) {
            leaf.slot.set(Entry::EMPTY);
            self.mmu.flush_pages(&[leaf.virt]);
            // SAFETY: the entry was just taken out of its slot and flushed.
            drop(unsafe { page_of(self.frames, leaf.entry) });
        }
    }

    fn release_stack(&self, top: u64, bytes: u64) {
        let mut inner = self.inner.lock();
        if inner.spare.len() < SPARE_STACKS {
            inner.spare.push((top, bytes));
            return;
        }
        self.unmap(&mut inner, top - bytes, top);
        inner.free.push((top - bytes - PAGE_BYTES, bytes + PAGE_BYTES));
    }
}

impl Inner {
    /// Address space for `bytes`.
    fn reserve(&mut self, bytes: u64) -> Result<u64> {
        if let Some(at) = self.free.iter().position(|(_, b)| *b == bytes) {
            return Ok(self.free.swap_remove(at).0);
        }
        let start = self.next;
        self.next = start.checked_add(bytes).filter(|end| *end <= AREA_END).ok_or(Errno::ENOMEM)?;
        Ok(start)
    }
}

/// A thread's kernel stack; given back on drop, which the owner delays until no CPU runs on it.
pub struct KernelStack {
    top: u64,
    bytes: u64,
    space: &'static KernelSpace,
}

impl KernelStack {
    /// One past its highest address, page-aligned.
    pub fn top(&self) -> u64 {
        self.top
    }

    /// Its lowest address; the page below is the guard.
    pub fn bottom(&self) -> u64 {
        self.top - self.bytes
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        self.space.release_stack(self.top, self.bytes);
    }
}
