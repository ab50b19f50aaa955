//! Copies of a space.

use super::*;

const BASE: u64 = 0x10_0000_0000;

#[test]
fn private_memory_parts_ways_on_write_and_shared_memory_does_not() {
    let w = world(8);
    w.fixed(BASE, 4 * PAGE, RW);
    for page in 0..3 {
        w.poke(BASE + page * PAGE, 10 + page as u8);
    }
    let shared = w.space.mmap(MapRequest { addr: 0, len: PAGE, prot: RW, flags: SHARED, file: None }).unwrap();
    w.poke(shared, 1);
    w.flushes();
    let child = w.space.fork().unwrap();
    assert_eq!(w.flushes(), (3, 0));
    assert_eq!(maps(&child), maps(&w.space));
    w.poke(BASE, 50);
    poke(&child, BASE + PAGE, 60);
    poke(&child, shared, 70);
    assert_eq!([0, 1, 2].map(|i| w.peek(BASE + i * PAGE)), [50, 11, 12]);
    assert_eq!([0, 1, 2].map(|i| peek(&child, BASE + i * PAGE)), [10, 60, 12]);
    assert_eq!(w.peek(shared), 70);
    // mprotect must not make a shared page writable.
    w.space.mprotect(BASE, 4 * PAGE, 1).unwrap();
    w.space.mprotect(BASE, 4 * PAGE, 3).unwrap();
    w.poke(BASE + 2 * PAGE, 99);
    assert_eq!(peek(&child, BASE + 2 * PAGE), 12);
    // The last owner writes without a copy.
    let used = w.used();
    poke(&child, BASE + 2 * PAGE, 13);
    assert_eq!(w.used(), used);
}

#[test]
fn dontfork_and_wipeonfork_are_honoured_and_locks_are_not_inherited() {
    let w = world(8);
    w.fixed(BASE, 4 * PAGE, RW);
    for page in 0..4 {
        w.poke(BASE + page * PAGE, 1);
    }
    w.space.madvise(BASE, PAGE, 10).unwrap();
    w.space.madvise(BASE + PAGE, PAGE, 18).unwrap();
    w.space.mlock(BASE + 2 * PAGE, PAGE, 0).unwrap();
    let child = w.space.fork().unwrap();
    assert_eq!(child.handle_fault(BASE, FaultKind::Read), Err(MAPERR));
    assert_eq!((peek(&child, BASE + PAGE), peek(&child, BASE + 2 * PAGE)), (0, 1));
    assert_eq!(child.stats().locked, 0);
}

#[test]
fn a_fork_that_runs_out_of_memory_leaves_nothing() {
    let w = world(8);
    w.fixed(BASE, 4 << 20, RW);
    for page in 0..600 {
        w.poke(BASE + page * PAGE, 1);
    }
    let hog: Vec<Page> = std::iter::from_fn(|| Page::uninit(w.frames)).collect();
    drop(hog.into_iter().take(3).collect::<Vec<_>>());
    let hog: Vec<Page> = std::iter::from_fn(|| Page::uninit(w.frames)).skip(3).collect();
    let before = w.used();
    if w.frames.free_bytes() < 5 * PAGE {
        assert_eq!(w.space.fork().err(), Some(uapi::Errno::ENOMEM));
        assert_eq!(w.used(), before);
    }
    drop(hog);
    w.poke(BASE, 2);
    let child = w.space.fork().unwrap();
    w.poke(BASE, 3);
    assert_eq!(peek(&child, BASE), 2);
}
