//! Host tests over an arena.

use super::*;
use crate::testing::arena;
use core::alloc::{GlobalAlloc, Layout};

/// A small generator of test choices (xorshift).
struct Choices(u64);
impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn every_frame_can_be_had_once_and_blocks_merge_again() {
    let frames = arena(16 << 20);
    let total = frames.free_bytes();
    assert_eq!(total, (16 << 20) - 4 * PAGE_BYTES);
    let mut all = std::collections::BTreeSet::new();
    while let Some(phys) = frames.alloc(0) {
        assert!(all.insert(phys));
    }
    assert_eq!(all.len() as u64 * PAGE_BYTES, total);
    assert_eq!(frames.free_bytes(), 0);
    for phys in &all {
        // SAFETY: allocated above, freed once.
        unsafe { frames.free(*phys, 0) };
    }
    let big: Vec<u64> = core::iter::from_fn(|| frames.alloc(MAX_ORDER)).collect();
    assert_eq!(big.len(), 3, "all but the first 4 MiB, which holds the bookkeeping");
    assert!(big.iter().all(|p| p % (4 << 20) == 0));
}

#[test]
fn tiny_and_ragged_ranges_work_and_hopeless_ones_are_left_out() {
    let memory = std::boxed::Box::leak(vec![0u8; 3 << 20].into_boxed_slice());
    let base = (memory.as_ptr() as u64).next_multiple_of(PAGE_BYTES);
    let frames = std::boxed::Box::leak(std::boxed::Box::new(FrameAllocator::new()));
    assert_eq!(frames.alloc(0), None);
    // "Physical" addresses of a small PC: below 640 KiB, and an odd range above 1 MiB.
    let ranges = [(0, 0x9fc00), (0x10_0123, 0x28_0fff), (0x28_1000, 0x28_2000), (0x28_2800, 0x28_3000)];
    // SAFETY: all ranges lie in the leaked memory.
    unsafe { frames.init(base, &ranges) };
    let total = frames.free_bytes();
    assert_eq!(total, (0x9f - 1 - 1 + (0x280 - 0x101) - 1) * PAGE_BYTES);
    let mut count = 0;
    while let Some(phys) = frames.alloc(0) {
        assert!((0x2000..0x9f000).contains(&phys) || (0x10_2000..0x28_0000).contains(&phys));
        count += 1;
    }
    assert_eq!(count * PAGE_BYTES, total);
}

#[test]
fn huge_memory_costs_nothing_until_used() {
    let frames = FrameAllocator::new();
    // SAFETY: `init` touches nothing, and nothing is allocated.
    unsafe { frames.init(0, &[(0x10_0000, 64 << 30)]) };
    assert!(frames.free_bytes() > 63 << 30);
}

#[test]
fn runs_give_their_tail_back_and_can_be_freed_in_pieces() {
    let frames = arena(8 << 20);
    let before = frames.free_bytes();
    let run = frames.alloc_run(5).unwrap();
    assert_eq!(run % (8 * PAGE_BYTES), 0);
    assert_eq!(frames.free_bytes(), before - 5 * PAGE_BYTES);
    // SAFETY: the run above, once.
    unsafe { frames.free_run(run, 5) };
    assert_eq!(frames.free_bytes(), before);
    assert_eq!(frames.alloc_run(1025), None);
    assert_eq!(frames.alloc_run(0), None);
    let block = Contiguous::zeroed(frames, 3).unwrap();
    assert_eq!((block.len(), block.write(3 * PAGE_SIZE - 2, b"abcd")), (3 * PAGE_SIZE, 2));
    drop(block);
    assert_eq!(frames.free_bytes(), before);
}

#[test]
fn random_blocks_never_overlap() {
    let frames = arena(8 << 20);
    let before = frames.free_bytes();
    let mut choose = Choices(42);
    let mut held: Vec<(u64, usize)> = Vec::new();
    for _ in 0..20_000 {
        if choose.below(2) == 0 || held.is_empty() {
            let order = choose.below(6);
            if let Some(phys) = frames.alloc(order) {
                let end = phys + (PAGE_BYTES << order);
                assert!(held.iter().all(|(p, o)| end <= *p || *p + (PAGE_BYTES << *o) <= phys));
                held.push((phys, order));
            }
        } else {
            let (phys, order) = held.swap_remove(choose.below(held.len()));
            // SAFETY: taken above, freed once.
            unsafe { frames.free(phys, order) };
        }
    }
    for (phys, order) in held {
        // SAFETY: as above.
        unsafe { frames.free(phys, order) };
    }
    assert_eq!(frames.free_bytes(), before);
}

