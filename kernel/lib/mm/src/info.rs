//! What /proc/self/maps, /proc/self/status and getrusage(2) tell.

use crate::space::AddressSpace;
use crate::types::Prot;
use crate::vma::{VmFlags, Vma};
use alloc::vec::Vec;
use arch_x86_64::paging::Note;
use frame::PAGE_BYTES;

/// The name column of /proc/self/maps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Name {
    /// Anonymous memory.
    None,
    /// `[heap]`, `[stack]`.
    Kernel(&'static str),
    /// A file's path, or a special mapping's name.
    Path(Vec<u8>),
}

impl Name {
    /// The bytes to print; empty for anonymous memory.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Name::None => b"",
            Name::Kernel(name) => name.as_bytes(),
            Name::Path(path) => path,
        }
    }
}

/// One mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmaInfo {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
    /// Rights.
    pub prot: Prot,
    /// Whether `s` or `p` is shown.
    pub shared: bool,
    /// Offset in the object in bytes.
    pub offset: u64,
    /// Device of the file's inode.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Name column.
    pub name: Name,
    /// Whether mlock(2) holds it.
    pub locked: bool,
    /// Whether it grows down.
    pub grows_down: bool,
}

/// Sizes in bytes (except the fault count).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// VmSize.
    pub size: u64,
    /// VmPeak.
    pub peak: u64,
    /// VmData: private writable mappings without the stack.
    pub data: u64,
    /// VmStk.
    pub stack: u64,
    /// VmExe and VmLib together: executable mappings of files.
    pub text: u64,
    /// VmLck.
    pub locked: u64,
    /// VmPTE.
    pub tables: u64,
    /// VmHWM.
    pub resident_peak: u64,
    /// RssAnon.
    pub resident_anon: u64,
    /// RssFile.
    pub resident_file: u64,
    /// RssShmem.
    pub resident_shmem: u64,
    /// Page faults served. None needs a disk, so all are minor.
    pub minor_faults: u64,
}

impl Stats {
    /// VmRSS.
    pub fn resident(&self) -> u64 {
        self.resident_anon + self.resident_file + self.resident_shmem
    }
}

/// Resident memory of one mapping, in bytes (/proc/self/smaps).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Resident {
    /// Rss.
    pub total: u64,
    /// Anonymous.
    pub anon: u64,
}

fn info(start: u64, vma: &Vma) -> VmaInfo {
    let name = match &vma.mapped {
        Some(mapped) => Name::Path(mapped.shown.path()),
        None if vma.flags.contains(VmFlags::HEAP) => Name::Kernel("[heap]"),
        None if vma.flags.contains(VmFlags::STACK) => Name::Kernel("[stack]"),
        None => Name::None,
    };
    VmaInfo {
        start,
        end: vma.end,
        prot: vma.prot,
        // The vDSO is shared by nature and shown as private, as on Linux.
        shared: vma.is_shared() && !vma.flags.contains(VmFlags::SPECIAL),
        offset: vma.page_offset * PAGE_BYTES,
        dev: vma.mapped.as_ref().map_or(0, |m| m.shown.inode().0),
        ino: vma.mapped.as_ref().map_or(0, |m| m.shown.inode().1),
        name,
        locked: vma.flags.contains(VmFlags::LOCKED),
        grows_down: vma.flags.contains(VmFlags::GROWSDOWN),
    }
}

impl AddressSpace {
    /// The first mapping that ends above `addr`: `let mut at = 0; while let Some(vma) = space.vma_from(at) { at = vma.end; ... }` lists all, with the
    /// lock free in between.
    pub fn vma_from(&self, addr: u64) -> Option<VmaInfo> {
        self.lock().vmas.find_from(addr).map(|(start, vma)| info(start, vma))
    }

    /// How much of `start..end` is resident.
    pub fn resident_in(&self, start: u64, end: u64) -> Resident {
        let inner = self.lock();
        let mut sum = Resident::default();
        for leaf in inner.table.cursor(start, end) {
            let bytes = crate::space::leaf_pages(leaf.level) * PAGE_BYTES;
            let note = leaf.entry.note();
            match (note.has(Note::ANON), note.has(Note::FOREIGN)) {
                (true, true) => {}
                (true, false) => {
                    sum.total += bytes;
                    sum.anon += bytes;
                }
                (false, _) => sum.total += bytes,
            }
        }
        sum
    }

    /// Sizes and counts.
    pub fn stats(&self) -> Stats {
        let inner = self.lock();
        let sum = |counts: fn(&Vma) -> bool| inner.vmas.iter().filter(|(_, v)| counts(v)).map(|(s, v)| v.end - s).sum();
        Stats {
            size: inner.vmas.total,
            peak: inner.vmas.peak,
            data: inner.vmas.data,
            stack: sum(|v| v.flags.contains(VmFlags::STACK)),
            text: sum(|v| v.mapped.is_some() && v.prot.contains(Prot::EXEC)),
            locked: inner.vmas.locked,
            tables: (inner.table.tables + 1) * PAGE_BYTES,
            resident_peak: inner.rss.peak * PAGE_BYTES,
            resident_anon: inner.rss.anon * PAGE_BYTES,
            resident_file: inner.rss.file * PAGE_BYTES,
            resident_shmem: inner.rss.shmem * PAGE_BYTES,
            minor_faults: inner.minor_faults,
        }
    }

    /// The break area, start and current end, for /proc/self/stat.
    pub fn brk_range(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.layout.brk_start, inner.layout.brk)
    }
}
