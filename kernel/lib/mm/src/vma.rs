//! The tree of mappings (VMAs): what is where, kept joined and searched for gaps.

use crate::types::{Prot, Shown};
use alloc::sync::Arc;
use frame::{MapObject, PAGE_BYTES};
use sortedmap::ChunkedMap;

bitflags::bitflags! {
    /// What else there is to know about a mapping.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct VmFlags: u32 {
        /// MAP_SHARED.
        const SHARED = 1;
        /// Grows when touched just below.
        const GROWSDOWN = 2;
        /// The brk area.
        const HEAP = 4;
        /// The main thread's stack.
        const STACK = 8;
        /// mlock(2).
        const LOCKED = 16;
        /// MADV_DONTFORK.
        const DONTFORK = 32;
        /// MADV_WIPEONFORK.
        const WIPEONFORK = 64;
        /// MADV_DONTDUMP.
        const DONTDUMP = 128;
        /// MADV_HUGEPAGE.
        const HUGE = 256;
        /// MADV_NOHUGEPAGE.
        const NOHUGE = 512;
        /// Of the kernel's making (vDSO): not grown, not locked.
        const SPECIAL = 1024;
    }
}

/// What is behind a mapping that is not private anonymous memory.
pub struct Mapped {
    pub object: Arc<dyn MapObject>,
    pub shown: Shown,
    /// Rights that mprotect(2) may give.
    pub may: Prot,
    pub kind: Kind,
}

/// How the resident pages of an object are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RssFile.
    File,
    /// RssShmem.
    Shmem,
}

/// One mapping; its start is its key in the tree.
#[derive(Clone)]
pub struct Vma {
    pub end: u64,
    pub prot: Prot,
    pub flags: VmFlags,
    pub mapped: Option<Arc<Mapped>>,
    /// Page of the object at the start; 0 for anonymous memory.
    pub page_offset: u64,
}

impl Vma {
    /// The object's page at `addr`.
    pub fn page_index(&self, start: u64, addr: u64) -> u64 {
        self.page_offset + (addr - start) / PAGE_BYTES
    }

    pub fn is_shared(&self) -> bool {
        self.flags.contains(VmFlags::SHARED)
    }

    /// Private and writable: what RLIMIT_DATA counts.
    pub fn is_data(&self) -> bool {
        !self.is_shared() && self.prot.contains(Prot::WRITE) && !self.flags.contains(VmFlags::STACK)
    }

    /// Whether `next`, which starts where this ends, is its continuation.
    fn joins(&self, start: u64, next: &Vma) -> bool {
        let same_object = match (&self.mapped, &next.mapped) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) && self.page_index(start, self.end) == next.page_offset,
            _ => false,
        };
        same_object && self.prot == next.prot && self.flags == next.flags
    }
}

/// Most mappings, Linux's default vm.max_map_count.
pub const MAX_MAPPINGS: usize = 65530;
/// Kept free below a mapping that grows down (stack_guard_gap, 256 pages).
pub const STACK_GUARD: u64 = 256 * PAGE_BYTES;
/// Lowest address that can be mapped (Linux's default vm.mmap_min_addr).
pub const MIN_ADDR: u64 = 0x1_0000;

/// All mappings of an address space, with their sizes summed up (in bytes).
#[derive(Default)]
pub struct VmaMap {
    tree: ChunkedMap<Vma>,
    pub total: u64,
    pub peak: u64,
    pub data: u64,
    pub locked: u64,
    hint: GapHint,
}

/// What the last top-down search learnt: above `below`, no gap is larger than `largest`.
#[derive(Default)]
struct GapHint {
    below: u64,
    largest: u64,
}

/// Where to look for a gap.
#[derive(Clone, Copy)]
pub struct Window {
    pub low: u64,
    pub high: u64,
    /// A power of two.
    pub align: u64,
}

