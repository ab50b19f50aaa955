//! madvise(2) and msync(2).

use crate::space::{AddressSpace, Inner};
use crate::types::{Fault, FaultKind, Prot};
use crate::vma::{VmFlags, Vma};
use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::paging::Note;
use frame::{MapObject, PAGE_BYTES};
use uapi::{Errno, Result, general as c};

/// What an advice does to each mapping.
enum Action {
    /// Nothing: a hint that we have no use for.
    Hint,
    /// Takes the pages away; the next touch starts anew.
    Discard,
    /// The same, for private anonymous memory only.
    Free,
    /// Sets and clears flags.
    Flags { set: VmFlags, clear: VmFlags, private_anonymous: bool },
    /// Makes pages resident.
    Populate(FaultKind),
    /// Punches a hole into the shared object.
    Remove,
}

fn action(advice: u32) -> Option<Action> {
    let flags = |set, clear| Action::Flags { set, clear, private_anonymous: false };
    let none = VmFlags::empty();
    Some(match advice {
        c::MADV_NORMAL | c::MADV_RANDOM | c::MADV_SEQUENTIAL | c::MADV_WILLNEED | c::MADV_COLD | c::MADV_PAGEOUT => Action::Hint,
        c::MADV_DONTNEED => Action::Discard,
        c::MADV_FREE => Action::Free,
        c::MADV_REMOVE => Action::Remove,
        c::MADV_DONTFORK => flags(VmFlags::DONTFORK, none),
        c::MADV_DOFORK => flags(none, VmFlags::DONTFORK),
        c::MADV_DONTDUMP => flags(VmFlags::DONTDUMP, none),
        c::MADV_DODUMP => flags(none, VmFlags::DONTDUMP),
        c::MADV_HUGEPAGE => flags(VmFlags::HUGE, VmFlags::NOHUGE),
        c::MADV_NOHUGEPAGE => flags(VmFlags::NOHUGE, VmFlags::HUGE),
        c::MADV_WIPEONFORK => Action::Flags { set: VmFlags::WIPEONFORK, clear: none, private_anonymous: true },
        c::MADV_KEEPONFORK => flags(none, VmFlags::WIPEONFORK),
        c::MADV_POPULATE_READ => Action::Populate(FaultKind::Read),
        c::MADV_POPULATE_WRITE => Action::Populate(FaultKind::Write),
        _ => return None,
    })
}

impl Action {
    fn allows(&self, vma: &Vma) -> Result<()> {
        let special = vma.flags.intersects(VmFlags::SPECIAL);
        let locked = vma.flags.contains(VmFlags::LOCKED);
        match self {
            Action::Discard if special || locked => Err(Errno::EINVAL),
            Action::Free if special || locked || vma.mapped.is_some() => Err(Errno::EINVAL),
            Action::Flags { private_anonymous: true, .. } if vma.mapped.is_some() => Err(Errno::EINVAL),
            Action::Flags { .. } if special => Err(Errno::EINVAL),
            Action::Remove if locked || vma.mapped.is_none() => Err(Errno::EINVAL),
            Action::Remove if !vma.is_shared() || !vma.prot.contains(Prot::WRITE) => Err(Errno::EACCES),
            _ => Ok(()),
        }
    }
}

