//! mremap(2).

use crate::map::Align;
use crate::space::{AddressSpace, Inner, page_up};
use crate::types::{Limit, MapFlags};
use crate::vma::{MAX_MAPPINGS, VmFlags, Vma};
use arch_x86_64::paging::{Entry, USER_END};
use frame::PAGE_BYTES;
use uapi::{Errno, Result};

const MAYMOVE: u32 = 1;
const FIXED: u32 = 2;
const DONTUNMAP: u32 = 4;

/// What becomes of the old place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    /// It is unmapped.
    Unmap,
    /// It stays mapped, empty (MREMAP_DONTUNMAP).
    Keep,
}

impl AddressSpace {
    /// mremap(2) with its raw flags: the new address. EINVAL, EFAULT (not mapped, or more than one mapping), ENOMEM, EAGAIN (locked memory).
    pub fn mremap(&self, old: u64, old_len: u64, new_len: u64, flags: u32, new: u64) -> Result<u64> {
        let moves = flags & MAYMOVE != 0;
        let fixed = flags & FIXED != 0;
        let keep = flags & DONTUNMAP != 0;
        let bad_flags = flags & !(MAYMOVE | FIXED | DONTUNMAP) != 0 || (fixed || keep) && !moves || keep && old_len != new_len;
        if bad_flags || new_len == 0 || !old.is_multiple_of(PAGE_BYTES) || old >= USER_END {
            return Err(Errno::EINVAL);
        }
        let old_len = page_up(old_len).filter(|len| *len <= USER_END - old).ok_or(Errno::EINVAL)?;
        let new_len = page_up(new_len).filter(|len| *len <= USER_END).ok_or(Errno::EINVAL)?;
        if fixed {
            let overlaps = new < old + old_len && old < new.saturating_add(new_len);
            if !new.is_multiple_of(PAGE_BYTES) || new > USER_END - new_len || overlaps {
                return Err(Errno::EINVAL);
            }
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        let (from, vma) = inner.vmas.find(old).ok_or(Errno::EFAULT)?;
        let vma = vma.clone();
        if old_len == 0 && (!vma.is_shared() || !moves) {
            return Err(Errno::EINVAL);
        }
        if vma.flags.contains(VmFlags::SPECIAL) && new_len > old_len || keep && vma.mapped.is_some() {
            return Err(Errno::EINVAL);
        }
        if !fixed && !keep && old_len != 0 && new_len <= old_len {
            if new_len < old_len {
                let mut gather = self.gather();
                inner.unmap(&mut gather, old + new_len, old + old_len)?;
            }
            return Ok(old);
        }
        if old + old_len > vma.end {
            return Err(Errno::EFAULT);
        }
        let growth = new_len.saturating_sub(old_len);
        if growth > 0 {
            self.check_growth(inner, &vma, growth)?;
        }
        if !fixed && !keep && old_len != 0 {
            let grown = old + new_len;
            if old + old_len == vma.end && grown <= USER_END && inner.free_for_mapping(vma.end, grown) {
                return Ok(self.extend(inner, from, &vma, old, grown));
            }
            if !moves {
                return Err(Errno::ENOMEM);
            }
        }
        let to = self.target(inner, new, new_len, if fixed { MapFlags::FIXED } else { MapFlags::empty() }, &vma)?;
        self.relocate(inner, from, &vma, (old, old_len), (to, new_len), if keep { Old::Keep } else { Old::Unmap })?;
        Ok(to)
    }

    fn check_growth(&self, inner: &Inner, vma: &Vma, growth: u64) -> Result<()> {
        let locked = vma.flags.contains(VmFlags::LOCKED) && inner.vmas.locked + growth > self.limit(Limit::Locked);
        if locked {
            return Err(Errno::EAGAIN);
        }
        let data = vma.is_data() && inner.vmas.data + growth > self.limit(Limit::Data);
        if data || inner.vmas.total + growth > self.limit(Limit::AddressSpace) || inner.vmas.len() + 3 > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }

    /// Grows the mapping at its end, where there is room.
    fn extend(&self, inner: &mut Inner, from: u64, vma: &Vma, old: u64, grown: u64) -> u64 {
        let mut tail = vma.clone();
        if tail.mapped.is_some() {
            tail.page_offset = vma.page_index(from, vma.end);
        }
        tail.end = grown;
        let start = vma.end;
        let locked = tail.flags.contains(VmFlags::LOCKED);
        inner.vmas.insert(start, tail);
        if locked {
            // As mmap(2): not being able to populate is no error.
            let _ = self.populate(inner, start, grown);
        }
        old
    }

    fn target(&self, inner: &mut Inner, new: u64, len: u64, flags: MapFlags, vma: &Vma) -> Result<u64> {
        let hint = if flags.contains(MapFlags::FIXED) { new } else { 0 };
        self.place(inner, hint, len, flags, Align::of(vma.mapped.as_deref()))
    }

    /// Moves a piece of a mapping, pages and all.
    fn relocate(&self, inner: &mut Inner, from: u64, vma: &Vma, old: (u64, u64), new: (u64, u64), leave: Old) -> Result<()> {
        let ((old, old_len), (to, new_len)) = (old, new);
        let moved_len = old_len.min(new_len);
        // One flush and release after all is moved, before the lock is let go.
        let mut gather = self.gather();
        inner.unmap(&mut gather, to, to + new_len)?;
        inner.split_edges(old, old + old_len)?;
        // All tables first: after this nothing can fail.
        for leaf in inner.table.cursor(old, old + moved_len) {
            if leaf.level == 2 {
                inner.table.split(leaf.slot).map_err(|_| Errno::ENOMEM)?;
            }
        }
        for leaf in inner.table.cursor(old, old + moved_len) {
            inner.table.slot(to + (leaf.virt - old)).map_err(|_| Errno::ENOMEM)?;
        }
        for leaf in inner.table.cursor(old, old + moved_len) {
            if let Ok(slot) = inner.table.slot(to + (leaf.virt - old)) {
                leaf.slot.set(Entry::EMPTY);
                slot.set(leaf.entry);
                gather.flush(leaf.virt);
            }
        }
        let mut copy = vma.clone();
        copy.page_offset = if vma.mapped.is_some() { vma.page_index(from, old) } else { 0 };
        copy.end = to + new_len;
        copy.flags.remove(VmFlags::HEAP | VmFlags::STACK | VmFlags::GROWSDOWN);
        let goes = leave == Old::Unmap && old_len > 0;
        if leave == Old::Keep {
            copy.flags.remove(VmFlags::LOCKED);
        }
        if goes {
            inner.zap(&mut gather, old, old + old_len)?;
            inner.vmas.remove(old, old + old_len);
        }
        let locked = copy.flags.contains(VmFlags::LOCKED);
        inner.vmas.insert(to, copy);
        if goes {
            // Only now: the pages may have moved within one table, which must not look unused.
            let bounds = inner.vmas.bounds(old);
            inner.prune(&mut gather, old, old + old_len, bounds);
        }
        if locked {
            // As mmap(2): not being able to populate is no error.
            let _ = self.populate(inner, to, to + new_len);
        }
        Ok(())
    }
}
