//! Files and shared memory.

use super::*;
use alloc::sync::Weak;
use frame::{MapObserver, PAGE_SIZE};
use uapi::{Errno, Result};

const BASE: u64 = 0x10_0000_0000;

/// A file of `len` bytes whose page n holds n + 1 everywhere. Pages are read-only archive pages at first; a write replaces one by a copy.
pub struct FakeFile {
    len: std::sync::atomic::AtomicU64,
    archive: Vec<Page>,
    copies: Mutex<std::collections::BTreeMap<u64, Page>>,
    observers: Mutex<Vec<Weak<dyn MapObserver>>>,
}

impl FakeFile {
    pub fn new(frames: &'static FrameAllocator, len: u64) -> Arc<FakeFile> {
        let pages = len.div_ceil(PAGE);
        let archive = (0..pages)
            .map(|n| {
                #[repr(align(4096))]
                struct Block([u8; PAGE_SIZE]);
                let block: &'static Block = Box::leak(Box::new(Block([n as u8 + 1; PAGE_SIZE])));
                Page::foreign(frames, &block.0).unwrap()
            })
            .collect();
        Arc::new(FakeFile { len: len.into(), archive, copies: Mutex::default(), observers: Mutex::default() })
    }

    fn tell(&self, first: u64, end: u64) {
        let observers: Vec<_> = self.observers.lock().unwrap().iter().filter_map(Weak::upgrade).collect();
        for observer in observers {
            observer.invalidate(self.id(), first, end);
        }
    }

    pub fn truncate(&self, len: u64) {
        self.len.store(len, Ordering::SeqCst);
        self.tell(len.div_ceil(PAGE), u64::MAX);
    }

    /// As write(2): copies the archive's page up and tells those who map it.
    pub fn write(&self, offset: u64, byte: u8) {
        let page = self.page(offset / PAGE, PageAccess::Write).unwrap();
        page.write((offset % PAGE) as usize, &[byte]);
        self.tell(offset / PAGE, offset / PAGE + 1);
    }

    pub fn read(&self, offset: u64) -> u8 {
        self.page(offset / PAGE, PageAccess::Read).unwrap().put_into((offset % PAGE) as usize, 1, |b| b[0])
    }
}

impl MapObject for FakeFile {
    fn page(&self, index: u64, access: PageAccess) -> Result<Page> {
        if index >= self.size().div_ceil(PAGE) {
            return Err(Errno::ENXIO);
        }
        let mut copies = self.copies.lock().unwrap();
        if let Some(page) = copies.get(&index) {
            return Ok(page.clone());
        }
        let original = self.archive[index as usize].clone();
        if access == PageAccess::Read {
            return Ok(original);
        }
        let copy = original.duplicate().ok_or(Errno::ENOMEM)?;
        copies.insert(index, copy.clone());
        Ok(copy)
    }
    fn size(&self) -> u64 {
        self.len.load(Ordering::SeqCst)
    }
    fn resident(&self, index: u64) -> Option<Page> {
        self.page(index, PageAccess::Read).ok()
    }
    fn changed(&self, first: u64, end: u64) {
        self.tell(first, end);
    }
    fn watch(&self, observer: Weak<dyn MapObserver>) {
        self.observers.lock().unwrap().push(observer);
    }
}

pub fn mapping(file: &Arc<FakeFile>, offset: u64) -> FileMapping {
    FileMapping { object: file.clone(), offset, may: Prot::all(), shown: Shown::new(|| b"/data".to_vec(), 8, 42) }
}

fn map(w: &World, addr: u64, len: u64, prot: Prot, flags: MapFlags, file: FileMapping) -> Result<u64> {
    w.space.mmap(MapRequest { addr, len, prot, flags, file: Some(file) })
}

