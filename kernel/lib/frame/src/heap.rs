//! The kernel heap: slabs of small objects in single frames, larger ones in runs of frames.
//!
//! A slab has no header; objects start at its first byte, so that powers of two are aligned to themselves. All it needs is in the frame's word:
//! ```text
//! 31    30     26..29  17..25         8..15          0..7
//! FREE=0 SLAB=1 class   objects in use  first free/16  anchor/16
//! ```
//! Free objects form a chain, each holding in its first byte where the next one is. The last in the chain, the *anchor*, holds instead the
//! links of the list of slabs with free objects: it is the one taken last, and exactly then the slab leaves that list.

use crate::allocator::{FrameAllocator, order_of};
use crate::meta::SLAB;
use crate::{PAGE_BYTES, PAGE_SIZE};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use core::sync::atomic::Ordering;
use spin::Once;
use spinlock::Mutex;

/// Object sizes in bytes; 1360 is a third of a page. Each slab wastes less than an object.
const SIZES: [u16; 14] = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048];
/// Largest object that lives in a slab.
const MAX_SMALL: usize = 2048;
/// Class for each size in steps of 16 bytes, rounded up.
const CLASS_OF: [u8; MAX_SMALL / 16 + 1] = class_table();

const fn class_table() -> [u8; MAX_SMALL / 16 + 1] {
    let mut table = [0; MAX_SMALL / 16 + 1];
    let mut units = 0;
    let mut class = 0;
    while units < table.len() {
        if units * 16 > SIZES[class as usize] as usize {
            class += 1;
        }
        table[units] = class;
        units += 1;
    }
    table
}

/// A slab's word, unpacked.
#[derive(Clone, Copy)]
struct Slab {
    class: usize,
    used: usize,
    /// Offset of the first free object; meaningless when all are in use.
    head: usize,
    /// Offset of the free object with the list links; meaningless when all are in use.
    anchor: usize,
}

impl Slab {
    fn unpack(word: u32) -> Slab {
        let field = |shift: u32, bits: u32| (word >> shift & ((1 << bits) - 1)) as usize;
        Slab { class: field(26, 4), used: field(17, 9), head: field(8, 8) * 16, anchor: field(0, 8) * 16 }
    }
    fn pack(self) -> u32 {
        SLAB | (self.class as u32) << 26 | (self.used as u32) << 17 | (self.head as u32 / 16) << 8 | (self.anchor as u32 / 16)
    }
    fn size(self) -> usize {
        SIZES[self.class] as usize
    }
    fn capacity(self) -> usize {
        PAGE_SIZE / self.size()
    }
}

/// Physical addresses of the first slab with free objects, per class; 0 is none.
struct Partial([u64; SIZES.len()]);

/// The global allocator: `#[global_allocator] static HEAP: KernelHeap = KernelHeap::new();`. Every allocation fails until [`init`](Self::init).
pub struct KernelHeap {
    frames: Once<&'static FrameAllocator>,
    partial: Mutex<Partial>,
}

// Which is why every class will do for an alignment of 16.
const _: () = {
    let mut class = 0;
    while class < SIZES.len() {
        assert!(SIZES[class].is_multiple_of(16));
        class += 1;
    }
};

/// Where an allocation of some layout lives.
enum Place {
    /// In a slab of this class.
    Small(usize),
    /// In that many frames.
    Frames(usize),
}

fn place(layout: Layout) -> Option<Place> {
    if layout.size() <= MAX_SMALL && layout.align() <= MAX_SMALL {
        let first = CLASS_OF[layout.size().div_ceil(16)] as usize;
        if layout.align() <= 16 {
            return Some(Place::Small(first));
        }
        if let Some(class) = (first..SIZES.len()).find(|c| (SIZES[*c] as usize).is_multiple_of(layout.align())) {
            return Some(Place::Small(class));
        }
    }
    // A run is aligned to its length rounded up to a power of two; a stricter alignment takes a longer run.
    let pages = layout.size().div_ceil(PAGE_SIZE).max(1);
    let align = layout.align() / PAGE_SIZE;
    let pages = if align > pages.next_power_of_two() { align } else { pages };
    order_of(pages).map(|_| Place::Frames(pages))
}

impl KernelHeap {
    /// A heap without memory.
    pub const fn new() -> Self {
        Self { frames: Once::new(), partial: Mutex::new(Partial([0; SIZES.len()])) }
    }

    /// Lets the heap take frames from here. The second call does nothing.
    pub fn init(&self, frames: &'static FrameAllocator) {
        self.frames.call_once(|| frames);
    }

    fn alloc_small(&self, frames: &'static FrameAllocator, class: usize) -> *mut u8 {
        let mut partial = self.partial.lock();
        let mut page = partial.0[class];
        if page == 0 {
            page = match new_slab(frames, class) {
                Some(page) => page,
                None => return ptr::null_mut(),
            };
            partial.0[class] = page;
        }
        let Some(word) = frames.count(page) else { return ptr::null_mut() };
        let mut slab = Slab::unpack(word.load(Ordering::Relaxed));
        let object = frames.virt(page).wrapping_add(slab.head);
        slab.used += 1;
        if slab.head == slab.anchor {
            unlink(frames, &mut partial, page, slab);
        } else {
            // SAFETY: a free object that is not the anchor holds the chain in its first byte.
            slab.head = unsafe { object.read() } as usize * 16;
        }
        word.store(slab.pack(), Ordering::Relaxed);
        object
    }

