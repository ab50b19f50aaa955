//! Page faults: demand-zero pages, pages of objects, copy-on-write, stacks that grow.

use crate::space::{AddressSpace, Inner, Rss, object_note};
use crate::table::is_large;
use crate::table::{NoFrame, PageTable, Slot, entry_for, page_of, references};
use crate::types::{Fault, FaultKind, Limit, Prot, SegvCode};
use crate::vma::{Kind, Mapped, STACK_GUARD, VmFlags, Vma};
use alloc::sync::Arc;
use alloc::vec::Vec;
use arch_x86_64::paging::{self, Entry, Note, WRITABLE};
use frame::{PAGE_BYTES, Page, PageAccess};
use uapi::{Errno, Result as SysResult};

/// Pages around a fault on an object that are mapped with it when they are resident: one aligned group.
const AROUND: u64 = 16;
/// Private memory in mappings this large is often read sparsely (card tables, hash tables): reads show the zero page and cost no frame.
const SPARSE: u64 = 64 << 20;
/// Mappings at least this large get 2 MiB pages when memory is plentiful.
const LARGE_MAPPING: u64 = 16 << 20;
/// "Plentiful": this many bytes are free, and half of all memory.
const PLENTY: u64 = 256 << 20;

impl From<NoFrame> for Fault {
    fn from(_: NoFrame) -> Fault {
        Fault::OutOfMemory
    }
}

fn object_fault(error: Errno) -> Fault {
    if error == Errno::ENOMEM { Fault::OutOfMemory } else { Fault::Bus }
}

/// One fault being served.
struct Serve<'a> {
    space: &'a AddressSpace,
    table: &'a mut PageTable,
    rss: &'a mut Rss,
    changed: &'a mut Vec<(Arc<Mapped>, u64)>,
    vma: &'a Vma,
    start: u64,
    /// The faulting page's address.
    page: u64,
}

impl AddressSpace {
    /// Serves a page fault of the application, or of the kernel on its behalf. Harmless when the access is already possible (another thread was faster).
    pub fn handle_fault(&self, addr: u64, kind: FaultKind) -> Result<(), Fault> {
        self.fault_in(&mut self.lock(), addr, kind)
    }

    /// Makes the pages of `addr .. addr + len` accessible, so that a copy does not fault page by page. Stops at the first page that cannot be.
    pub fn prefault(&self, addr: u64, len: u64, kind: FaultKind) -> Result<(), Fault> {
        let end = addr.checked_add(len).filter(|end| *end <= paging::USER_END).ok_or(Fault::Segv(SegvCode::MapErr))?;
        let mut inner = self.lock();
        let mut page = addr & !(PAGE_BYTES - 1);
        while page < end {
            self.fault_in(&mut inner, page, kind)?;
            page += PAGE_BYTES;
        }
        Ok(())
    }

    /// Makes what is mapped in the range resident, as far as it goes (MAP_POPULATE, mlock). PROT_NONE is left alone.
    pub(crate) fn populate(&self, inner: &mut Inner, start: u64, end: u64) -> Result<(), Fault> {
        let mut page = start;
        while page < end {
            let Some((from, vma)) = inner.vmas.find_from(page).filter(|(from, _)| *from < end) else { break };
            let kind = match vma.prot {
                p if p.contains(Prot::WRITE) => FaultKind::Write,
                p if p.contains(Prot::READ) => FaultKind::Read,
                p if p.contains(Prot::EXEC) => FaultKind::Exec,
                _ => {
                    page = vma.end;
                    continue;
                }
            };
            page = page.max(from);
            self.fault_in(inner, page, kind)?;
            page += PAGE_BYTES;
        }
        Ok(())
    }

    pub(crate) fn fault_in(&self, inner: &mut Inner, addr: u64, kind: FaultKind) -> Result<(), Fault> {
        let page = addr & !(PAGE_BYTES - 1);
        if inner.vmas.find(page).is_none() {
            self.grow_stack(inner, page)?;
        }
        let Some((start, vma)) = inner.vmas.find(page) else { return Err(Fault::Segv(SegvCode::MapErr)) };
        // The CPU reads whatever it may write or execute.
        let allowed = if kind == FaultKind::Read { !vma.prot.is_empty() } else { vma.prot.contains(kind.needs()) };
        if !allowed {
            return Err(Fault::Segv(SegvCode::AccErr));
        }
        inner.minor_faults += 1;
        Serve { space: self, table: &mut inner.table, rss: &mut inner.rss, changed: &mut inner.changed, vma, start, page }.serve(kind)
    }

