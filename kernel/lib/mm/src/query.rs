//! Questions about addresses: is it the application's, which page is it, what is its futex key.

use crate::space::AddressSpace;
use crate::table::share_page;
use crate::types::{Fault, FaultKind, Prot};
use arch_x86_64::paging::USER_END;
use frame::{PAGE_BYTES, Page};
use uapi::{Errno, Result};

/// What makes two futex words the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FutexKey {
    /// In private memory: the address, within its address space.
    Private(u64),
    /// In a shared mapping.
    Shared {
        /// [`frame::MapObject::id`].
        object: u64,
        /// Offset in the object in bytes.
        offset: u64,
    },
}

impl AddressSpace {
    /// Whether `addr .. addr + len` lies in the application's half (whatever is mapped there).
    pub fn access_ok(addr: u64, len: u64) -> bool {
        addr.checked_add(len).is_some_and(|end| end <= USER_END)
    }

    /// The key of the futex word at `addr` for operations without FUTEX_PRIVATE_FLAG. EFAULT when nothing is mapped there.
    pub fn futex_key(&self, addr: u64) -> Result<FutexKey> {
        let inner = self.lock();
        let (start, vma) = inner.vmas.find(addr).ok_or(Errno::EFAULT)?;
        match vma.mapped.as_ref().filter(|_| vma.is_shared()) {
            Some(mapped) => {
                Ok(FutexKey::Shared { object: mapped.object.id(), offset: vma.page_index(start, addr) * PAGE_BYTES + addr % PAGE_BYTES })
            }
            None => Ok(FutexKey::Private(addr)),
        }
    }

    /// The page at `addr`, made accessible as by a fault: for access to another address space, and for tests.
    pub fn resolve(&self, addr: u64, kind: FaultKind) -> Result<Page, Fault> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        self.fault_in(inner, addr, kind)?;
        let leaf = inner.table.find(addr).ok_or(Fault::OutOfMemory)?;
        let mut entry = leaf.entry;
        if leaf.level == 2 {
            inner.table.split(leaf.slot)?;
            entry = inner.table.slot(addr)?.get();
        }
        Ok(share_page(self.frames, entry))
    }

    /// What the tables say about `addr` now: physical address and rights. `None` when the CPU would fault on any access.
    pub fn translate(&self, addr: u64) -> Option<(u64, Prot)> {
        let inner = self.lock();
        let leaf = inner.table.find(addr).filter(|leaf| leaf.entry.is_present())?;
        let mut prot = Prot::READ;
        prot.set(Prot::WRITE, leaf.entry.is_writable());
        prot.set(Prot::EXEC, leaf.entry.is_executable());
        Some((leaf.entry.phys() + (addr - leaf.virt), prot))
    }
}
