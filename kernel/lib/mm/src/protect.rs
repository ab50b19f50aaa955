//! mprotect(2).

use crate::space::AddressSpace;
use crate::table::{Leaf, references};
use crate::types::{Limit, Prot};
use crate::vma::{MAX_MAPPINGS, VmFlags, Vma, VmaMap};
use arch_x86_64::paging::{Note, WRITABLE};
use frame::{FrameAllocator, PAGE_BYTES};
use uapi::{Errno, Result};

/// Applies to the whole growing mapping from its start (mprotect(2)).
const PROT_GROWSDOWN: u32 = 0x0100_0000;
/// Accepted and meaningless on x86.
const PROT_SEM: u32 = 8;

impl AddressSpace {
    /// mprotect(2) with its raw `prot`. EINVAL, ENOMEM (something in the range is not mapped), EACCES.
    pub fn mprotect(&self, addr: u64, len: u64, prot: u32) -> Result<()> {
        let grows_down = prot & PROT_GROWSDOWN != 0;
        let prot = Prot::from_bits(prot & !(PROT_GROWSDOWN | PROT_SEM)).ok_or(Errno::EINVAL)?;
        let end = Self::range_end(addr, len).map_err(|e| if addr.is_multiple_of(PAGE_BYTES) { Errno::ENOMEM } else { e })?;
        if end == addr {
            return Ok(());
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut start = addr;
        if grows_down {
            let (from, vma) = inner.vmas.find(addr).ok_or(Errno::ENOMEM)?;
            if !vma.flags.contains(VmFlags::GROWSDOWN) {
                return Err(Errno::EINVAL);
            }
            start = from;
        }
        // As on Linux, mappings before the first one that cannot be changed are changed.
        let (end, refused) = permitted(&inner.vmas, start, end, prot);
        if end == start {
            return refused;
        }
        let mut new_data = 0;
        for (from, to, _, vma) in inner.vmas.overlaps(start, end) {
            if prot.contains(Prot::WRITE) && !vma.is_data() && !vma.is_shared() && !vma.flags.contains(VmFlags::STACK) {
                new_data += to - from;
            }
        }
        if new_data > 0 && inner.vmas.data + new_data > self.limit(Limit::Data) {
            return Err(Errno::ENOMEM);
        }
        if inner.vmas.len() + 2 > MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        inner.split_edges(start, end)?;
        let mut gather = self.gather();
        inner.vmas.update(start, end, |vma| vma.prot = prot);
        for (from, to, _, vma) in inner.vmas.overlaps(start, end) {
            for leaf in inner.table.cursor(from, to) {
                let old = leaf.entry;
                let new = old.with_rights(rights_for(self.frames, leaf, vma));
                leaf.slot.set(new);
                // Rights gained need no flush: a stale entry faults once more and is then found to be fine.
                let lost = old.is_present()
                    && (!new.is_present() || old.is_writable() && !new.is_writable() || old.is_executable() && !new.is_executable());
                if lost {
                    gather.flush(leaf.virt);
                }
            }
        }
        refused
    }
}

/// How far from `start` on all mappings may be given `prot`, and what stands in the way there: ENOMEM for a hole, EACCES.
fn permitted(vmas: &VmaMap, start: u64, end: u64, prot: Prot) -> (u64, Result<()>) {
    let mut at = start;
    for (from, to, _, vma) in vmas.overlaps(start, end) {
        if from > at {
            break;
        }
        if vma.mapped.as_ref().is_some_and(|m| !m.may.contains(prot)) {
            return (at, Err(Errno::EACCES));
        }
        at = to;
    }
    (at, if at < end { Err(Errno::ENOMEM) } else { Ok(()) })
}

/// What an entry may be given in its mapping without asking the object or copying: WRITE only where a write fault would change nothing.
fn rights_for(frames: &'static FrameAllocator, leaf: Leaf, vma: &Vma) -> u8 {
    let rights = vma.prot.rights();
    if !vma.prot.contains(Prot::WRITE) || leaf.level == 2 || leaf.entry.is_writable() {
        return rights;
    }
    let exclusive = !vma.is_shared() && leaf.entry.note().has(Note::ANON) && references(frames, leaf.entry) == 1;
    if exclusive { rights } else { rights & !WRITABLE }
}
