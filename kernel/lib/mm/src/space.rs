//! [`AddressSpace`]: construction, the lock, and what every operation uses.

use crate::gather::Gather;
use crate::kernel::KernelSpace;
use crate::table::{Leaf, PageTable};
use crate::types::{Limit, Mmu};
use crate::vma::{Kind, Mapped, VmFlags, Vma, VmaMap};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use arch_x86_64::paging::{self, Domain, Entry, Note, USER_END};
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU64, Ordering};
use frame::{FrameAllocator, MapObserver, PAGE_BYTES};
use spinlock::{Mutex, MutexGuard};
use uapi::{Errno, Result};

/// An application's half of the address space. Shared by its threads; locks itself.
pub struct AddressSpace {
    pub(crate) me: Weak<AddressSpace>,
    pub(crate) kernel: &'static KernelSpace,
    pub(crate) frames: &'static FrameAllocator,
    root: u64,
    limits: [AtomicU64; 4],
    inner: Mutex<Inner>,
}

/// What the lock protects.
pub(crate) struct Inner {
    pub vmas: VmaMap,
    pub table: PageTable,
    pub rss: Rss,
    pub layout: Layout,
    /// mlockall(MCL_FUTURE): flags for new mappings.
    pub lock_future: bool,
    /// MCL_ONFAULT given with MCL_FUTURE: new mappings are not populated.
    pub lock_on_fault: bool,
    pub minor_faults: u64,
    /// Pages of objects that were copied for writing since the lock was taken: others who map them are told when it is let go.
    pub changed: Vec<(Arc<Mapped>, u64)>,
}

/// The lock on a space. Letting go of it tells objects what changed meanwhile.
pub(crate) struct Guard<'a> {
    /// `None` only while dropping.
    inner: Option<MutexGuard<'a, Inner>>,
}

impl Deref for Guard<'_> {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        self.inner.as_deref().expect("the guard holds the lock until it is dropped")
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        self.inner.as_deref_mut().expect("the guard holds the lock until it is dropped")
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        let Some(mut inner) = self.inner.take() else { return };
        if inner.changed.is_empty() {
            return;
        }
        let changed = core::mem::take(&mut inner.changed);
        drop(inner);
        for (mapped, index) in changed {
            mapped.object.changed(index, index + 1);
        }
    }
}

/// Resident pages by kind.
#[derive(Default, Clone, Copy)]
pub(crate) struct Rss {
    pub anon: u64,
    pub file: u64,
    pub shmem: u64,
    pub peak: u64,
}

/// Where things go; the random part is decided at the start.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// One past the highest address of the main stack.
    pub stack_top: u64,
    /// Mappings without an address go below.
    pub mmap_base: u64,
    /// Where a position-independent program goes.
    pub pie_base: u64,
    /// Random bytes between the program's end and the brk area.
    pub brk_gap: u64,
    pub brk_start: u64,
    pub brk: u64,
}

impl Rss {
    fn slot(&mut self, entry: Entry) -> Option<&mut u64> {
        let note = entry.note();
        if note.has(Note::ANON) {
            // The shared zero page is nobody's memory.
            (!note.has(Note::FOREIGN)).then_some(&mut self.anon)
        } else if note.has(Note::SHMEM) {
            Some(&mut self.shmem)
        } else {
            Some(&mut self.file)
        }
    }

    pub fn total(&self) -> u64 {
        self.anon + self.file + self.shmem
    }

    pub fn add(&mut self, entry: Entry, pages: u64) {
        if let Some(slot) = self.slot(entry) {
            *slot += pages;
        }
        self.peak = self.peak.max(self.total());
    }

    pub fn remove(&mut self, entry: Entry, pages: u64) {
        if let Some(slot) = self.slot(entry) {
            *slot -= pages;
        }
    }
}

/// The layout for a seed, in the ranges Linux uses on x86_64.
fn randomised(seed: u64) -> Layout {
    let mut state = seed;
    // splitmix64: spreads any seed; the caller's seed holds the randomness.
    let mut pages = |bits: u32| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) & ((1 << bits) - 1)) * PAGE_BYTES
    };
    let stack_top = USER_END - pages(22);
    Layout {
        stack_top,
        mmap_base: USER_END - (16 << 30) - (1 << 30) - pages(28),
        pie_base: 0x5555_5555_4000 + pages(28),
        brk_gap: pages(13),
        brk_start: 0,
        brk: 0,
    }
}

impl AddressSpace {
    /// An empty space whose random placements come from `seed`. ENOMEM.
    pub fn new(kernel: &'static KernelSpace, domain: Domain, seed: u64) -> Result<Arc<AddressSpace>> {
        Self::with_layout(kernel, domain, randomised(seed))
    }

    pub(crate) fn with_layout(kernel: &'static KernelSpace, domain: Domain, layout: Layout) -> Result<Arc<AddressSpace>> {
        let frames = kernel.frames();
        let root = frames.alloc_zeroed().ok_or(Errno::ENOMEM)?;
        let table = PageTable::over(frames, root, domain);
        table.share_upper(kernel.root(), paging::KERNEL_SLOT);
        let inner = Inner {
            vmas: VmaMap::default(),
            table,
            rss: Rss::default(),
            layout,
            lock_future: false,
            lock_on_fault: false,
            minor_faults: 0,
            changed: Vec::new(),
        };
        let unlimited = || AtomicU64::new(u64::MAX);
        Ok(Arc::new_cyclic(|me| AddressSpace {
            me: me.clone(),
            kernel,
            frames,
            root,
            limits: [unlimited(), unlimited(), AtomicU64::new(8 << 20), unlimited()],
            inner: Mutex::new(inner),
        }))
    }