impl AddressSpace {
    /// madvise(2). Advice that Linux may ignore is ignored; what it must do is done: DONTNEED and FREE give the frames back at once. EINVAL for unknown
    /// advice, ENOMEM when something in the range is not mapped (the rest is done).
    pub fn madvise(&self, addr: u64, len: u64, advice: u32) -> Result<()> {
        let action = action(advice).ok_or(Errno::EINVAL)?;
        let end = Self::range_end(addr, len)?;
        if end == addr {
            return Ok(());
        }
        let mut holes = Vec::new();
        let covered = {
            let mut inner = self.lock();
            for (_, _, _, vma) in inner.vmas.overlaps(addr, end) {
                action.allows(vma)?;
            }
            self.advise_locked(&mut inner, addr, end, action, &mut holes)?;
            inner.vmas.is_covered(addr, end)
        };
        // The object calls back to have its pages unmapped: only without our lock.
        for (object, first, last) in holes {
            object.discard(first, last)?;
        }
        if covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    fn advise_locked(
        &self,
        inner: &mut Inner,
        addr: u64,
        end: u64,
        action: Action,
        holes: &mut Vec<(Arc<dyn MapObject>, u64, u64)>,
    ) -> Result<()> {
        match action {
            Action::Hint => Ok(()),
            Action::Discard | Action::Free => {
                let mut gather = self.gather();
                // Shared pages stay with their object; only the mapping is taken away.
                inner.zap(&mut gather, addr, end)
            }
            Action::Flags { set, clear, .. } => {
                inner.vmas.update(addr, end, |vma| {
                    vma.flags.remove(clear);
                    vma.flags.insert(set);
                });
                Ok(())
            }
            Action::Populate(kind) => {
                let mut page = addr;
                while page < end {
                    self.fault_in(inner, page, kind).map_err(|fault| match fault {
                        Fault::Segv(_) => Errno::ENOMEM,
                        Fault::Bus => Errno::EFAULT,
                        Fault::OutOfMemory => Errno::ENOMEM,
                    })?;
                    page += PAGE_BYTES;
                }
                Ok(())
            }
            Action::Remove => {
                for (from, to, start, vma) in inner.vmas.overlaps(addr, end) {
                    if let Some(mapped) = &vma.mapped {
                        holes.push((mapped.object.clone(), vma.page_index(start, from), vma.page_index(start, to)));
                    }
                }
                let mut gather = self.gather();
                inner.zap(&mut gather, addr, end)
            }
        }
    }

    /// msync(2) with its raw flags. EINVAL, EBUSY (MS_INVALIDATE on locked memory), ENOMEM, and what the object says.
    pub fn msync(&self, addr: u64, len: u64, flags: u32) -> Result<()> {
        let known = c::MS_ASYNC | c::MS_INVALIDATE | c::MS_SYNC;
        if flags & !known != 0 || flags & c::MS_ASYNC != 0 && flags & c::MS_SYNC != 0 {
            return Err(Errno::EINVAL);
        }
        let end = Self::range_end(addr, len).map_err(|e| if addr.is_multiple_of(PAGE_BYTES) { Errno::ENOMEM } else { e })?;
        let mut objects: Vec<Arc<dyn MapObject>> = Vec::new();
        let covered = {
            let inner = self.lock();
            for (_, _, _, vma) in inner.vmas.overlaps(addr, end) {
                if flags & c::MS_INVALIDATE != 0 && vma.flags.contains(VmFlags::LOCKED) {
                    return Err(Errno::EBUSY);
                }
                if let (true, true, Some(mapped)) = (flags & c::MS_SYNC != 0, vma.is_shared(), &vma.mapped) {
                    objects.push(mapped.object.clone());
                }
            }
            end == addr || inner.vmas.is_covered(addr, end)
        };
        for object in objects {
            object.sync()?;
        }
        if covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// mincore(2): calls `put` with the bytes of the vector, in pieces. EINVAL, ENOMEM, and what `put` says.
    pub fn mincore(&self, addr: u64, len: u64, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let end = Self::range_end(addr, len).map_err(|e| if addr.is_multiple_of(PAGE_BYTES) { Errno::ENOMEM } else { e })?;
        let mut at = addr;
        while at < end {
            let mut bytes = [0u8; 128];
            let to = end.min(at + bytes.len() as u64 * PAGE_BYTES);
            // The piece is decided under the lock and put without it: `put` touches user memory.
            self.lock().residency(at, to, &mut bytes)?;
            put(&bytes[..((to - at) / PAGE_BYTES) as usize])?;
            at = to;
        }
        Ok(())
    }
}

impl Inner {
    fn residency(&self, start: u64, end: u64, bytes: &mut [u8]) -> Result<()> {
        if !self.vmas.is_covered(start, end) {
            return Err(Errno::ENOMEM);
        }
        for (from, to, begin, vma) in self.vmas.overlaps(start, end) {
            for page in (from..to).step_by(PAGE_BYTES as usize) {
                let mapped = self.table.find(page).filter(|leaf| !leaf.entry.note().has(Note::FOREIGN.with(Note::ANON)));
                let cached = || vma.mapped.as_ref().is_some_and(|m| m.object.resident(vma.page_index(begin, page)).is_some());
                bytes[((page - start) / PAGE_BYTES) as usize] = u8::from(mapped.is_some() || cached());
            }
        }
        Ok(())
    }
}