impl VmaMap {
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// The mapping that holds `addr`.
    pub fn find(&self, addr: u64) -> Option<(u64, &Vma)> {
        let (start, vma) = self.tree.range(..=addr).next_back()?;
        (addr < vma.end).then_some((start, vma))
    }

    /// The mappings that end above `addr`, in order.
    fn from(&self, addr: u64) -> impl Iterator<Item = (u64, &Vma)> {
        // At most the first one ends below.
        self.tree.range_around(addr).filter(move |(_, vma)| vma.end > addr)
    }

    /// The first mapping that ends above `addr`.
    pub fn find_from(&self, addr: u64) -> Option<(u64, &Vma)> {
        self.from(addr).next()
    }

    /// The last mapping that starts below `addr`.
    pub fn before(&self, addr: u64) -> Option<(u64, &Vma)> {
        self.tree.range(..addr).next_back()
    }

    /// All mappings, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Vma)> {
        self.tree.iter()
    }

    /// The mappings that meet `start..end`, cut to it, in order: (from, to, start of the mapping, mapping).
    pub fn overlaps(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64, u64, &Vma)> {
        self.from(start).take_while(move |(s, _)| *s < end).map(move |(s, v)| (start.max(s), end.min(v.end), s, v))
    }

    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.find_from(start).is_none_or(|(next, _)| next >= end)
    }

    /// Whether every page of `start..end` is in some mapping.
    pub fn is_covered(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for (from, to, ..) in self.overlaps(start, end) {
            if from > at {
                return false;
            }
            at = to;
        }
        at >= end
    }

    /// The free space around an address where no mapping is: from the end of the one before it to the start of the one after.
    pub fn bounds(&self, addr: u64) -> (u64, u64) {
        let (mut floor, mut ceiling) = (0, 1 << 47);
        for (start, vma) in self.tree.range_around(addr) {
            if start > addr {
                ceiling = start;
                break;
            }
            floor = vma.end;
        }
        (floor, ceiling)
    }

    fn account(&mut self, start: u64, vma: &Vma, sign: Sign) {
        let len = vma.end - start;
        let apply = |sum: &mut u64, counts: bool| {
            if counts {
                match sign {
                    Sign::Add => *sum += len,
                    Sign::Remove => *sum -= len,
                }
            }
        };
        apply(&mut self.total, true);
        apply(&mut self.data, vma.is_data());
        apply(&mut self.locked, vma.flags.contains(VmFlags::LOCKED));
        self.peak = self.peak.max(self.total);
    }

    /// Puts a mapping into free space and joins it with its neighbours where they continue each other.
    pub fn insert(&mut self, start: u64, vma: Vma) {
        self.account(start, &vma, Sign::Add);
        let mut vma = vma;
        if let Some(next) = self.tree.get(vma.end).filter(|next| vma.joins(start, next)) {
            let end = next.end;
            self.tree.remove(vma.end);
            vma.end = end;
        }
        if let Some((before, previous)) = self.tree.last_before_mut(start)
            && previous.end == start
            && previous.joins(before, &vma)
        {
            previous.end = vma.end;
            return;
        }
        self.tree.insert(start, vma);
    }

    /// Cuts the mapping that holds `addr` in two there, unless it starts there.
    fn cut(&mut self, addr: u64) {
        let Some((start, vma)) = self.tree.last_before_mut(addr) else { return };
        if vma.end <= addr {
            return;
        }
        let mut upper = vma.clone();
        if upper.mapped.is_some() {
            upper.page_offset = vma.page_index(start, addr);
        }
        vma.end = addr;
        self.tree.insert(addr, upper);
    }

    /// How many more mappings taking `start..end` out of the middle makes (for the limit).
    pub fn cuts(&self, start: u64, end: u64) -> usize {
        usize::from(self.find(start).is_some_and(|(s, v)| s < start && v.end > end))
    }

    /// Takes out every mapping in `start..end`, cut at its ends, in order; `each` may put something back at the same place.
    fn take(&mut self, start: u64, end: u64, mut each: impl FnMut(&mut Self, u64, Vma)) {
        self.cut(start);
        self.cut(end);
        let mut at = start;
        while at < end
            && let Some((from, _)) = self.tree.range(at..).next()
            && from < end
            && let Some(vma) = self.tree.remove(from)
        {
            self.account(from, &vma, Sign::Remove);
            at = vma.end;
            each(self, from, vma);
        }
    }

    /// Takes out every mapping in `start..end`, cut at its ends, in order; the [`bounds`](Self::bounds) of the space that is free then.
    pub fn remove(&mut self, start: u64, end: u64) -> (u64, u64) {
        self.take(start, end, |_, _, _| {});
        let (floor, ceiling) = self.bounds(start);
        if end > self.hint.below {
            if floor <= self.hint.below {
                // The space that the last search stopped at has grown upwards.
                self.hint.below = ceiling;
            } else {
                self.hint.largest = self.hint.largest.max(ceiling - floor);
            }
        }
        (floor, ceiling)
    }

    /// Changes every mapping in `start..end`, cut at its ends. `change` sets the same for all, so that mappings joined meanwhile need no second look.
    pub fn update(&mut self, start: u64, end: u64, mut change: impl FnMut(&mut Vma)) {
        self.take(start, end, |map, from, mut vma| {
            change(&mut vma);
            map.insert(from, vma);
        });
    }

    /// Moves the start of the mapping at `start` down to `new`.
    pub fn grow_down(&mut self, start: u64, new: u64) {
        if let Some(vma) = self.tree.remove(start) {
            self.account(start, &vma, Sign::Remove);
            self.account(new, &vma, Sign::Add);
            self.tree.insert(new, vma);
        }
    }

    /// A free place for `len` bytes in the window, as high as possible.
    pub fn find_gap(&mut self, len: u64, window: Window) -> Option<u64> {
        let hinted = self.hint.below != 0 && self.hint.below <= window.high && len > self.hint.largest;
        let mut top = if hinted { self.hint.below } else { window.high };
        let mut largest = if hinted { self.hint.largest } else { 0 };
        if self.tree.get(top).is_some_and(|vma| vma.flags.contains(VmFlags::GROWSDOWN)) {
            top = top.saturating_sub(STACK_GUARD);
        }
        let fits = |bottom: u64, top: u64| {
            let bottom = bottom.max(window.low);
            let at = top.checked_sub(len)? & !(window.align - 1);
            (at >= bottom).then_some(at)
        };
        let mut found = None;
        for (start, vma) in self.tree.range(..top).rev() {
            if vma.end < top {
                found = fits(vma.end, top);
                if found.is_some() {
                    break;
                }
                largest = largest.max(top - vma.end);
            }
            let guard = if vma.flags.contains(VmFlags::GROWSDOWN) { STACK_GUARD } else { 0 };
            top = top.min(start.saturating_sub(guard));
            if top < window.low {
                return None;
            }
        }
        let found = found.or_else(|| fits(0, top))?;
        self.hint = GapHint { below: found, largest: largest.max(top - (found + len)) };
        Some(found)
    }

    /// A free place for `len` bytes in the window, as low as possible.
    pub fn find_gap_upwards(&self, len: u64, window: Window) -> Option<u64> {
        let mut at = window.low.next_multiple_of(window.align);
        for (start, vma) in self.tree.range(..window.high) {
            if vma.end <= at {
                continue;
            }
            let guard = if vma.flags.contains(VmFlags::GROWSDOWN) { STACK_GUARD } else { 0 };
            if start.saturating_sub(guard) >= at.checked_add(len)? {
                break;
            }
            at = vma.end.next_multiple_of(window.align);
        }
        (at.checked_add(len)? <= window.high).then_some(at)
    }
}

enum Sign {
    Add,
    Remove,
}
