//! Page tables in frames: finding, making and freeing entries. The only place of this crate that touches tables.

use arch_x86_64::paging::{self, Domain, ENTRIES, Entry, LEVELS, index, span};
use core::sync::atomic::{AtomicU64, Ordering};
use frame::{FrameAllocator, PAGE_BYTES, Page};

/// Whether an entry of the middle level is a page of 2 MiB: never where none are made.
pub(crate) fn is_large(entry: Entry) -> bool {
    cfg!(feature = "huge-pages") && entry.is_large()
}

/// No frame is left for a table.
#[derive(Debug, PartialEq, Eq)]
pub struct NoFrame;

/// An entry in a live table. Tables are taken out only by [`PageTable::prune`] and drop, with the owner's lock held; no slot is kept across those.
#[derive(Clone, Copy)]
pub struct Slot(&'static AtomicU64);

impl Slot {
    pub fn get(self) -> Entry {
        Entry::from_bits(self.0.load(Ordering::Relaxed))
    }
    pub fn set(self, entry: Entry) {
        self.0.store(entry.bits(), Ordering::Relaxed);
    }
}

/// A mapped page that a [`Cursor`] found.
#[derive(Clone, Copy)]
pub struct Leaf {
    pub virt: u64,
    pub slot: Slot,
    pub entry: Entry,
    /// 1 for 4 KiB, 2 for 2 MiB.
    pub level: usize,
}

/// A tree of tables.
pub struct PageTable {
    frames: &'static FrameAllocator,
    root: u64,
    domain: Domain,
    /// Frames used by tables below the root.
    pub tables: u64,
}

type Table = &'static [AtomicU64; ENTRIES];

impl PageTable {
    /// Tables under an existing root.
    pub fn over(frames: &'static FrameAllocator, root: u64, domain: Domain) -> Self {
        Self { frames, root, domain, tables: 0 }
    }

    pub fn domain(&self) -> Domain {
        self.domain
    }

    fn table(&self, phys: u64) -> Table {
        // SAFETY: `phys` is the root or comes from a table entry that this type wrote: a live frame of 512 words, shared only with the CPU.
        unsafe { &*self.frames.virt(phys).cast::<[AtomicU64; ENTRIES]>() }
    }

    /// Copies the root entries from `first` on from another root: the kernel's half.
    pub fn share_upper(&self, from: u64, first: usize) {
        let (own, other) = (self.table(self.root), self.table(from));
        for slot in first..ENTRIES {
            own[slot].store(other[slot].load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The level-1 slot for an address, with the tables above it made as needed; splits a 2 MiB page in the way.
    pub fn slot(&mut self, virt: u64) -> Result<Slot, NoFrame> {
        let upper = self.upper_slot(virt)?;
        self.slot_under(upper, virt)
    }

    /// The level-1 slot for an address whose level-2 slot is `upper`.
    pub fn slot_under(&mut self, upper: Slot, virt: u64) -> Result<Slot, NoFrame> {
        let mut entry = upper.get();
        if entry.is_empty() {
            entry = self.new_table(upper)?;
        } else if is_large(entry) {
            self.split(upper)?;
            entry = upper.get();
        }
        Ok(Slot(&self.table(entry.phys())[index(virt, 1)]))
    }

    /// The level-2 slot for an address, with the tables above it made as needed.
    pub fn upper_slot(&mut self, virt: u64) -> Result<Slot, NoFrame> {
        let mut table = self.table(self.root);
        for level in (3..=LEVELS).rev() {
            let slot = Slot(&table[index(virt, level)]);
            let mut entry = slot.get();
            if entry.is_empty() {
                entry = self.new_table(slot)?;
            }
            table = self.table(entry.phys());
        }
        Ok(Slot(&table[index(virt, 2)]))
    }

    fn new_table(&mut self, slot: Slot) -> Result<Entry, NoFrame> {
        let phys = self.frames.alloc_zeroed().ok_or(NoFrame)?;
        self.tables += 1;
        let entry = Entry::table(phys, self.domain);
        slot.set(entry);
        Ok(entry)
    }

    /// Turns the 2 MiB page in `upper` into 512 small ones.
    pub fn split(&mut self, upper: Slot) -> Result<(), NoFrame> {
        let large = upper.get();
        let phys = self.frames.alloc(0).ok_or(NoFrame)?;
        self.tables += 1;
        for (i, word) in self.table(phys).iter().enumerate() {
            word.store(large.part(i).bits(), Ordering::Relaxed);
        }
        // SAFETY: large entries are made from blocks of order 9 that only the mapping refers to.
        unsafe { self.frames.split(large.phys(), 9) };
        upper.set(Entry::table(phys, self.domain));
        Ok(())
    }

    /// The slot `steps` pages after the one for `virt`, in the same table; `None` past its end.
    pub fn neighbour(&self, upper: Slot, virt: u64, steps: usize) -> Option<Slot> {
        self.table(upper.get().phys()).get(index(virt, 1) + steps).map(Slot)
    }

    /// The leaf for an address, if there is one (present or held).
    pub fn find(&self, virt: u64) -> Option<Leaf> {
        self.cursor(virt, virt + 1).next()
    }

    /// The slot of the 2 MiB page that holds an address, if one does.
    pub fn find_large(&self, virt: u64) -> Option<Slot> {
        let mut table = self.table(self.root);
        for level in (3..=LEVELS).rev() {
            let entry = Slot(&table[index(virt, level)]).get();
            if entry.is_empty() {
                return None;
            }
            table = self.table(entry.phys());
        }
        let slot = Slot(&table[index(virt, 2)]);
        is_large(slot.get()).then_some(slot)
    }

    /// Walks the leaves that meet `start..end`, in order.
    pub fn cursor(&self, start: u64, end: u64) -> Cursor {
        Cursor { root: PageTable { frames: self.frames, root: self.root, domain: self.domain, tables: 0 }, at: start, end, low: None }
    }

    /// Takes out the tables that cover parts of `start..end` and lie wholly within `floor..ceiling`, where nothing is mapped any more, and gives their frames to
    /// `retire`, which frees them once no CPU can walk them.
    pub fn prune(&mut self, start: u64, end: u64, floor: u64, ceiling: u64, retire: &mut dyn FnMut(u64)) {
        // Most often the room is not enough for what the least table covers.
        let least = span(2);
        let first = (start & !(least - 1)).max(floor.next_multiple_of(least));
        if first < end && first + least <= ceiling {
            self.prune_in(self.table(self.root), LEVELS, 0, (start, end), (floor, ceiling), retire);
        }
    }

    fn prune_in(&mut self, table: Table, level: usize, base: u64, range: (u64, u64), bounds: (u64, u64), retire: &mut dyn FnMut(u64)) {
        let size = span(level);
        let first = (range.0.max(base) - base) / size;
        let last = (range.1 - 1 - base) / size;
        for i in first..=last.min(ENTRIES as u64 - 1) {
            let slot = Slot(&table[i as usize]);
            let entry = slot.get();
            if entry.is_empty() || level == 2 && is_large(entry) {
                continue;
            }
            let from = base + i * size;
            if level > 2 {
                self.prune_in(self.table(entry.phys()), level - 1, from, (range.0.max(from), range.1.min(from + size)), bounds, retire);
            }
            if from >= bounds.0 && from + size <= bounds.1 {
                slot.set(Entry::EMPTY);
                self.retire_tree(entry.phys(), level - 1, retire);
            }
        }
    }

    /// Gives up a table and those below it.
    fn retire_tree(&mut self, phys: u64, level: usize, retire: &mut dyn FnMut(u64)) {
        if level > 1 {
            for word in self.table(phys) {
                let entry = Entry::from_bits(word.load(Ordering::Relaxed));
                if !entry.is_empty() && !is_large(entry) {
                    self.retire_tree(entry.phys(), level - 1, retire);
                }
            }
        }
        self.tables -= 1;
        retire(phys);
    }

    /// Frees every table of the application's half and the root. The leaves are gone already and no CPU uses the root.
    pub fn destroy(&mut self) {
        let frames = self.frames;
        // SAFETY: each frame was allocated for a table and its entry is gone.
        self.prune(0, paging::USER_END, 0, 1 << 47, &mut |table| unsafe { frames.free(table, 0) });
        // SAFETY: the root came from the allocator and nothing refers to it.
        unsafe { self.frames.free(self.root, 0) };
    }
}

/// Finds mapped pages, skipping empty tables at once.
pub struct Cursor {
    root: PageTable,
    at: u64,
    end: u64,
    /// The level-1 table that covers `at`, once found.
    low: Option<Table>,
}

impl Cursor {
    fn skip(&mut self, level: usize) {
        self.at = (self.at | (span(level) - 1)).wrapping_add(1);
        if self.at == 0 {
            self.at = self.end;
        }
        self.low = None;
    }
}

impl Iterator for Cursor {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        'descend: while self.at < self.end {
            let virt = self.at;
            let table = match self.low {
                Some(table) => table,
                None => {
                    let mut table = self.root.table(self.root.root);
                    for level in (2..=LEVELS).rev() {
                        let slot = Slot(&table[index(virt, level)]);
                        let entry = slot.get();
                        if entry.is_empty() {
                            self.skip(level);
                            continue 'descend;
                        }
                        if level == 2 && is_large(entry) {
                            self.skip(2);
                            return Some(Leaf { virt: virt & !(span(2) - 1), slot, entry, level: 2 });
                        }
                        table = self.root.table(entry.phys());
                    }
                    self.low = Some(table);
                    table
                }
            };
            let slot = Slot(&table[index(virt, 1)]);
            let entry = slot.get();
            self.at = (virt & !(PAGE_BYTES - 1)) + PAGE_BYTES;
            if index(self.at, 1) == 0 {
                self.low = None;
            }
            if !entry.is_empty() {
                return Some(Leaf { virt: virt & !(PAGE_BYTES - 1), slot, entry, level: 1 });
            }
        }
        None
    }
}

/// The reference that an entry holds, as a page handle.
///
/// # Safety
/// The entry was just taken out of its slot (or the handle is forgotten again): one handle for one entry.
pub unsafe fn page_of(frames: &'static FrameAllocator, entry: Entry) -> Page {
    let foreign = u64::from(entry.note().has(paging::Note::FOREIGN));
    // SAFETY: entries are made from `Page::into_raw` by `entry_for`.
    unsafe { Page::from_raw(frames, entry.phys() | foreign) }
}

/// A new handle on the page of an entry that stays where it is.
pub fn share_page(frames: &'static FrameAllocator, entry: Entry) -> Page {
    // SAFETY: the borrowed handle is forgotten, the clone counts for itself.
    let borrowed = core::mem::ManuallyDrop::new(unsafe { page_of(frames, entry) });
    Page::clone(&borrowed)
}

/// How many references the page of an entry has, its own included.
pub fn references(frames: &'static FrameAllocator, entry: Entry) -> u32 {
    // SAFETY: the handle is forgotten.
    core::mem::ManuallyDrop::new(unsafe { page_of(frames, entry) }).references()
}

/// An entry that takes over the handle's reference.
pub fn entry_for(page: Page, rights: u8, domain: Domain, note: paging::Note) -> Entry {
    let note = if page.is_foreign() { note.with(paging::Note::FOREIGN) } else { note };
    let phys = page.phys();
    let _ = page.into_raw();
    Entry::page(phys, rights, domain, note)
}
