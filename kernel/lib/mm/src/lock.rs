//! mlock(2) and its family. There is no swap: locking means populating and accounting.

use crate::fault::to_errno;
use crate::space::AddressSpace;
use crate::types::Limit;
use crate::vma::VmFlags;
use arch_x86_64::paging::USER_END;
use frame::PAGE_BYTES;
use uapi::{Errno, Result, general as c};

impl AddressSpace {
    /// mlock2(2); mlock(2) with `flags` 0. EINVAL, ENOMEM (not mapped, or over [`Limit::Locked`]), EAGAIN (no memory).
    pub fn mlock(&self, addr: u64, len: u64, flags: u32) -> Result<()> {
        if flags & !c::MLOCK_ONFAULT != 0 {
            return Err(Errno::EINVAL);
        }
        let (start, end) = Self::lock_range(addr, len)?;
        let mut inner = self.lock();
        let inner = &mut *inner;
        if !inner.vmas.is_covered(start, end) {
            return Err(Errno::ENOMEM);
        }
        let fresh: u64 =
            inner.vmas.overlaps(start, end).filter(|(.., v)| !v.flags.contains(VmFlags::LOCKED)).map(|(from, to, ..)| to - from).sum();
        if inner.vmas.locked + fresh > self.limit(Limit::Locked) {
            return Err(Errno::ENOMEM);
        }
        inner.vmas.update(start, end, |vma| {
            if !vma.flags.contains(VmFlags::SPECIAL) {
                vma.flags.insert(VmFlags::LOCKED);
            }
        });
        if flags & c::MLOCK_ONFAULT != 0 { Ok(()) } else { to_errno(self.populate(inner, start, end)) }
    }

    /// munlock(2). EINVAL, ENOMEM.
    pub fn munlock(&self, addr: u64, len: u64) -> Result<()> {
        let (start, end) = Self::lock_range(addr, len)?;
        let mut inner = self.lock();
        if !inner.vmas.is_covered(start, end) {
            return Err(Errno::ENOMEM);
        }
        inner.vmas.update(start, end, |vma| vma.flags.remove(VmFlags::LOCKED));
        Ok(())
    }

    /// mlockall(2) with its raw flags. EINVAL, ENOMEM.
    pub fn mlockall(&self, flags: u32) -> Result<()> {
        let known = c::MCL_CURRENT | c::MCL_FUTURE | c::MCL_ONFAULT;
        if flags == 0 || flags & !known != 0 || flags == c::MCL_ONFAULT {
            return Err(Errno::EINVAL);
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        if flags & c::MCL_CURRENT != 0 && inner.vmas.total > self.limit(Limit::Locked) {
            return Err(Errno::ENOMEM);
        }
        inner.lock_future = flags & c::MCL_FUTURE != 0;
        inner.lock_on_fault = flags & c::MCL_ONFAULT != 0;
        if flags & c::MCL_CURRENT != 0 {
            inner.vmas.update(0, USER_END, |vma| {
                if !vma.flags.contains(VmFlags::SPECIAL) {
                    vma.flags.insert(VmFlags::LOCKED);
                }
            });
            if !inner.lock_on_fault {
                // mlockall(2) succeeds even where a page cannot be had (a mapping past its file's end).
                let _ = self.populate(inner, 0, USER_END);
            }
        }
        Ok(())
    }

    /// munlockall(2).
    pub fn munlockall(&self) {
        let mut inner = self.lock();
        inner.lock_future = false;
        inner.lock_on_fault = false;
        inner.vmas.update(0, USER_END, |vma| vma.flags.remove(VmFlags::LOCKED));
    }

    /// The pages that hold `addr .. addr + len`.
    fn lock_range(addr: u64, len: u64) -> Result<(u64, u64)> {
        let start = addr & !(PAGE_BYTES - 1);
        let len = len.checked_add(addr - start).ok_or(Errno::EINVAL)?;
        let end = Self::range_end(start, len).map_err(|_| if start.checked_add(len).is_none() { Errno::EINVAL } else { Errno::ENOMEM })?;
        Ok((start, end))
    }
}