    /// # Safety
    /// `object` came from `alloc_small` and is freed once.
    unsafe fn free_small(&self, frames: &'static FrameAllocator, object: *mut u8) {
        let phys = frames.phys(object);
        let (page, offset) = (phys & !(PAGE_BYTES - 1), (phys % PAGE_BYTES) as usize);
        let mut partial = self.partial.lock();
        let Some(word) = frames.count(page) else { return };
        let mut slab = Slab::unpack(word.load(Ordering::Relaxed));
        if slab.used == slab.capacity() {
            (slab.head, slab.anchor) = (offset, offset);
            word.store(slab.pack(), Ordering::Relaxed);
            link(frames, &mut partial, page, slab);
        } else {
            // SAFETY: the object is free now; its first byte is the chain.
            unsafe { object.write((slab.head / 16) as u8) };
            slab.head = offset;
        }
        slab.used -= 1;
        word.store(slab.pack(), Ordering::Relaxed);
        // An empty slab goes back, unless it is the only one of its class with room: the next allocation would take it again.
        if slab.used == 0 && links(frames, page, slab) != (0, 0) {
            unlink(frames, &mut partial, page, slab);
            // SAFETY: no object of the slab is in use and no list names it.
            unsafe { frames.free(page, 0) };
        }
    }
}

impl Default for KernelHeap {
    fn default() -> Self {
        Self::new()
    }
}

/// A slab with all objects free; its physical address.
fn new_slab(frames: &'static FrameAllocator, class: usize) -> Option<u64> {
    let page = frames.alloc(0)?;
    let mut slab = Slab { class, used: 0, head: 0, anchor: 0 };
    slab.anchor = (slab.capacity() - 1) * slab.size();
    let base = frames.virt(page);
    for offset in (0..slab.anchor).step_by(slab.size()) {
        // SAFETY: inside the new frame, which is ours.
        unsafe { base.wrapping_add(offset).write(((offset + slab.size()) / 16) as u8) };
    }
    // SAFETY: as above; objects are 16-byte aligned and hold at least two words.
    unsafe { base.wrapping_add(slab.anchor).cast::<[u64; 2]>().write([0, 0]) };
    frames.count(page)?.store(slab.pack(), Ordering::Relaxed);
    Some(page)
}

fn anchor(frames: &'static FrameAllocator, page: u64, slab: Slab) -> *mut [u64; 2] {
    frames.virt(page).wrapping_add(slab.anchor).cast()
}

/// The (next, previous) slab in the list.
fn links(frames: &'static FrameAllocator, page: u64, slab: Slab) -> (u64, u64) {
    // SAFETY: the slab is in a list, so its anchor is free and holds the links.
    let [next, previous] = unsafe { anchor(frames, page, slab).read() };
    (next, previous)
}

/// Changes one link (0 next, 1 previous) of a slab in a list.
fn set_link(frames: &'static FrameAllocator, page: u64, which: usize, to: u64) {
    if let Some(word) = frames.count(page) {
        let slab = Slab::unpack(word.load(Ordering::Relaxed));
        // SAFETY: as in `links`.
        unsafe { (*anchor(frames, page, slab))[which] = to };
    }
}

fn link(frames: &'static FrameAllocator, partial: &mut Partial, page: u64, slab: Slab) {
    let next = partial.0[slab.class];
    // SAFETY: the anchor was chosen among the free objects.
    unsafe { anchor(frames, page, slab).write([next, 0]) };
    if next != 0 {
        set_link(frames, next, 1, page);
    }
    partial.0[slab.class] = page;
}

fn unlink(frames: &'static FrameAllocator, partial: &mut Partial, page: u64, slab: Slab) {
    let (next, previous) = links(frames, page, slab);
    if previous == 0 {
        partial.0[slab.class] = next;
    } else {
        set_link(frames, previous, 0, next);
    }
    if next != 0 {
        set_link(frames, next, 1, previous);
    }
}

// SAFETY: objects are disjoint (chain of free objects, runs of frames), aligned as `place` says, and only freed by `dealloc`.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(frames) = self.frames.get() else { return ptr::null_mut() };
        match place(layout) {
            Some(Place::Small(class)) => self.alloc_small(frames, class),
            Some(Place::Frames(pages)) => frames.alloc_run(pages).map_or(ptr::null_mut(), |phys| frames.virt(phys)),
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        let Some(frames) = self.frames.get() else { return };
        match place(layout) {
            // SAFETY: same layout as at `alloc`, so it came from there.
            Some(Place::Small(_)) => unsafe { self.free_small(frames, object) },
            // SAFETY: as above.
            Some(Place::Frames(pages)) => unsafe { frames.free_run(frames.phys(object), pages) },
            None => {}
        }
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(new_size, layout.align()) else { return ptr::null_mut() };
        let same = match (place(layout), place(new)) {
            (Some(Place::Small(a)), Some(Place::Small(b))) => a == b,
            (Some(Place::Frames(a)), Some(Place::Frames(b))) => a == b,
            _ => false,
        };
        if same {
            return object;
        }
        // SAFETY: `new` has a size (GlobalAlloc's contract); the old object holds `layout.size()` bytes and is freed once.
        unsafe {
            let moved = self.alloc(new);
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(object, layout.size().min(new_size));
                self.dealloc(object, layout);
            }
            moved
        }
    }
}