#[test]
fn private_file_pages_are_the_archives_own_until_written() {
    let w = world(8);
    let file = FakeFile::new(w.frames, 40 * PAGE);
    let at = map(&w, 0, 40 * PAGE, RW, MapFlags::PRIVATE, mapping(&file, 0)).unwrap();
    let faults = w.space.stats().minor_faults;
    for page in 0..16 {
        assert_eq!(w.peek(at + page * PAGE), page as u8 + 1);
    }
    assert!(w.space.stats().minor_faults - faults <= 2, "neighbours are mapped along");
    assert_eq!(w.space.stats().resident_anon, 0);
    w.poke(at + 3 * PAGE, 99);
    assert_eq!((w.peek(at + 3 * PAGE), w.peek(at + 3 * PAGE + 1), file.read(3 * PAGE)), (99, 4, 4));
    // Written before it was read.
    w.poke(at + 39 * PAGE, 98);
    assert_eq!((w.peek(at + 39 * PAGE + 1), file.read(39 * PAGE)), (40, 40));
    assert_eq!(w.space.stats().resident_anon, 2 * PAGE);
    // DONTNEED goes back to the file.
    w.space.madvise(at, 40 * PAGE, 4).unwrap();
    assert_eq!(w.peek(at + 3 * PAGE), 4);
}

#[test]
fn shared_file_pages_are_one_with_the_file() {
    let w = world(8);
    let file = FakeFile::new(w.frames, 4 * PAGE);
    let one = map(&w, 0, 4 * PAGE, RW, MapFlags::SHARED, mapping(&file, 0)).unwrap();
    let two = map(&w, 0, 2 * PAGE, Prot::READ, MapFlags::SHARED, mapping(&file, 2 * PAGE)).unwrap();
    assert_eq!((w.peek(one + 2 * PAGE), w.peek(two)), (3, 3));
    file.write(2 * PAGE, 70);
    assert_eq!((w.peek(one + 2 * PAGE), w.peek(two)), (70, 70), "write(2) is seen by mappings made before");
    w.poke(one + 2 * PAGE, 71);
    assert_eq!((file.read(2 * PAGE), w.peek(two)), (71, 71));
    assert_eq!(w.space.handle_fault(two, FaultKind::Write), Err(ACCERR));
    assert_eq!(w.space.futex_key(one + 2 * PAGE + 8), w.space.futex_key(two + 8));
    assert!(matches!(w.space.futex_key(two + 8), Ok(FutexKey::Shared { offset, .. }) if offset == 2 * PAGE + 8));
    w.space.msync(one, 4 * PAGE, 4).unwrap();
    assert_eq!(w.space.msync(one, 4 * PAGE, 5), Err(Errno::EINVAL));
    assert_eq!(w.space.msync(BASE, PAGE, 4), Err(Errno::ENOMEM));
}

#[test]
fn a_page_copied_for_a_shared_write_replaces_the_archives_in_all_mappings() {
    let w = world(8);
    let file = FakeFile::new(w.frames, 4 * PAGE);
    let one = map(&w, 0, 4 * PAGE, RW, MapFlags::SHARED, mapping(&file, 0)).unwrap();
    let two = map(&w, 0, 4 * PAGE, Prot::READ, MapFlags::SHARED, mapping(&file, 0)).unwrap();
    let private = map(&w, 0, 4 * PAGE, RW, MapFlags::PRIVATE, mapping(&file, 0)).unwrap();
    let child = w.space.fork().unwrap();
    w.poke(private + PAGE, 90);
    for page in 0..4 {
        for base in [two, private] {
            w.peek(base + page * PAGE);
            peek(&child, base + page * PAGE);
        }
    }
    // Never read through `one` before.
    w.poke(one, 50);
    w.poke(one + PAGE, 51);
    // Read before it is written.
    w.peek(one + 2 * PAGE);
    w.poke(one + 2 * PAGE, 52);
    for (page, byte) in [(0, 50), (1, 51), (2, 52), (3, 4)] {
        assert_eq!((file.read(page * PAGE), w.peek(two + page * PAGE), peek(&child, two + page * PAGE)), (byte, byte, byte), "page {page}");
    }
    assert_eq!((w.peek(private + PAGE), w.peek(private)), (90, 50));
    let faults = w.space.stats().minor_faults;
    w.poke(one, 53);
    assert_eq!(w.space.stats().minor_faults, faults, "the writer's own mapping stays");
}

#[test]
fn past_the_end_is_a_bus_error_also_after_truncation() {
    let w = world(4);
    let file = FakeFile::new(w.frames, 3 * PAGE);
    let at = map(&w, 0, 5 * PAGE, Prot::READ, MapFlags::SHARED, mapping(&file, 0)).unwrap();
    assert_eq!(w.peek(at + 2 * PAGE), 3);
    assert_eq!(w.space.handle_fault(at + 3 * PAGE, FaultKind::Read), Err(Fault::Bus));
    file.truncate(PAGE + 1);
    assert_eq!(w.peek(at + PAGE), 2);
    assert_eq!(w.space.translate(at + 2 * PAGE), None);
    assert_eq!(w.space.handle_fault(at + 2 * PAGE, FaultKind::Read), Err(Fault::Bus));
}

