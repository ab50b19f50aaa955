//! A copy of an address space that shares its pages until one side writes.

use crate::space::AddressSpace;
use crate::table::share_page;
use crate::types::Limit;
use crate::vma::VmFlags;
use alloc::sync::Arc;
use arch_x86_64::paging::WRITABLE;
use uapi::{Errno, Result};

impl AddressSpace {
    /// The child's address space of fork(2). Private pages become read-only on both sides; shared ones fault in again in the child. ENOMEM.
    pub fn fork(&self) -> Result<Arc<AddressSpace>> {
        let mut parent = self.lock();
        let parent = &mut *parent;
        let child = AddressSpace::with_layout(self.kernel, parent.table.domain(), parent.layout)?;
        for which in [Limit::AddressSpace, Limit::Data, Limit::Stack, Limit::Locked] {
            child.set_limit(which, self.limit(which));
        }
        let mut gather = self.gather();
        let mut inner = child.lock();
        for (start, vma) in parent.vmas.iter() {
            if vma.flags.contains(VmFlags::DONTFORK) {
                continue;
            }
            let mut copy = vma.clone();
            // Memory locks are not inherited (mlock(2)).
            copy.flags.remove(VmFlags::LOCKED);
            if let Some(mapped) = &copy.mapped {
                mapped.object.watch(child.me.clone());
            }
            inner.vmas.insert(start, copy);
            if vma.is_shared() || vma.flags.contains(VmFlags::WIPEONFORK) {
                continue;
            }
            for leaf in parent.table.cursor(start, vma.end) {
                if leaf.level == 2 {
                    // Each small page is then shared and copied on its own.
                    parent.table.split(leaf.slot).map_err(|_| Errno::ENOMEM)?;
                }
            }
            for leaf in parent.table.cursor(start, vma.end) {
                let slot = inner.table.slot(leaf.virt).map_err(|_| Errno::ENOMEM)?;
                let mut entry = leaf.entry;
                if entry.is_writable() {
                    entry = entry.with_rights(vma.prot.rights() & !WRITABLE);
                    leaf.slot.set(entry);
                    gather.flush(leaf.virt);
                }
                // The clone's reference now belongs to the child's entry.
                let _ = share_page(self.frames, entry).into_raw();
                slot.set(entry);
                inner.rss.add(entry, 1);
            }
        }
        drop(inner);
        Ok(child)
    }
}
