//! mmap, munmap, mprotect, brk, mremap: what is where.

use super::*;
use uapi::Errno;

const BASE: u64 = 0x10_0000_0000;

fn request(addr: u64, len: u64, flags: MapFlags) -> MapRequest {
    MapRequest { addr, len, prot: RW, flags, file: None }
}

#[test]
fn bad_arguments_get_linux_errors() {
    let w = world(4);
    let space = &w.space;
    assert_eq!(space.mmap(request(0, 0, PRIVATE)), Err(Errno::EINVAL));
    assert_eq!(space.mmap(request(0, u64::MAX, PRIVATE)), Err(Errno::ENOMEM));
    assert_eq!(space.mmap(request(0, 1 << 47, PRIVATE)), Err(Errno::ENOMEM));
    assert_eq!(space.mmap(request(BASE + 1, PAGE, PRIVATE | MapFlags::FIXED)), Err(Errno::EINVAL));
    assert_eq!(space.mmap(request(0, PAGE, PRIVATE | MapFlags::FIXED)), Err(Errno::EPERM));
    assert_eq!(space.mmap(request(USER_END, PAGE, PRIVATE | MapFlags::FIXED)), Err(Errno::ENOMEM));
    assert_eq!(space.mmap(request(0, PAGE, PRIVATE | MapFlags::HUGETLB)), Err(Errno::ENOMEM));
    assert_eq!(space.mmap(request(0, PAGE, MapFlags::PRIVATE)), Err(Errno::EBADF));
    assert_eq!(space.munmap(BASE + 1, PAGE), Err(Errno::EINVAL));
    assert_eq!(space.munmap(BASE, 0), Err(Errno::EINVAL));
    assert_eq!(space.munmap(BASE, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(space.mprotect(BASE, PAGE, 1), Err(Errno::ENOMEM));
    assert_eq!(space.mprotect(BASE, PAGE, 0x40), Err(Errno::EINVAL));
    assert_eq!(MapFlags::from_mmap(0x20), Err(Errno::EINVAL));
    assert_eq!(MapFlags::from_mmap(0x0400_0023), Err(Errno::EOPNOTSUPP));
    assert_eq!(MapFlags::from_mmap(0x23), Ok(MapFlags::SHARED | MapFlags::ANONYMOUS));
    assert!(MapFlags::from_mmap(0x0400_0022).is_ok());
}

#[test]
fn neighbours_join_and_split() {
    let w = world(4);
    w.fixed(BASE, 4 * PAGE, RW);
    w.fixed(BASE + 4 * PAGE, 4 * PAGE, RW);
    assert_eq!(maps(&w.space), [(BASE, BASE + 8 * PAGE, RW)]);
    w.space.munmap(BASE + 2 * PAGE, PAGE).unwrap();
    assert_eq!(maps(&w.space), [(BASE, BASE + 2 * PAGE, RW), (BASE + 3 * PAGE, BASE + 8 * PAGE, RW)]);
    w.fixed(BASE + 2 * PAGE, PAGE, RW);
    assert_eq!(maps(&w.space).len(), 1);
    w.space.mprotect(BASE + PAGE, 2 * PAGE, 1).unwrap();
    assert_eq!(maps(&w.space).len(), 3);
    w.space.mprotect(BASE, 8 * PAGE, 3).unwrap();
    assert_eq!(maps(&w.space), [(BASE, BASE + 8 * PAGE, RW)]);
    // Unmapping what is not mapped is fine.
    w.space.munmap(BASE - 4 * PAGE, 20 * PAGE).unwrap();
    assert_eq!((maps(&w.space).len(), w.space.stats().size), (0, 0));
}

#[test]
fn mprotect_changes_what_comes_before_the_first_refusal() {
    let w = world(4);
    w.fixed(BASE, 4 * PAGE, RW);
    w.space.munmap(BASE + 2 * PAGE, PAGE).unwrap();
    assert_eq!(w.space.mprotect(BASE + PAGE, 3 * PAGE, 1), Err(Errno::ENOMEM));
    assert_eq!(
        maps(&w.space),
        [(BASE, BASE + PAGE, RW), (BASE + PAGE, BASE + 2 * PAGE, Prot::READ), (BASE + 3 * PAGE, BASE + 4 * PAGE, RW)]
    );
    assert_eq!(w.space.mprotect(BASE + 2 * PAGE, 2 * PAGE, 1), Err(Errno::ENOMEM));
    assert_eq!(maps(&w.space).len(), 3);
}

#[test]
fn placement_is_top_down_fills_gaps_and_honours_hints() {
    let w = world(4);
    let a = w.anon(PAGE, RW);
    let b = w.anon(PAGE, Prot::READ);
    let c = w.anon(PAGE, RW);
    assert_eq!((b, c), (a - PAGE, b - PAGE));
    w.space.munmap(b, PAGE).unwrap();
    assert_eq!(w.anon(PAGE, RW), b);
    let hinted = w.space.mmap(request(BASE + 5, PAGE, PRIVATE)).unwrap();
    assert_eq!(hinted, BASE);
    assert_ne!(w.space.mmap(request(BASE, PAGE, PRIVATE)).unwrap(), BASE);
    assert_eq!(w.space.mmap(request(BASE, PAGE, PRIVATE | MapFlags::FIXED_NOREPLACE)), Err(Errno::EEXIST));
    let low = w.space.mmap(request(0, PAGE, PRIVATE | MapFlags::LOW_2G)).unwrap();
    assert!(low + PAGE <= 0x8000_0000);
    assert_eq!(w.anon(8 << 20, RW) % (2 << 20), 0);
}

#[test]
fn a_reservation_of_8_tib_costs_a_few_frames_at_most() {
    let w = world(4);
    let before = w.used();
    let at = w.anon(8 << 40, Prot::empty());
    assert_eq!(w.used(), before);
    assert_eq!(w.space.handle_fault(at + (4 << 40), FaultKind::Read), Err(ACCERR));
    w.fixed(at + (4 << 40), 2 * PAGE, RW);
    w.poke(at + (4 << 40), 1);
    w.space.munmap(at, 8 << 40).unwrap();
    assert_eq!(w.used(), before, "frames and tables are given back");
    assert_eq!(w.space.stats().peak, 8 << 40);
}

#[test]
fn limits_are_kept() {
    let w = world(4);
    w.space.set_limit(Limit::AddressSpace, 16 * PAGE);
    assert_eq!(w.space.mmap(request(0, 17 * PAGE, PRIVATE)), Err(Errno::ENOMEM));
    w.fixed(BASE, 16 * PAGE, RW);
    w.fixed(BASE, 16 * PAGE, Prot::READ);
    w.space.set_limit(Limit::AddressSpace, u64::MAX);
    w.space.set_limit(Limit::Data, 4 * PAGE);
    assert_eq!(w.space.mprotect(BASE, 8 * PAGE, 3), Err(Errno::ENOMEM));
    w.space.mprotect(BASE, 4 * PAGE, 3).unwrap();
    w.space.set_limit(Limit::Locked, PAGE);
    assert_eq!(w.space.mmap(request(0, 2 * PAGE, SHARED | MapFlags::LOCKED)), Err(Errno::EAGAIN));
    assert_eq!(w.space.mlock(BASE, 2 * PAGE, 0), Err(Errno::ENOMEM));
}

#[test]
fn the_break_moves_both_ways_and_never_over_a_mapping() {
    let w = world(4);
    w.space.set_program_end(0x40_1234);
    let start = w.space.brk(0);
    assert!(start >= 0x40_2000 && start.is_multiple_of(PAGE));
    assert_eq!(w.space.brk(start + 100), start + 100);
    w.poke(start + 50, 9);
    assert_eq!(w.space.brk(start + 3 * PAGE + 1), start + 3 * PAGE + 1);
    assert_eq!(w.peek(start + 50), 9);
    let heap = w.space.vma_from(start).unwrap();
    assert_eq!((heap.start, heap.end, heap.name.as_bytes()), (start, start + 4 * PAGE, &b"[heap]"[..]));
    assert_eq!(w.space.brk(start), start);
    assert_eq!(maps(&w.space).len(), 0);
    assert_eq!(w.space.brk(start - 1), start);
    w.fixed(start + 8 * PAGE, PAGE, RW);
    assert_eq!(w.space.brk(start + 9 * PAGE), start);
    assert_eq!(w.space.brk(u64::MAX), start);
    w.space.brk(start + PAGE);
    assert_eq!(w.peek(start + 50), 0, "memory that comes back is zero");
}

#[test]
fn pages_that_move_within_one_table_stay() {
    let w = world(4);
    // Nothing else is mapped in these 2 MiB: the old place going must not take the table with it.
    w.fixed(BASE, 2 * PAGE, RW);
    w.poke(BASE + PAGE, 7);
    assert_eq!(w.space.mremap(BASE, 2 * PAGE, 2 * PAGE, 3, BASE + 8 * PAGE), Ok(BASE + 8 * PAGE));
    assert_eq!((w.peek(BASE + 9 * PAGE), maps(&w.space)), (7, vec![(BASE + 8 * PAGE, BASE + 10 * PAGE, RW)]));
}

#[test]
fn mremap_grows_in_place_moves_and_shrinks() {
    let w = world(4);
    w.fixed(BASE, 2 * PAGE, RW);
    w.poke(BASE, 1);
    w.poke(BASE + PAGE, 2);
    let mremap = |old, old_len, new_len, flags, new| w.space.mremap(old, old_len, new_len, flags, new);
    assert_eq!(mremap(BASE, 2 * PAGE, 4 * PAGE, 0, 0), Ok(BASE));
    w.fixed(BASE + 4 * PAGE, PAGE, Prot::READ);
    assert_eq!(mremap(BASE, 4 * PAGE, 8 * PAGE, 0, 0), Err(Errno::ENOMEM));
    let tables = w.used();
    let moved = mremap(BASE, 4 * PAGE, 8 * PAGE, 1, 0).unwrap();
    assert_ne!(moved, BASE);
    assert_eq!((w.peek(moved), w.peek(moved + PAGE), w.peek(moved + 2 * PAGE)), (1, 2, 0));
    assert_eq!(w.space.handle_fault(BASE, FaultKind::Read), Err(MAPERR));
    assert!(w.used() <= tables + 5 * PAGE, "pages move, they are not copied");
    assert_eq!(mremap(moved, 8 * PAGE, PAGE, 0, 0), Ok(moved));
    assert_eq!(w.space.handle_fault(moved + PAGE, FaultKind::Read), Err(MAPERR));
    assert_eq!(mremap(moved, PAGE, PAGE, 3, BASE + 4 * PAGE), Ok(BASE + 4 * PAGE));
    assert_eq!(w.peek(BASE + 4 * PAGE), 1);
    // DONTUNMAP: the pages go, the mapping stays.
    let again = mremap(BASE + 4 * PAGE, PAGE, PAGE, 5, 0).unwrap();
    assert_eq!((w.peek(again), w.peek(BASE + 4 * PAGE)), (1, 0));
    for (old, old_len, new_len, flags, new, error) in [
        (BASE + 1, PAGE, PAGE, 0, 0, Errno::EINVAL),
        (BASE, PAGE, 0, 0, 0, Errno::EINVAL),
        (BASE, PAGE, PAGE, 2, 0, Errno::EINVAL),
        (BASE, PAGE, PAGE, 8, 0, Errno::EINVAL),
        (BASE, PAGE, 2 * PAGE, 5, 0, Errno::EINVAL),
        (BASE + 4 * PAGE, PAGE, PAGE, 3, BASE + 4 * PAGE, Errno::EINVAL),
        (BASE + 4 * PAGE, 0, PAGE, 1, 0, Errno::EINVAL),
        (BASE + 9 * PAGE, PAGE, PAGE, 0, 0, Errno::EFAULT),
        (BASE + 4 * PAGE, 2 * PAGE, 4 * PAGE, 1, 0, Errno::EFAULT),
    ] {
        assert_eq!(mremap(old, old_len, new_len, flags, new), Err(error), "{old:#x} {old_len:#x} {new_len:#x} {flags}");
    }
}

#[test]
fn too_many_mappings_are_refused() {
    let w = world(4);
    for i in 0..32765 {
        w.fixed(BASE + 2 * i * PAGE, PAGE, if i % 2 == 0 { RW } else { Prot::READ });
    }
    w.fixed(BASE - (1 << 30), 65536 * PAGE, RW);
    for i in 0..32764 {
        w.space.munmap(BASE - (1 << 30) + (2 * i + 1) * PAGE, PAGE).unwrap();
    }
    assert_eq!(w.space.munmap(BASE - (1 << 30) + 65533 * PAGE, PAGE), Err(Errno::ENOMEM));
    assert_eq!(w.space.mmap(request(0, PAGE, PRIVATE)), Err(Errno::ENOMEM));
}

/// The highest place that holds `len` bytes below `base`, by looking at every mapping.
fn highest_gap(space: &AddressSpace, base: u64, len: u64) -> u64 {
    let mut top = base;
    for (start, end, _) in maps(space).into_iter().rev().filter(|m| m.0 < base) {
        if top - end >= len {
            break;
        }
        top = start;
    }
    top - len
}

#[test]
fn the_remembered_search_finds_the_same_gaps_as_a_full_one() {
    let w = world(4);
    let base = w.anon(PAGE, RW) + PAGE;
    let mut state = 88_172_645_463_325_252u64;
    let mut below = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut held: Vec<(u64, u64)> = Vec::new();
    for _ in 0..4000 {
        if below(5) < 3 || held.is_empty() {
            let len = (1 + below(8) * below(8)) * PAGE;
            let expected = highest_gap(&w.space, base, len);
            let at = w.anon(len, if below(2) == 0 { RW } else { Prot::READ });
            assert_eq!(at, expected);
            held.push((at, len));
        } else {
            let (at, len) = held.swap_remove(below(held.len() as u64) as usize);
            let cut = below(len / PAGE) * PAGE;
            w.space.munmap(at + cut, len - cut).unwrap();
            if cut > 0 {
                held.push((at, cut));
            }
        }
    }
}
