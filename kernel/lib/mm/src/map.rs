//! mmap(2), munmap(2), and the mappings that the kernel itself makes for a program.

use crate::space::{AddressSpace, Inner, page_up};
use crate::types::{FileMapping, Limit, MapFlags, MapRequest, Prot, Shown};
use crate::vma::{Kind, MAX_MAPPINGS, MIN_ADDR, Mapped, STACK_GUARD, VmFlags, Vma, Window};
use alloc::sync::Arc;
use arch_x86_64::paging::{USER_END, span};
use frame::{AnonObject, MapObject, PAGE_BYTES, Page, PagesObject};
use uapi::{Errno, Result};

/// The main stack's first size; it grows from there.
const STACK_START: u64 = 132 << 10;

/// How a mapping wants to be aligned when it may choose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// To pages.
    Page,
    /// If it is large, so that it can have 2 MiB pages: private anonymous memory.
    Large,
}

impl Align {
    pub fn of(mapped: Option<&Mapped>) -> Align {
        if mapped.is_none() { Align::Large } else { Align::Page }
    }
}

impl AddressSpace {
    /// mmap(2): the address of the mapping. EINVAL, ENOMEM, EEXIST, EPERM (below 64 KiB, or EXEC on a noexec mount), EACCES, EOVERFLOW, EAGAIN (locked memory) as there.
    pub fn mmap(&self, request: MapRequest) -> Result<u64> {
        let flags = request.flags;
        if request.len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = page_up(request.len).filter(|len| *len <= USER_END).ok_or(Errno::ENOMEM)?;
        if flags.contains(MapFlags::HUGETLB) {
            return Err(Errno::ENOMEM);
        }
        let shared = flags.contains(MapFlags::SHARED);
        if shared && flags.contains(MapFlags::GROWSDOWN) {
            return Err(Errno::EINVAL);
        }
        let (mapped, page_offset) = if flags.contains(MapFlags::ANONYMOUS) {
            (shared.then(|| self.shared_memory(len)), 0)
        } else {
            let file = request.file.ok_or(Errno::EBADF)?;
            let offset = file.offset / PAGE_BYTES;
            (Some(file_backing(file, len, request.prot, flags)?), offset)
        };
        #[cfg(feature = "watch")]
        if let Some(mapped) = &mapped {
            mapped.object.watch(self.me.clone());
        }

        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut vm_flags = VmFlags::empty();
        vm_flags.set(VmFlags::SHARED, shared);
        vm_flags.set(VmFlags::GROWSDOWN, flags.contains(MapFlags::GROWSDOWN));
        // A thread's stack is touched at its top only.
        vm_flags.set(VmFlags::NOHUGE, flags.contains(MapFlags::STACK));
        vm_flags.set(VmFlags::LOCKED, flags.contains(MapFlags::LOCKED) || inner.lock_future);
        let start = self.place(inner, request.addr, len, flags, Align::of(mapped.as_deref()))?;
        let vma = Vma { end: start + len, prot: request.prot, flags: vm_flags, mapped, page_offset };
        self.check_limits(inner, start, &vma)?;
        // Elsewhere the place was free.
        if flags.contains(MapFlags::FIXED) {
            inner.unmap(&mut self.gather(), start, start + len)?;
        }
        inner.vmas.insert(start, vma);
        let populate = flags.contains(MapFlags::POPULATE) && !flags.contains(MapFlags::NONBLOCK);
        if populate || vm_flags.contains(VmFlags::LOCKED) && !inner.lock_on_fault {
            // mmap(2): not being able to populate is no error.
            let _ = self.populate(inner, start, start + len);
        }
        Ok(start)
    }

    /// munmap(2). EINVAL; ENOMEM when it would leave too many mappings.
    pub fn munmap(&self, addr: u64, len: u64) -> Result<()> {
        let end = Self::range_end(addr, len)?;
        if end == addr {
            return Err(Errno::EINVAL);
        }
        let mut guard = self.lock();
        let inner = &mut *guard;
        if inner.vmas.len() >= MAX_MAPPINGS && inner.vmas.cuts(addr, end) > 0 {
            return Err(Errno::ENOMEM);
        }
        inner.unmap(&mut self.gather(), addr, end)
    }

