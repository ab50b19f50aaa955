//! Demand paging: zero pages, protection, flushes, memory that comes back, large pages.

use super::*;

const BASE: u64 = 0x10_0000_0000;

#[test]
fn pages_come_zeroed_on_touch_and_only_as_allowed() {
    let w = world(4);
    w.fixed(BASE, 4 * PAGE, RW);
    assert_eq!(w.space.translate(BASE), None);
    assert_eq!(w.peek(BASE + 5), 0);
    w.poke(BASE + 5, 7);
    assert_eq!(w.peek(BASE + 5), 7);
    assert_eq!(w.space.handle_fault(BASE, FaultKind::Exec), Err(ACCERR));
    assert_eq!(w.space.handle_fault(BASE + 4 * PAGE, FaultKind::Read), Err(MAPERR));
    assert_eq!(w.space.handle_fault(0, FaultKind::Write), Err(MAPERR));
    assert_eq!(w.space.handle_fault(1 << 63, FaultKind::Write), Err(MAPERR));
    assert_eq!(w.flushes(), (0, 0), "nothing was cached before");
    assert_eq!((w.space.stats().resident_anon, w.space.stats().minor_faults), (PAGE, 1));
}

#[test]
fn protection_follows_mprotect_and_flushes_only_what_is_lost() {
    let w = world(4);
    w.fixed(BASE, 40 * PAGE, RW);
    w.poke(BASE, 1);
    w.space.mprotect(BASE, PAGE, 1).unwrap();
    assert_eq!(w.flushes(), (1, 0));
    assert_eq!(w.space.handle_fault(BASE, FaultKind::Write), Err(ACCERR));
    w.space.mprotect(BASE, PAGE, 3).unwrap();
    assert_eq!(w.flushes(), (0, 0));
    assert!(w.space.translate(BASE).unwrap().1.contains(Prot::WRITE), "a page of one's own is writable at once");
    w.space.mprotect(BASE, PAGE, 0).unwrap();
    assert_eq!((w.space.translate(BASE), w.flushes()), (None, (1, 0)));
    assert_eq!(w.space.handle_fault(BASE, FaultKind::Read), Err(ACCERR));
    w.space.mprotect(BASE, PAGE, 5).unwrap();
    assert_eq!(w.space.translate(BASE).unwrap().1, Prot::READ | Prot::EXEC);
    assert_eq!(w.peek(BASE), 1, "PROT_NONE keeps the contents");
    // JITs that ask for it get it.
    w.space.mprotect(BASE, PAGE, 7).unwrap();
    assert_eq!(w.space.translate(BASE).unwrap().1, Prot::all());
    for page in 0..40 {
        w.poke(BASE + page * PAGE, 1);
    }
    w.flushes();
    w.space.munmap(BASE, 40 * PAGE).unwrap();
    assert_eq!(w.flushes().0, 0);
}

#[test]
fn write_only_memory_can_be_read_as_on_the_cpu() {
    let w = world(4);
    w.fixed(BASE, PAGE, Prot::WRITE);
    w.poke(BASE, 3);
    assert_eq!(w.peek(BASE), 3);
}

#[test]
fn sparse_reads_of_large_memory_cost_only_tables() {
    let w = world(8);
    w.fixed(BASE, 64 << 20, RW);
    assert_eq!(w.peek(BASE), 0);
    let used = w.used();
    for page in 1..512 {
        assert_eq!(w.peek(BASE + page * PAGE), 0);
    }
    assert_eq!((w.used(), w.space.stats().resident()), (used, 0));
    w.poke(BASE + 9 * PAGE, 5);
    assert_eq!((w.peek(BASE + 9 * PAGE), w.peek(BASE + 8 * PAGE)), (5, 0));
    assert_eq!(w.flushes(), (1, 0));
    assert_eq!(w.space.stats().resident(), PAGE);
}

