//! brk(2).

use crate::space::{AddressSpace, page_up};
use crate::types::{Limit, Prot};
use crate::vma::{VmFlags, Vma};
use arch_x86_64::paging::USER_END;

impl AddressSpace {
    /// Where the program ends: the brk area starts a random number of pages above.
    pub fn set_program_end(&self, end: u64) {
        let mut inner = self.lock();
        let start = page_up(end).unwrap_or(USER_END).saturating_add(inner.layout.brk_gap);
        inner.layout.brk_start = start;
        inner.layout.brk = start;
    }

    /// brk(2) as the kernel has it: the break after the call, which is the old one when `wanted` cannot be.
    pub fn brk(&self, wanted: u64) -> u64 {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let (start, old) = (inner.layout.brk_start, inner.layout.brk);
        let Some(new_end) = page_up(wanted).filter(|end| *end <= USER_END) else { return old };
        if wanted < start || wanted - start > self.limit(Limit::Data) {
            return old;
        }
        let old_end = page_up(old).unwrap_or(old);
        if new_end < old_end {
            let mut gather = self.gather();
            if inner.unmap(&mut gather, new_end, old_end).is_err() {
                return old;
            }
        } else if new_end > old_end {
            let mut flags = VmFlags::HEAP;
            flags.set(VmFlags::LOCKED, inner.lock_future);
            let vma = Vma { end: new_end, prot: Prot::READ | Prot::WRITE, flags, mapped: None, page_offset: 0 };
            if !inner.free_for_mapping(old_end, new_end) || self.check_limits(inner, old_end, &vma).is_err() {
                return old;
            }
            inner.vmas.insert(old_end, vma);
            if inner.lock_future && !inner.lock_on_fault {
                // As mmap(2): not being able to populate is no error.
                let _ = self.populate(inner, old_end, new_end);
            }
        }
        inner.layout.brk = wanted;
        wanted
    }
}
