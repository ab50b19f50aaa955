//! Which memory belongs to the frame allocator, and the kernel heap on top of it.

use arch_x86_64::{DIRECT_MAP, boot};
use core::alloc::{GlobalAlloc, Layout};
use frame::{FrameAllocator, KernelHeap};
use plat_pc::pvh::BootInfo;

/// All physical memory.
pub static FRAMES: FrameAllocator = FrameAllocator::new();

/// The kernel heap. Out of memory is the end of the machine, with a name: nothing in the kernel could go on.
struct Heap(KernelHeap);

#[global_allocator]
static HEAP: Heap = Heap(KernelHeap::new());

// SAFETY: all three pass straight on to the kernel heap, which keeps GlobalAlloc's contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the heap's.
        let block = unsafe { self.0.alloc(layout) };
        if block.is_null() {
            crate::end::out_of_memory(format_args!("the kernel needs {} bytes, {} are free", layout.size(), FRAMES.free_bytes()));
        }
        block
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let block = unsafe { self.0.realloc(block, layout, size) };
        if block.is_null() {
            crate::end::out_of_memory(format_args!("the kernel needs {size} bytes, {} are free", FRAMES.free_bytes()));
        }
        block
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) };
    }
}

const MAX_RANGES: usize = 16;

/// Free memory: a few (start, end) ranges.
struct Ranges {
    list: [(u64, u64); MAX_RANGES],
    len: usize,
}

impl Ranges {
    fn push(&mut self, start: u64, end: u64) {
        if start < end && self.len < MAX_RANGES {
            self.list[self.len] = (start, end);
            self.len += 1;
        }
    }

    /// Takes `[start, end)`, widened to whole pages, out of every range.
    fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (start, end) = (start & !4095, (end + 4095) & !4095);
        let old = core::mem::replace(self, Ranges { list: [(0, 0); MAX_RANGES], len: 0 });
        for (low, high) in &old.list[..old.len] {
            self.push(*low, (*high).min(start));
            self.push((*low).max(end), *high);
        }
    }
}

/// Hands all memory but the kernel, what is attached to it, the initrd and the boot information to the frame allocator, and starts the heap.
pub fn init(info: &BootInfo) {
    let mut ranges = Ranges { list: [(0, 0); MAX_RANGES], len: 0 };
    // Without 1 GiB pages the direct map ends at 4 GiB.
    let reach = if arch_x86_64::cpu::cpuid(0x8000_0001, 0).edx & (1 << 26) != 0 { 1 << 39 } else { 1 << 32 };
    for (start, end) in info.memory() {
        ranges.push((start + 4095) & !4095, end.min(reach) & !4095);
    }
    // Page 0 holds what firmware left, and no frame may have the address that means "none".
    ranges.remove(0, 4096);
    // Where other CPUs begin.
    #[cfg(feature = "smp")]
    ranges.remove(arch_x86_64::smp::TRAMPOLINE, arch_x86_64::smp::TRAMPOLINE + 4096);
    let (start, end) = boot::image_range();
    ranges.remove(start, end);
    let (start, end) = crate::attached::range();
    ranges.remove(start, end);
    if let Some((start, bytes)) = info.initrd() {
        ranges.remove(start, start + bytes.len() as u64);
    }
    for (start, end) in info.own_ranges() {
        ranges.remove(start, end);
    }
    // SAFETY: usable memory by the hypervisor's word, without everything that is in use; all of it is in the direct map.
    unsafe { FRAMES.init(DIRECT_MAP, &ranges.list[..ranges.len]) };
    HEAP.0.init(&FRAMES);
}
