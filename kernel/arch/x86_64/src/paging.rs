//! The format of page-table entries: pure functions on numbers, no memory touched.
//!
//! Four levels of 512 entries; level 1 holds 4 KiB pages, level 2 tables or 2 MiB pages (SDM volume 3, section 4.5). `mm` builds and walks the tables with
//! this module; another architecture offers the same names.

/// Levels of tables; level [`LEVELS`] is the root.
pub const LEVELS: usize = 4;
/// Entries in a table.
pub const ENTRIES: usize = 512;
/// One past the last address of the application: the last page below 2^47 stays unmapped, so that no call or `syscall` instruction ends at a
/// non-canonical address.
pub const USER_END: u64 = 0x7fff_ffff_f000;
/// First root entry of the kernel's half.
pub const KERNEL_SLOT: usize = 256;

const PRESENT: u64 = 1;
const WRITE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const WRITE_THROUGH: u64 = 1 << 3;
const NO_CACHE: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 5;
/// Accessed and dirty, set at once, so that the CPU has no reason to write the table.
const TOUCHED: u64 = ACCESSED | 1 << 6;
const LARGE: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
/// In an entry that is not present: it keeps its page, but nobody may touch it (PROT_NONE).
const HELD: u64 = 1 << 8;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Rights bits, as in mmap(2)'s `prot`.
pub const READ: u8 = 1;
/// See [`READ`].
pub const WRITABLE: u8 = 2;
/// See [`READ`].
pub const EXECUTE: u8 = 4;

/// A page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry(u64);

/// Whose pages a lower-half table maps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// The kernel's own, the same in every address space (global).
    Kernel,
    /// An application's that runs in ring 0.
    Ring0,
    /// An application's that runs in ring 3.
    Ring3,
}

impl Domain {
    fn bits(self) -> u64 {
        match self {
            Domain::Kernel | Domain::Ring0 => 0,
            Domain::Ring3 => USER,
        }
    }
}

/// What the memory manager notes in an entry's free bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note(u64);

impl Note {
    /// Nothing.
    pub const NONE: Note = Note(0);
    /// The frame is not the allocator's.
    pub const FOREIGN: Note = Note(1 << 9);
    /// The page is private to the mapping (anonymous, or copied on write).
    pub const ANON: Note = Note(1 << 10);
    /// The page is shared memory without a file.
    pub const SHMEM: Note = Note(1 << 11);
    const ALL: u64 = 7 << 9;

    /// Both.
    pub const fn with(self, other: Note) -> Note {
        Note(self.0 | other.0)
    }
    /// Whether all of `other` is noted.
    pub const fn has(self, other: Note) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Entry {
    /// No page, no table.
    pub const EMPTY: Entry = Entry(0);

    /// From the number in the table.
    pub const fn from_bits(bits: u64) -> Entry {
        Entry(bits)
    }

    /// The number for the table.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Points to the next lower table. Rights are the leaf entries' business.
    pub fn table(phys: u64, domain: Domain) -> Entry {
        Entry(phys | PRESENT | WRITE | ACCESSED | domain.bits())
    }

    /// A 4 KiB page with `rights` ([`READ`], [`WRITABLE`], [`EXECUTE`]; none of them: held, but not accessible).
    pub fn page(phys: u64, rights: u8, domain: Domain, note: Note) -> Entry {
        let global = if domain == Domain::Kernel { GLOBAL } else { 0 };
        Entry(Entry(phys | domain.bits() | note.0).with_rights(rights).0 | global)
    }

    /// The same as a 2 MiB page, for level 2.
    pub fn large(self) -> Entry {
        Entry(self.0 | LARGE)
    }

    /// Uncached, for device registers.
    pub fn device(self) -> Entry {
        Entry(self.0 | NO_CACHE | WRITE_THROUGH)
    }

    /// The same page with other rights. Write implies read, as the CPU has it.
    pub fn with_rights(self, rights: u8) -> Entry {
        if rights & (READ | WRITABLE | EXECUTE) == 0 {
            return Entry(self.0 & !(PRESENT | WRITE) | HELD | NO_EXECUTE);
        }
        // HELD and GLOBAL are one bit; kernel pages, the global ones, keep the rights they are made with.
        let mut bits = self.0 & !(WRITE | NO_EXECUTE | HELD) | PRESENT | TOUCHED;
        if rights & WRITABLE != 0 {
            bits |= WRITE;
        }
        if rights & EXECUTE == 0 {
            bits |= NO_EXECUTE;
        }
        Entry(bits)
    }

    /// Whether there is nothing at all.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// Whether the CPU sees it.
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }
    /// Whether the CPU lets writes pass.
    pub const fn is_writable(self) -> bool {
        self.0 & (PRESENT | WRITE) == PRESENT | WRITE
    }
    /// Whether the CPU lets it be executed.
    pub const fn is_executable(self) -> bool {
        self.0 & PRESENT != 0 && self.0 & NO_EXECUTE == 0
    }
    /// Whether it is a 2 MiB page (meaningful at level 2).
    pub const fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }
    /// Physical address of the page or table.
    pub const fn phys(self) -> u64 {
        self.0 & ADDRESS
    }
    /// The memory manager's note.
    pub const fn note(self) -> Note {
        Note(self.0 & Note::ALL)
    }
    /// The 4 KiB entry for page `index` of this 2 MiB page.
    pub const fn part(self, index: usize) -> Entry {
        Entry((self.0 & !LARGE) + index as u64 * 4096)
    }
}

/// Index into the table at `level` (1 is the lowest) for an address.
pub const fn index(virt: u64, level: usize) -> usize {
    (virt >> (12 + 9 * (level - 1))) as usize % ENTRIES
}

/// Bytes that one entry at `level` covers.
pub const fn span(level: usize) -> u64 {
    1 << (12 + 9 * (level - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_come_and_go_and_the_page_stays() {
        let entry = Entry::page(0x1234_5000, READ | WRITABLE, Domain::Ring0, Note::ANON);
        assert!(entry.is_present() && entry.is_writable() && !entry.is_executable());
        let none = entry.with_rights(0);
        assert!(!none.is_present() && !none.is_empty() && !none.is_writable() && !none.is_executable());
        assert_eq!((none.phys(), none.note()), (0x1234_5000, Note::ANON));
        assert_eq!(none.with_rights(READ | WRITABLE), entry);
        let code = none.with_rights(READ | EXECUTE);
        assert!(code.is_executable() && !code.is_writable());
        assert_eq!(Entry::page(0x5000, 0, Domain::Ring0, Note::NONE).with_rights(READ).bits() & GLOBAL, 0);
        assert_ne!(Entry::page(0x5000, READ, Domain::Kernel, Note::NONE).bits() & GLOBAL, 0);
    }

    #[test]
    fn indices_and_spans_follow_the_manual() {
        let virt = 0x7f12_3456_7890;
        assert_eq!([index(virt, 4), index(virt, 3), index(virt, 2), index(virt, 1)], [0xfe, 0x48, 0x1a2, 0x167]);
        assert_eq!((span(1), span(2), span(4)), (4096, 2 << 20, 512 << 30));
        let large = Entry::page(0x20_0000, READ, Domain::Ring0, Note::ANON).large();
        assert_eq!(large.part(3), Entry::page(0x20_3000, READ, Domain::Ring0, Note::ANON));
    }
}
