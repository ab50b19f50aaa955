//! Stacks, the kernel's pages, kernel mappings.

use super::*;

#[test]
fn the_stack_grows_to_its_limit_and_keeps_its_guard() {
    let w = world(4);
    let top = w.space.map_stack(RW).unwrap();
    let first = w.space.vma_from(top - 1).unwrap();
    assert_eq!((first.end, first.name.as_bytes(), first.grows_down), (top, &b"[stack]"[..], true));
    w.poke(top - 8, 1);
    w.poke(top - (1 << 20), 2);
    assert_eq!(w.space.vma_from(top - 1).unwrap().start, top - (1 << 20));
    assert_eq!(w.space.handle_fault(top - (8 << 20) - 1, FaultKind::Write), Err(MAPERR));
    w.space.set_limit(Limit::Stack, 16 << 20);
    w.poke(top - (9 << 20), 3);
    // A mapping below: the last 1 MiB before it stays free.
    w.fixed(top - (12 << 20), PAGE, RW);
    assert_eq!(w.space.handle_fault(top - (12 << 20) + 2 * PAGE, FaultKind::Write), Err(MAPERR));
    w.poke(top - (10 << 20), 4);
    assert_eq!(w.space.stats().stack, 10 << 20);
}

#[test]
fn growing_mappings_grow_and_can_be_protected_from_their_start() {
    let w = world(4);
    let at = 0x10_0000_0000;
    let flags = PRIVATE | MapFlags::GROWSDOWN | MapFlags::FIXED;
    w.space.mmap(MapRequest { addr: at, len: 2 * PAGE, prot: RW, flags, file: None }).unwrap();
    w.poke(at - 1, 1);
    w.space.mprotect(at, PAGE, 0x0100_0007).unwrap();
    assert_eq!(maps(&w.space)[0], (at - PAGE, at + PAGE, Prot::all()));
}

#[test]
fn special_pages_are_the_kernels_own() {
    let w = world(4);
    let page = Page::zeroed(w.frames).unwrap();
    let at = w.space.find_special(PAGE).unwrap();
    w.space.map_special(at, std::slice::from_ref(&page), Prot::READ | Prot::EXEC, b"[vdso]").unwrap();
    assert_eq!(w.space.map_special(at, &[], Prot::READ, b""), Ok(()), "no pages, nothing to do");
    assert_eq!(w.space.map_special(at, std::slice::from_ref(&page), Prot::READ, b"x"), Err(uapi::Errno::EEXIST));
    page.write(0, &[42]);
    assert_eq!(w.peek(at), 42);
    assert_eq!(w.space.translate(at).unwrap().1, Prot::READ | Prot::EXEC);
    let info = w.space.vma_from(at).unwrap();
    assert_eq!((info.name.as_bytes(), info.shared), (&b"[vdso]"[..], false));
    assert_eq!(w.space.mprotect(at, PAGE, 3), Err(uapi::Errno::EACCES));
    w.space.munmap(at, PAGE).unwrap();
    assert_eq!(page.references(), 1);
}

#[test]
fn layouts_differ_by_seed_and_keep_apart() {
    let w = world(8);
    let mut tops = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let space = AddressSpace::new(w.kernel, Domain::Ring0, seed).unwrap();
        let top = space.map_stack(RW).unwrap();
        assert!(top <= USER_END && top > USER_END - (17 << 30));
        let anon = space.mmap(MapRequest { addr: 0, len: PAGE, prot: RW, flags: PRIVATE, file: None }).unwrap();
        assert!(anon < top - (1 << 30));
        assert!(space.pie_base().is_multiple_of(PAGE) && space.pie_base() < anon);
        tops.insert(top);
    }
    assert!(tops.len() > 45);
}

#[test]
fn kernel_stacks_have_guards_and_come_back() {
    let w = world(4);
    let warm: Vec<_> = (0..3).map(|_| w.kernel.alloc_stack(16 << 10).unwrap()).collect();
    drop(warm);
    let used = w.used();
    let stack = w.kernel.alloc_stack(16 << 10).unwrap();
    assert_eq!((stack.top() - stack.bottom(), stack.top() % PAGE), (16 << 10, 0));
    assert!(stack.bottom() >= 0xffff_c000_0000_1000);
    let others: Vec<_> = (0..10).map(|_| w.kernel.alloc_stack(16 << 10).unwrap()).collect();
    let mut all: Vec<u64> = others.iter().chain([&stack]).map(KernelStack::bottom).collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|p| p[1] - p[0] > 16 << 10), "a page lies between stacks");
    drop((stack, others));
    assert!(w.used() <= used);
    // Out of memory: an error, and nothing lost.
    let mut held = Vec::new();
    while let Ok(stack) = w.kernel.alloc_stack(64 << 10) {
        held.push(stack);
    }
    let free = w.frames.free_bytes();
    assert!(w.kernel.alloc_stack(64 << 10).is_err());
    assert_eq!(w.frames.free_bytes(), free);
}

#[test]
fn device_registers_are_mapped_at_their_offset() {
    let w = world(4);
    let at = w.kernel.map_device(0xfeb0_0e10, 0x200).unwrap();
    assert_eq!(at % PAGE, 0xe10);
    assert_ne!(w.kernel.map_device(0xfeb0_0e10, 0x200).unwrap(), at);
}