#[test]
fn rights_of_the_descriptor_bound_the_mapping() {
    let w = world(4);
    let file = FakeFile::new(w.frames, PAGE);
    let read_only = FileMapping { may: Prot::READ | Prot::EXEC, ..mapping(&file, 0) };
    assert_eq!(map(&w, 0, PAGE, RW, MapFlags::SHARED, read_only.clone()), Err(Errno::EACCES));
    let at = map(&w, 0, PAGE, Prot::READ, MapFlags::SHARED, read_only.clone()).unwrap();
    assert_eq!(w.space.mprotect(at, PAGE, 3), Err(Errno::EACCES));
    let private = map(&w, 0, PAGE, RW, MapFlags::PRIVATE, read_only).unwrap();
    w.poke(private, 5);
    assert_eq!(file.read(0), 1);
    let noexec = FileMapping { may: RW, ..mapping(&file, 0) };
    assert_eq!(map(&w, 0, PAGE, Prot::READ | Prot::EXEC, MapFlags::PRIVATE, noexec), Err(Errno::EPERM));
    assert_eq!(map(&w, 0, PAGE, Prot::READ, MapFlags::PRIVATE, mapping(&file, 5)), Err(Errno::EINVAL));
    assert_eq!(map(&w, 0, PAGE, Prot::READ, MapFlags::PRIVATE, mapping(&file, i64::MAX as u64 & !4095)), Err(Errno::EOVERFLOW));
}

#[test]
fn split_file_mappings_know_their_offsets_and_join_again() {
    let w = world(4);
    let file = FakeFile::new(w.frames, 8 * PAGE);
    map(&w, BASE, 6 * PAGE, Prot::READ, MapFlags::PRIVATE | MapFlags::FIXED, mapping(&file, PAGE)).unwrap();
    w.space.mprotect(BASE + 2 * PAGE, PAGE, 3).unwrap();
    let middle = w.space.vma_from(BASE + 2 * PAGE).unwrap();
    assert_eq!((middle.offset, middle.ino, middle.name.as_bytes()), (3 * PAGE, 42, &b"/data"[..]));
    assert_eq!(w.space.vma_from(BASE + 3 * PAGE).unwrap().offset, 4 * PAGE);
    assert_eq!(w.peek(BASE + 2 * PAGE), 4);
    w.poke(BASE + 2 * PAGE, 200);
    w.space.mprotect(BASE, 6 * PAGE, 1).unwrap();
    assert_eq!(maps(&w.space).len(), 1);
    let to = w.space.mremap(BASE + 2 * PAGE, 2 * PAGE, 3 * PAGE, 3, BASE + (1 << 30)).unwrap();
    assert_eq!([0, 1, 2].map(|i| w.peek(to + i * PAGE)), [200, 5, 6]);
}

#[test]
fn shared_anonymous_memory_is_shared_and_one_fault_makes_it_writable() {
    let w = world(4);
    let at = w.space.mmap(MapRequest { addr: 0, len: 3 * PAGE, prot: RW, flags: SHARED, file: None }).unwrap();
    assert_eq!(w.peek(at), 0);
    let faults = w.space.stats().minor_faults;
    w.poke(at, 1);
    assert_eq!(w.space.stats().minor_faults, faults);
    // A second view of the same memory (mremap with old length 0).
    let view = w.space.mremap(at, 0, 3 * PAGE, 1, 0).unwrap();
    assert_eq!(w.peek(view), 1);
    w.poke(view + PAGE, 2);
    assert_eq!(w.peek(at + PAGE), 2);
    w.space.madvise(at, 3 * PAGE, 4).unwrap();
    assert_eq!(w.peek(at), 1, "DONTNEED does not lose shared memory");
    assert_eq!(w.space.stats().resident_shmem, 4 * PAGE, "two pages, seen twice");
    w.space.munmap(at, 3 * PAGE).unwrap();
    w.space.munmap(view, 3 * PAGE).unwrap();
}