#[test]
fn running_out_is_an_error_and_everything_comes_back() {
    let w = world(4);
    let before = w.used();
    w.fixed(BASE, 16 << 20, RW);
    let mut at = BASE;
    let fault = loop {
        match w.space.handle_fault(at, FaultKind::Write) {
            Ok(()) => at += PAGE,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, Fault::OutOfMemory);
    assert!(at - BASE > 3 << 20);
    w.space.munmap(BASE, 16 << 20).unwrap();
    assert_eq!(w.used(), before);
    assert!(AddressSpace::new(w.kernel, Domain::Ring0, 3).is_ok());
}

#[test]
fn a_dropped_space_gives_all_back() {
    let w = world(8);
    let before = w.used();
    let space = AddressSpace::new(w.kernel, Domain::Ring3, 77).unwrap();
    for i in 0..50u64 {
        let at = space.map_anonymous(BASE + (i << 30), 3 * PAGE, RW).unwrap();
        poke(&space, at + PAGE, 1);
    }
    assert!(w.used() > before + 150 * PAGE);
    drop(space);
    assert_eq!(w.used(), before);
}

#[test]
fn prefault_populate_and_locking_make_pages_resident() {
    let w = world(4);
    w.fixed(BASE, 8 * PAGE, RW);
    w.space.prefault(BASE + 10, 2 * PAGE, FaultKind::Write).unwrap();
    assert_eq!(w.space.stats().resident(), 3 * PAGE);
    assert_eq!(w.space.prefault(BASE, 9 * PAGE, FaultKind::Read), Err(MAPERR));
    assert_eq!(w.space.prefault(BASE, u64::MAX, FaultKind::Read), Err(MAPERR));
    let flags = PRIVATE | MapFlags::POPULATE;
    let at = w.space.mmap(MapRequest { addr: 0, len: 4 * PAGE, prot: RW, flags, file: None }).unwrap();
    assert!((0..4).all(|i| w.space.translate(at + i * PAGE).is_some()));
    w.space.munmap(BASE, 8 * PAGE).unwrap();
    w.fixed(BASE, 8 * PAGE, RW);
    w.space.mlock(BASE + 1, PAGE, 0).unwrap();
    assert!(w.space.translate(BASE + PAGE).is_some() && w.space.translate(BASE + 2 * PAGE).is_none());
    assert_eq!(w.space.stats().locked, 2 * PAGE);
    w.space.mlockall(3).unwrap();
    assert!(w.space.translate(BASE + 7 * PAGE).is_some());
    let new = w.anon(PAGE, RW);
    assert!(w.space.translate(new).is_some());
    w.space.munlockall();
    assert_eq!(w.space.stats().locked, 0);
}

#[test]
fn large_pages_serve_large_memory_and_split_when_cut() {
    let w = world(800);
    let before = w.used();
    let large = 2 << 20;
    w.fixed(BASE, 16 << 20, RW);
    w.poke(BASE + 5 * PAGE, 1);
    assert_eq!(w.space.stats().resident_anon, large);
    let (first, _) = w.space.translate(BASE).unwrap();
    let (second, _) = w.space.translate(BASE + large - 1).unwrap();
    assert_eq!((first % large, second - first), (0, large - 1));
    // A hole in the middle.
    w.space.munmap(BASE + 7 * PAGE, PAGE).unwrap();
    assert_eq!(w.peek(BASE + 5 * PAGE), 1);
    assert_eq!(w.space.stats().resident_anon, large - PAGE);
    // Rights of a part.
    w.poke(BASE + large, 2);
    w.space.mprotect(BASE + large, PAGE, 1).unwrap();
    assert_eq!(w.space.handle_fault(BASE + large, FaultKind::Write), Err(ACCERR));
    w.poke(BASE + large + PAGE, 3);
    // Rights of the whole.
    w.poke(BASE + 2 * large, 4);
    w.space.mprotect(BASE + 2 * large, large, 0).unwrap();
    assert_eq!(w.space.translate(BASE + 2 * large), None);
    w.space.mprotect(BASE + 2 * large, large, 3).unwrap();
    assert_eq!(w.peek(BASE + 2 * large), 4);
    // A handle on a part.
    let page = w.space.resolve(BASE + 2 * large + PAGE, FaultKind::Read).unwrap();
    assert_eq!(page.references(), 2);
    drop(page);
    // Moved.
    w.poke(BASE + 3 * large + 3, 6);
    let to = w.space.mremap(BASE + 3 * large, large, large, 3, BASE + (1 << 30) + PAGE).unwrap();
    assert_eq!(w.peek(to + 3), 6);
    // Shared with a child.
    w.poke(BASE + 4 * large, 8);
    let child = w.space.fork().unwrap();
    w.poke(BASE + 4 * large, 9);
    assert_eq!((peek(&child, BASE + 4 * large), w.peek(BASE + 4 * large)), (8, 9));
    drop(child);
    w.space.munmap(BASE, 2 << 30).unwrap();
    assert_eq!((w.used(), w.space.stats().resident()), (before, 0));
}