    /// Extends the growing mapping above `page` down to it, if that is what was touched.
    fn grow_stack(&self, inner: &mut Inner, page: u64) -> Result<(), Fault> {
        let refused = Fault::Segv(SegvCode::MapErr);
        let (start, vma) = inner.vmas.find_from(page).ok_or(refused)?;
        if !vma.flags.contains(VmFlags::GROWSDOWN) || vma.end - page > self.limit(Limit::Stack) {
            return Err(refused);
        }
        let grown = inner.vmas.total + (start - page);
        let room = match inner.vmas.before(page) {
            Some((_, below)) if below.prot.is_empty() => below.end <= page,
            Some((_, below)) => below.end + STACK_GUARD <= page,
            None => page >= STACK_GUARD,
        };
        if !room || grown > self.limit(Limit::AddressSpace) {
            return Err(refused);
        }
        inner.vmas.grow_down(start, page);
        Ok(())
    }
}

impl Serve<'_> {
    fn serve(mut self, kind: FaultKind) -> Result<(), Fault> {
        let upper = self.table.upper_slot(self.page)?;
        let above = upper.get();
        if is_large(above) {
            // Large pages belong to this mapping alone: whatever it allows, they allow.
            upper.set(above.with_rights(self.vma.prot.rights()));
            return Ok(());
        }
        if cfg!(feature = "huge-pages") && above.is_empty() && kind == FaultKind::Write && self.map_large(upper) {
            return Ok(());
        }
        let slot = self.table.slot_under(upper, self.page)?;
        let entry = slot.get();
        if entry.is_empty() {
            match &self.vma.mapped {
                None => self.map_anonymous(slot, kind),
                Some(mapped) => {
                    self.map_object(mapped, slot, kind)?;
                    if kind != FaultKind::Write {
                        self.map_around(mapped, upper);
                    }
                    Ok(())
                }
            }
        } else if kind == FaultKind::Write && !entry.is_writable() {
            self.make_writable(slot, entry)
        } else {
            // Already possible, unless it was held by a PROT_NONE that is over.
            if !entry.is_present() {
                slot.set(entry.with_rights(self.vma.prot.rights() & !WRITABLE));
            }
            Ok(())
        }
    }

    fn install(&mut self, slot: Slot, page: Page, rights: u8, note: Note) {
        let entry = entry_for(page, rights, self.table.domain(), note);
        slot.set(entry);
        self.rss.add(entry, 1);
    }

    fn map_anonymous(&mut self, slot: Slot, kind: FaultKind) -> Result<(), Fault> {
        let sparse = self.vma.end - self.start >= SPARSE || !self.vma.prot.contains(Prot::WRITE);
        let rights = self.vma.prot.rights();
        if kind != FaultKind::Write && sparse {
            let zero = self.space.kernel.zero_page().ok_or(Fault::OutOfMemory)?;
            self.install(slot, zero, rights & !WRITABLE, Note::ANON);
        } else {
            let page = Page::zeroed(self.space.frames).ok_or(Fault::OutOfMemory)?;
            self.install(slot, page, rights, Note::ANON);
        }
        Ok(())
    }

    /// Maps 2 MiB at once where that fits and memory is plentiful; `false` when small pages are to be used.
    fn map_large(&mut self, upper: Slot) -> bool {
        let size = paging::span(2);
        let base = self.page & !(size - 1);
        let frames = self.space.frames;
        let free = frames.free_bytes();
        let flags = self.vma.flags;
        let fits = self.vma.mapped.is_none() && base >= self.start && base + size <= self.vma.end;
        let wanted = flags.contains(VmFlags::HUGE) || self.vma.end - self.start >= LARGE_MAPPING;
        if !fits || !wanted || flags.intersects(VmFlags::NOHUGE | VmFlags::GROWSDOWN) || free < PLENTY || free < frames.total_bytes() / 2 {
            return false;
        }
        let Some(phys) = frames.alloc(9) else { return false };
        // SAFETY: the block is ours alone and mapped at `virt`.
        unsafe { frames.virt(phys).write_bytes(0, size as usize) };
        let entry = Entry::page(phys, self.vma.prot.rights(), self.table.domain(), Note::ANON).large();
        upper.set(entry);
        self.rss.add(entry, size / PAGE_BYTES);
        true
    }

    fn map_object(&mut self, mapped: &Arc<Mapped>, slot: Slot, kind: FaultKind) -> Result<(), Fault> {
        let index = self.vma.page_index(self.start, self.page);
        let rights = self.vma.prot.rights();
        if !self.vma.is_shared() && kind == FaultKind::Write {
            let original = mapped.object.page(index, PageAccess::Read).map_err(object_fault)?;
            let copy = original.duplicate().ok_or(Fault::OutOfMemory)?;
            self.install(slot, copy, rights, Note::ANON);
            return Ok(());
        }
        // Memory objects have one page for reading and writing, so that the second fault can be spared.
        let write = self.vma.is_shared() && (kind == FaultKind::Write || mapped.kind == Kind::Shmem && self.vma.prot.contains(Prot::WRITE));
        let (page, rights) = if write {
            (self.page_for_writing(mapped, index)?, rights)
        } else {
            (mapped.object.page(index, PageAccess::Read).map_err(object_fault)?, rights & !WRITABLE)
        };
        self.install(slot, page, rights, object_note(self.vma));
        Ok(())
    }

    /// The object's page for a shared write; others who see the one it took the place of are told later.
    fn page_for_writing(&mut self, mapped: &Arc<Mapped>, index: u64) -> Result<Page, Fault> {
        let before = if mapped.kind == Kind::File { mapped.object.resident(index) } else { None };
        let page = mapped.object.page(index, PageAccess::Write).map_err(object_fault)?;
        if before.is_some_and(|before| before.phys() != page.phys()) {
            self.changed.push((mapped.clone(), index));
        }
        Ok(page)
    }

    /// Maps the resident neighbours of a page just mapped: for reading only, unless the object has one page for both.
    fn map_around(&mut self, mapped: &Mapped, upper: Slot) {
        let group = AROUND * PAGE_BYTES;
        let first = (self.page & !(group - 1)).max(self.start);
        let end = ((self.page & !(group - 1)) + group).min(self.vma.end);
        let rights = if mapped.kind == Kind::Shmem { self.vma.prot.rights() } else { self.vma.prot.rights() & !WRITABLE };
        let note = object_note(self.vma);
        let base = self.vma.page_index(self.start, first);
        for step in 0..(end - first) / PAGE_BYTES {
            let Some(slot) = self.table.neighbour(upper, first, step as usize) else { return };
            if slot.get().is_empty()
                && let Some(page) = mapped.object.resident(base + step)
            {
                self.install(slot, page, rights, note);
            }
        }
    }

    /// A write to a page that is there but read-only, in a mapping that allows writing.
    fn make_writable(&mut self, slot: Slot, entry: Entry) -> Result<(), Fault> {
        let frames = self.space.frames;
        let rights = self.vma.prot.rights();
        let page = match self.vma.mapped.as_ref().filter(|_| self.vma.is_shared()) {
            Some(mapped) => {
                let index = self.vma.page_index(self.start, self.page);
                let page = self.page_for_writing(mapped, index)?;
                if page.phys() == entry.phys() {
                    slot.set(entry.with_rights(rights));
                    return Ok(());
                }
                page
            }
            None => {
                let private = entry.note().has(Note::ANON);
                if private && references(frames, entry) == 1 {
                    slot.set(entry.with_rights(rights));
                    return Ok(());
                }
                let is_zero = private && entry.note().has(Note::FOREIGN);
                let copy = if is_zero { Page::zeroed(frames) } else { crate::table::share_page(frames, entry).duplicate() };
                copy.ok_or(Fault::OutOfMemory)?
            }
        };
        let note = if self.vma.is_shared() { object_note(self.vma) } else { Note::ANON };
        self.rss.remove(entry, 1);
        self.install(slot, page, rights, note);
        if entry.is_present() {
            self.space.mmu().flush_pages(&[self.page]);
        }
        // SAFETY: the entry was replaced in its slot and flushed: this is its one handle.
        drop(unsafe { page_of(frames, entry) });
        Ok(())
    }
}

/// What mlock(2) answers when populating fails.
pub(crate) fn to_errno(result: Result<(), Fault>) -> SysResult<()> {
    result.map_err(|fault| match fault {
        Fault::OutOfMemory => Errno::EAGAIN,
        Fault::Segv(_) | Fault::Bus => Errno::ENOMEM,
    })
}