#[test]
fn pages_are_counted_zeroed_and_bounded() {
    let frames = arena(4 << 20);
    let before = frames.free_bytes();
    let page = Page::zeroed(frames).unwrap();
    let other = page.clone();
    assert_eq!(page.references(), 2);
    let mut buf = [1; 8];
    assert_eq!(page.read(0, &mut buf), 8);
    assert_eq!(buf, [0; 8]);
    assert_eq!(page.write(4090, b"0123456789"), 6);
    assert_eq!(other.read(4092, &mut buf), 4);
    assert_eq!(&buf[..4], b"2345");
    assert_eq!(page.read(5000, &mut buf), 0);
    other.fill_zero(4090, 100);
    assert_eq!(page.put_into(4090, 100, |b| b.to_vec()), [0; 6]);
    page.fill_with(1, 2, |b| b.copy_from_slice(b"xy"));
    let copy = page.duplicate().unwrap();
    assert_eq!(copy.put_into(0, 4, |b| b.to_vec()), b"\0xy\0");
    drop((page, copy));
    assert_eq!(other.references(), 1);
    drop(other);
    assert_eq!(frames.free_bytes(), before);
}

#[repr(align(4096))]
struct Aligned([u8; 8192]);
static ARCHIVE: Aligned = Aligned([7; 8192]);

#[test]
fn foreign_pages_are_shared_never_written_never_freed() {
    let frames = arena(4 << 20);
    let page = Page::foreign(frames, &ARCHIVE.0[4096..]).unwrap();
    assert!(page.is_foreign() && page.references() > 1);
    assert_eq!(page.write(0, b"no"), 0);
    assert_eq!(page.duplicate().unwrap().put_into(0, 2, |b| b.to_vec()), [7, 7]);
    assert!(Page::foreign(frames, &ARCHIVE.0[16..4112]).is_none());
    assert!(Page::foreign(frames, &ARCHIVE.0[..4000]).is_none());
    let before = frames.free_bytes();
    drop(page);
    assert_eq!(frames.free_bytes(), before);
}

#[test]
fn shared_memory_comes_on_touch_and_ends_at_its_size() {
    let frames = arena(4 << 20);
    let object = AnonObject::new(frames, 10_000);
    assert!(object.resident(2).is_none());
    object.page(2, PageAccess::Write).unwrap().write(0, b"hi");
    assert_eq!(object.page(2, PageAccess::Read).unwrap().put_into(0, 2, |b| b.to_vec()), b"hi");
    assert_eq!(object.page(3, PageAccess::Read).unwrap_err(), uapi::Errno::ENXIO);
}

fn check_alignment(heap: &KernelHeap, size: usize, align: usize) {
    let layout = Layout::from_size_align(size, align).unwrap();
    // SAFETY: freed with the same layout.
    unsafe {
        let p = heap.alloc(layout);
        assert!(!p.is_null() && (p as usize).is_multiple_of(align), "{size} {align}");
        heap.dealloc(p, layout);
    }
}

#[test]
fn heap_objects_are_aligned_and_oversized_ones_refused() {
    let heap = KernelHeap::new();
    // SAFETY: the pointer is not used.
    assert!(unsafe { heap.alloc(Layout::new::<u64>()) }.is_null());
    heap.init(arena(16 << 20));
    for size in [1, 8, 15, 16, 17, 48, 50, 100, 700, 1024, 1300, 2000, 2048, 2049, 4096, 5000, 100_000] {
        for align in [1, 16, 32, 64, 256, 1024, 2048, 4096, 16384] {
            check_alignment(&heap, size, align);
        }
    }
    // SAFETY: the pointer is not used.
    assert!(unsafe { heap.alloc(Layout::from_size_align(5 << 20, 8).unwrap()) }.is_null());
}

#[test]
fn heap_survives_stress_and_gives_memory_back() {
    let frames = arena(16 << 20);
    let heap = KernelHeap::new();
    heap.init(frames);
    let before = frames.free_bytes();
    let mut choose = Choices(7);
    let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
    for round in 0..60_000u32 {
        match choose.below(5) {
            0..=1 => {
                let limit = [40, 300, 3000, 20_000][choose.below(4)];
                let size = 1 + choose.below(limit);
                let layout = Layout::from_size_align(size, 1 << choose.below(5)).unwrap();
                // SAFETY: non-zero size; filled within its bounds.
                unsafe {
                    let p = heap.alloc(layout);
                    assert!(!p.is_null());
                    p.write_bytes(round as u8, size);
                    held.push((p, layout, round as u8));
                }
            }
            2 if !held.is_empty() => {
                let i = choose.below(held.len());
                let (p, layout, fill) = held[i];
                let size = 1 + choose.below(5000);
                // SAFETY: `p` was allocated with `layout`; its new size is recorded.
                unsafe {
                    let moved = heap.realloc(p, layout, size);
                    assert!((0..layout.size().min(size)).all(|at| moved.add(at).read() == fill));
                    moved.write_bytes(fill, size);
                    held[i] = (moved, Layout::from_size_align(size, layout.align()).unwrap(), fill);
                }
            }
            _ if !held.is_empty() => {
                let (p, layout, fill) = held.swap_remove(choose.below(held.len()));
                // SAFETY: allocated with `layout`, freed once.
                unsafe {
                    assert!((0..layout.size()).all(|at| p.add(at).read() == fill));
                    heap.dealloc(p, layout);
                }
            }
            _ => {}
        }
    }
    for (p, layout, _) in held {
        // SAFETY: as above.
        unsafe { heap.dealloc(p, layout) };
    }
    let kept = (before - frames.free_bytes()) / PAGE_BYTES;
    assert!(kept <= 14, "one empty slab per class at most, but {kept} frames are kept");
}