    /// Makes this the current space of this CPU.
    pub fn activate(&self) {
        self.kernel.mmu().load_root(self.root);
    }

    /// Physical address of the root table.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Sets a resource limit. The stack's starts at 8 MiB, the others at none.
    pub fn set_limit(&self, which: Limit, bytes: u64) {
        self.limits[which as usize].store(bytes, Ordering::Relaxed);
    }

    /// A resource limit in bytes.
    pub fn limit(&self, which: Limit) -> u64 {
        self.limits[which as usize].load(Ordering::Relaxed)
    }

    /// Where to put a position-independent program of this space: a page-aligned random address in the range that Linux uses.
    pub fn pie_base(&self) -> u64 {
        self.lock().layout.pie_base
    }

    pub(crate) fn lock(&self) -> Guard<'_> {
        Guard { inner: Some(self.inner.lock()) }
    }

    pub(crate) fn mmu(&self) -> &'static dyn Mmu {
        self.kernel.mmu()
    }

    pub(crate) fn gather(&self) -> Gather<'static> {
        Gather::new(self.mmu(), self.frames)
    }

    /// Shrinks a page-aligned range check to one place: the end of `addr .. addr + len` rounded up to pages.
    pub(crate) fn range_end(addr: u64, len: u64) -> Result<u64> {
        if !addr.is_multiple_of(PAGE_BYTES) {
            return Err(Errno::EINVAL);
        }
        let len = page_up(len).ok_or(Errno::EINVAL)?;
        addr.checked_add(len).filter(|end| *end <= USER_END).ok_or(Errno::EINVAL)
    }
}

/// Rounded up to whole pages.
pub(crate) fn page_up(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE_BYTES)
}

impl Inner {
    /// Takes the mapped pages of `start..end` out of the tables. 2 MiB pages at the edges are split first; without a frame for that, ENOMEM and nothing is changed.
    pub fn zap(&mut self, gather: &mut Gather<'_>, start: u64, end: u64) -> Result<()> {
        self.split_edges(start, end)?;
        for leaf in self.table.cursor(start, end) {
            self.drop_leaf(gather, leaf);
        }
        Ok(())
    }

    pub fn drop_leaf(&mut self, gather: &mut Gather<'_>, leaf: Leaf) {
        leaf.slot.set(Entry::EMPTY);
        self.rss.remove(leaf.entry, leaf_pages(leaf.level));
        gather.release(leaf.virt, leaf.entry);
    }

    /// Splits the 2 MiB pages that stick out of `start..end`.
    pub fn split_edges(&mut self, start: u64, end: u64) -> Result<()> {
        if cfg!(not(feature = "huge-pages")) {
            return Ok(());
        }
        for edge in [start, end] {
            if edge % paging::span(2) != 0
                && let Some(large) = self.table.find_large(edge)
            {
                self.table.split(large).map_err(|_| Errno::ENOMEM)?;
            }
        }
        Ok(())
    }

    /// Unmaps `start..end`: mappings, pages, and tables that nothing needs any more.
    pub fn unmap(&mut self, gather: &mut Gather<'_>, start: u64, end: u64) -> Result<()> {
        if self.vmas.is_free(start, end) {
            return Ok(());
        }
        self.zap(gather, start, end)?;
        let bounds = self.vmas.remove(start, end);
        self.prune(gather, start, end, bounds);
        Ok(())
    }

    /// Frees the tables around `start..end`, where no mapping is any more between the two `bounds`.
    pub fn prune(&mut self, gather: &mut Gather<'_>, start: u64, end: u64, (floor, ceiling): (u64, u64)) {
        self.table.prune(start, end, floor, ceiling, &mut |table| gather.release_table(table));
    }
}

/// Small pages in a leaf of a level.
pub(crate) fn leaf_pages(level: usize) -> u64 {
    paging::span(level) / PAGE_BYTES
}

/// The note for a page that comes straight from the mapping's object.
pub(crate) fn object_note(vma: &Vma) -> Note {
    match vma.mapped.as_ref().map(|m| m.kind) {
        Some(Kind::Shmem) => Note::SHMEM,
        Some(Kind::File) => Note::NONE,
        None => Note::ANON,
    }
}

impl MapObserver for AddressSpace {
    fn invalidate(&self, object: u64, first: u64, end: u64) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut gather = self.gather();
        for (start, vma) in inner.vmas.iter() {
            let Some(mapped) = &vma.mapped else { continue };
            let last = vma.page_index(start, vma.end);
            let (from, to) = (first.max(vma.page_offset), end.min(last));
            if mapped.object.id() != object || from >= to || vma.flags.contains(VmFlags::SPECIAL) {
                continue;
            }
            let addr = |index: u64| start + (index - vma.page_offset) * PAGE_BYTES;
            for leaf in inner.table.cursor(addr(from), addr(to)) {
                let index = vma.page_index(start, leaf.virt);
                let stale = || mapped.object.resident(index).is_none_or(|page| page.phys() != leaf.entry.phys());
                if !leaf.entry.note().has(Note::ANON) && stale() {
                    leaf.slot.set(Entry::EMPTY);
                    inner.rss.remove(leaf.entry, 1);
                    gather.release(leaf.virt, leaf.entry);
                }
            }
        }
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        let kernel = self.kernel;
        let inner = self.inner.get_mut();
        {
            let mut gather = Gather::new(kernel.mmu(), self.frames);
            for leaf in inner.table.cursor(0, USER_END) {
                leaf.slot.set(Entry::EMPTY);
                gather.release(leaf.virt, leaf.entry);
            }
        }
        inner.table.destroy();
    }
}