    /// Maps a file at a fixed address for the program loader, replacing what is there: `mmap` without its checks on the address's origin.
    pub fn map_file(&self, addr: u64, len: u64, prot: Prot, file: FileMapping) -> Result<u64> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        self.mmap(MapRequest { addr, len, prot, flags, file: Some(file) })
    }

    /// Maps zeroed private memory at a fixed address, replacing what is there.
    pub fn map_anonymous(&self, addr: u64, len: u64, prot: Prot) -> Result<u64> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::ANONYMOUS;
        self.mmap(MapRequest { addr, len, prot, flags, file: None })
    }

    /// Makes the main thread's stack: one past its highest address. It grows down when touched, up to [`Limit::Stack`].
    pub fn map_stack(&self, prot: Prot) -> Result<u64> {
        let mut inner = self.lock();
        let top = inner.layout.stack_top;
        if !inner.vmas.is_free(top - STACK_START - STACK_GUARD, top) {
            return Err(Errno::ENOMEM);
        }
        let flags = VmFlags::STACK | VmFlags::GROWSDOWN;
        inner.vmas.insert(top - STACK_START, Vma { end: top, prot, flags, mapped: None, page_offset: 0 });
        Ok(top)
    }

    /// A free place for `len` bytes of [`map_special`](Self::map_special) mappings. ENOMEM.
    pub fn find_special(&self, len: u64) -> Result<u64> {
        let len = page_up(len).filter(|len| (1..=USER_END).contains(len)).ok_or(Errno::ENOMEM)?;
        self.place(&mut self.lock(), 0, len, MapFlags::empty(), Align::Page)
    }

    /// Maps pages that the kernel provides at `addr`, in order; EEXIST when something is there. `name` is what /proc/self/maps shows (`[vdso]`). The pages are
    /// shared, not copied; `prot` may not have WRITE unless they are the application's to change.
    pub fn map_special(&self, addr: u64, pages: &[Page], prot: Prot, name: &[u8]) -> Result<()> {
        let len = (pages.len() as u64) * PAGE_BYTES;
        if len == 0 {
            return Ok(());
        }
        let object = Arc::new(PagesObject::new(pages));
        let mapped = Mapped { object, shown: Shown::new(|| name.to_vec(), 0, 0), may: prot, kind: Kind::File };
        let mut inner = self.lock();
        let start = self.place(&mut inner, addr, len, MapFlags::FIXED_NOREPLACE, Align::Page)?;
        let flags = VmFlags::SPECIAL | VmFlags::SHARED;
        inner.vmas.insert(start, Vma { end: start + len, prot, flags, mapped: Some(Arc::new(mapped)), page_offset: 0 });
        Ok(())
    }

    /// Maps an object that is no file of the name space (System V segments), shared, wherever there is room or at `addr` (0: anywhere; replaces nothing: EINVAL).
    /// The object must hand out the same page for reading and writing.
    pub fn map_object(&self, addr: u64, len: u64, prot: Prot, object: Arc<dyn MapObject>, shown: Shown) -> Result<u64> {
        let mapped = Mapped { object, shown, may: Prot::all(), kind: Kind::Shmem };
        let len = page_up(len).filter(|len| (1..=USER_END).contains(len)).ok_or(Errno::EINVAL)?;
        let flags = if addr == 0 { MapFlags::empty() } else { MapFlags::FIXED_NOREPLACE };
        let mut inner = self.lock();
        let start =
            self.place(&mut inner, addr, len, flags, Align::Page).map_err(|e| if e == Errno::EEXIST { Errno::EINVAL } else { e })?;
        let vma = Vma { end: start + len, prot, flags: VmFlags::SHARED, mapped: Some(Arc::new(mapped)), page_offset: 0 };
        self.check_limits(&inner, start, &vma)?;
        inner.vmas.insert(start, vma);
        Ok(start)
    }

    fn shared_memory(&self, len: u64) -> Arc<Mapped> {
        let object = Arc::new(AnonObject::new(self.frames, len));
        // The name and inode that Linux shows are those of its shmem file system.
        Arc::new(Mapped { object, shown: Shown::new(|| b"/dev/zero (deleted)".to_vec(), 1, 1), may: Prot::all(), kind: Kind::Shmem })
    }

    /// Where a mapping of `len` bytes goes.
    pub(crate) fn place(&self, inner: &mut Inner, addr: u64, len: u64, flags: MapFlags, align: Align) -> Result<u64> {
        if flags.intersects(MapFlags::FIXED | MapFlags::FIXED_NOREPLACE) {
            if !addr.is_multiple_of(PAGE_BYTES) {
                return Err(Errno::EINVAL);
            }
            let end = addr.checked_add(len).filter(|end| *end <= USER_END).ok_or(Errno::ENOMEM)?;
            if addr < MIN_ADDR {
                return Err(Errno::EPERM);
            }
            if flags.contains(MapFlags::FIXED_NOREPLACE) && !inner.vmas.is_free(addr, end) {
                return Err(Errno::EEXIST);
            }
            return Ok(addr);
        }
        let hint = addr & !(PAGE_BYTES - 1);
        if hint >= MIN_ADDR && hint.checked_add(len).is_some_and(|end| end <= USER_END && inner.free_for_mapping(hint, end)) {
            return Ok(hint);
        }
        if flags.contains(MapFlags::LOW_2G) {
            let window = Window { low: 0x4000_0000, high: 0x8000_0000, align: PAGE_BYTES };
            return inner.vmas.find_gap_upwards(len, window).ok_or(Errno::ENOMEM);
        }
        let align = if align == Align::Large && len >= span(2) { span(2) } else { PAGE_BYTES };
        let base = inner.layout.mmap_base;
        let found = inner.vmas.find_gap(len, Window { low: MIN_ADDR, high: base, align });
        found.or_else(|| inner.vmas.find_gap_upwards(len, Window { low: base, high: USER_END, align: PAGE_BYTES })).ok_or(Errno::ENOMEM)
    }

    /// The resource limits, for a mapping about to be made.
    pub(crate) fn check_limits(&self, inner: &Inner, start: u64, vma: &Vma) -> Result<()> {
        if cfg!(not(feature = "limits")) {
            return Ok(());
        }
        let len = vma.end - start;
        let replaced = || inner.vmas.overlaps(start, vma.end).map(|(from, to, ..)| to - from).sum::<u64>();
        let exceeded = |total: u64| total > self.limit(Limit::AddressSpace);
        if exceeded(inner.vmas.total + len) && exceeded(inner.vmas.total - replaced() + len) {
            return Err(Errno::ENOMEM);
        }
        if vma.is_data() && inner.vmas.data + len > self.limit(Limit::Data) {
            return Err(Errno::ENOMEM);
        }
        if vma.flags.contains(VmFlags::LOCKED) && inner.vmas.locked + len > self.limit(Limit::Locked) {
            return Err(Errno::EAGAIN);
        }
        let mappings = inner.vmas.len();
        if mappings + 1 >= MAX_MAPPINGS && mappings + inner.vmas.cuts(start, vma.end) >= MAX_MAPPINGS {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}

impl Inner {
    /// Whether nothing is in the range, nor a stack's guard gap.
    pub fn free_for_mapping(&self, start: u64, end: u64) -> bool {
        match self.vmas.find_from(start) {
            None => true,
            Some((next, vma)) => {
                let guard = if vma.flags.contains(VmFlags::GROWSDOWN) { STACK_GUARD } else { 0 };
                next >= end && next - end >= guard
            }
        }
    }
}

fn file_backing(file: FileMapping, len: u64, prot: Prot, flags: MapFlags) -> Result<Arc<Mapped>> {
    if !file.offset.is_multiple_of(PAGE_BYTES) {
        return Err(Errno::EINVAL);
    }
    file.offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok()).ok_or(Errno::EOVERFLOW)?;
    let shared = flags.contains(MapFlags::SHARED);
    if shared && prot.contains(Prot::WRITE) && !file.may.contains(Prot::WRITE) {
        return Err(Errno::EACCES);
    }
    if prot.contains(Prot::EXEC) && !file.may.contains(Prot::EXEC) {
        return Err(Errno::EPERM);
    }
    // A private mapping may be made writable whatever the descriptor allows.
    let may = if shared { file.may } else { file.may | Prot::WRITE };
    Ok(Arc::new(Mapped { object: file.object, shown: file.shown, may, kind: Kind::File }))
}
