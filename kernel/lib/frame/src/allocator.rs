//! The buddy allocator.
//!
//! Free blocks of 2^order frames are kept in one doubly linked list per order, linked through their own first bytes. In front of the lists is
//! a small stack of single frames, so that the common "free one, take one" splits and merges nothing. Memory enters the lists one
//! 4 MiB block at a time, when an allocation finds them empty.

use crate::meta::{BLOCK_FRAMES, FREE, Region};
use crate::{PAGE_BYTES, PAGE_SIZE};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use spin::Once;
use spinlock::Mutex;

/// Largest order: 2^10 frames, 4 MiB.
pub const MAX_ORDER: usize = 10;
/// Most memory ranges that are looked at; a PVH map has two or three.
const MAX_REGIONS: usize = 16;
/// Single frames kept unmerged.
const CACHE_MAX: u32 = 64;

/// Hands out physical frames. Usable as a `static`; everything fails until [`init`](Self::init).
pub struct FrameAllocator {
    /// What to add to a physical address to reach it.
    offset: AtomicU64,
    config: Once<Config>,
    state: Mutex<State>,
    /// Free frames, including memory that has not entered the lists yet. Written under the lock, read without.
    free: AtomicU64,
    /// Frames that hold contents of files, as page caches count them.
    cached: AtomicU64,
}

struct Config {
    /// What to add to a physical address to reach it.
    offset: u64,
    regions: [Region; MAX_REGIONS],
    count: usize,
    total: u64,
}

struct State {
    /// Physical address of the first free block of each order; 0 is none.
    heads: [u64; MAX_ORDER + 1],
    /// Stack of single frames, linked through their first word.
    cache: u64,
    cached: u32,
    /// Region that memory is taken from next, and the first of its frames not yet in the lists.
    region: usize,
    next: u64,
}

impl FrameAllocator {
    /// An allocator without memory.
    pub const fn new() -> Self {
        Self {
            offset: AtomicU64::new(0),
            config: Once::new(),
            state: Mutex::new(State { heads: [0; MAX_ORDER + 1], cache: 0, cached: 0, region: 0, next: 0 }),
            free: AtomicU64::new(0),
            cached: AtomicU64::new(0),
        }
    }

    /// Takes over memory: `ranges` are (start, end) physical byte addresses of any alignment, `direct_map` is added (wrapping) to reach one. Touches
    /// none of it. Of more than 16 ranges the rest is left alone. The second call does nothing.
    ///
    /// # Safety
    /// The ranges are RAM, do not overlap, are used by nobody else from now on, and are mapped writable at `direct_map` for ever.
    pub unsafe fn init(&self, direct_map: u64, ranges: &[(u64, u64)]) {
        self.config.call_once(|| {
            self.offset.store(direct_map, Ordering::Relaxed);
            let none = Region { first: 0, usable: 0, end: 0, base_block: 0 };
            let mut config = Config { offset: direct_map, regions: [none; MAX_REGIONS], count: 0, total: 0 };
            for region in ranges.iter().filter_map(|(start, end)| Region::new(*start, *end)).take(MAX_REGIONS) {
                config.regions[config.count] = region;
                config.count += 1;
                config.total += region.end - region.usable;
            }
            self.state.lock().next = config.regions[0].usable;
            self.free.store(config.total, Ordering::Relaxed);
            config
        });
    }

    /// Bytes that can still be allocated.
    pub fn free_bytes(&self) -> u64 {
        self.free.load(Ordering::Relaxed) * PAGE_BYTES
    }

    /// Bytes of allocated frames that hold contents of files.
    pub fn cached_bytes(&self) -> u64 {
        self.cached.load(Ordering::Relaxed) * PAGE_BYTES
    }

    /// A page cache has `now` frames instead of `before`.
    pub fn count_cached(&self, before: usize, now: usize) {
        self.cached.fetch_add((now as u64).wrapping_sub(before as u64), Ordering::Relaxed);
    }

    /// Bytes under management, bookkeeping not counted.
    pub fn total_bytes(&self) -> u64 {
        self.config.get().map_or(0, |c| c.total * PAGE_BYTES)
    }

    /// Where the direct map puts a physical address.
    pub fn virt(&self, phys: u64) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.offset.load(Ordering::Relaxed).wrapping_add(phys) as usize)
    }

    /// The physical address behind an address in the direct map.
    pub fn phys(&self, virt: *const u8) -> u64 {
        (virt.expose_provenance() as u64).wrapping_sub(self.offset.load(Ordering::Relaxed))
    }

    /// A block of 2^order frames, aligned to its size, contents undefined: its physical address. `None` when there is none.
    pub fn alloc(&self, order: usize) -> Option<u64> {
        let config = self.config.get()?;
        let mut state = self.state.lock();
        let phys = if order == 0 && state.cache != 0 {
            let phys = state.cache;
            // SAFETY: a cached frame is free memory whose first word is the link.
            state.cache = unsafe { self.link(phys, 0).read() };
            state.cached -= 1;
            phys
        } else {
            self.take(config, &mut state, order)?
        };
        // Written under the lock only: no locked instruction is needed.
        self.free.store(self.free.load(Ordering::Relaxed) - (1 << order), Ordering::Relaxed);
        self.word(config, phys).store(1, Ordering::Relaxed);
        Some(phys)
    }

    /// A zeroed frame.
    pub fn alloc_zeroed(&self) -> Option<u64> {
        let phys = self.alloc(0)?;
        // SAFETY: the frame is ours alone and mapped at `virt`.
        unsafe { self.virt(phys).write_bytes(0, PAGE_SIZE) };
        Some(phys)
    }

    /// Frees a block that [`alloc`](Self::alloc) gave.
    ///
    /// # Safety
    /// `phys` came from `alloc(order)` (or is an aligned part of such a block, see [`alloc_run`](Self::alloc_run)), is freed once, and nobody uses it any more.
    pub unsafe fn free(&self, phys: u64, order: usize) {
        let Some(config) = self.config.get() else { return };
        let mut state = self.state.lock();
        self.free.store(self.free.load(Ordering::Relaxed) + (1 << order), Ordering::Relaxed);
        if order == 0 && state.cached < CACHE_MAX {
            self.word(config, phys).store(0, Ordering::Relaxed);
            // SAFETY: the frame is free memory from here on; its first word is the link.
            unsafe { self.link(phys, 0).write(state.cache) };
            state.cache = phys;
            state.cached += 1;
        } else {
            self.give(config, &mut state, phys, order);
        }
    }

    /// `count` neighbouring frames, aligned to `count` rounded up to a power of two; what that leaves over is given back at once. `None` beyond 1024 frames.
    pub fn alloc_run(&self, count: usize) -> Option<u64> {
        let order = order_of(count)?;
        let phys = self.alloc(order)?;
        // SAFETY: the tail is part of the block just taken and used by nobody.
        unsafe { self.free_run(phys + count as u64 * PAGE_BYTES, (1 << order) - count) };
        Some(phys)
    }

    /// Frees `count` frames of an [`alloc_run`](Self::alloc_run), in pieces of any size.
    ///
    /// # Safety
    /// As [`free`](Self::free), for each of the frames.
    pub unsafe fn free_run(&self, mut phys: u64, mut count: usize) {
        while count > 0 {
            let aligned = (phys / PAGE_BYTES).trailing_zeros() as usize;
            let order = aligned.min(count.ilog2() as usize).min(MAX_ORDER);
            // SAFETY: an aligned part of what the caller gives up.
            unsafe { self.free(phys, order) };
            phys += PAGE_BYTES << order;
            count -= 1 << order;
        }
    }

    /// Makes the frames of a block independent: each gets a reference count of 1 and is from then on freed alone (a 2 MiB mapping that is split).
    ///
    /// # Safety
    /// `phys` came from `alloc(order)` and its count is 1.
    pub unsafe fn split(&self, phys: u64, order: usize) {
        for index in 0..1u64 << order {
            if let Some(word) = self.count(phys + index * PAGE_BYTES) {
                word.store(1, Ordering::Relaxed);
            }
        }
    }

    /// The word of a managed frame; `None` for memory that is not ours.
    pub(crate) fn count(&self, phys: u64) -> Option<&'static AtomicU32> {
        let config = self.config.get()?;
        let frame = phys / PAGE_BYTES;
        let region = config.regions[..config.count].iter().find(|r| r.contains(frame))?;
        // SAFETY: callers ask about frames they got from here, so their block's bookkeeping is initialised.
        Some(unsafe { region.word(config.offset, frame) })
    }

    fn word(&self, config: &Config, phys: u64) -> &'static AtomicU32 {
        let frame = phys / PAGE_BYTES;
        let regions = &config.regions[..config.count];
        let region = regions.iter().find(|r| r.contains(frame)).expect("a frame that no region holds was freed");
        // SAFETY: blocks in the lists and allocated frames have initialised bookkeeping.
        unsafe { region.word(config.offset, frame) }
    }

    fn link(&self, phys: u64, index: usize) -> *mut u64 {
        self.virt(phys).cast::<u64>().wrapping_add(index)
    }

    /// A block from the lists, refilled and split as needed.
    fn take(&self, config: &Config, state: &mut State, order: usize) -> Option<u64> {
        if order > MAX_ORDER {
            return None;
        }
        loop {
            if let Some(found) = (order..=MAX_ORDER).find(|o| state.heads[*o] != 0) {
                let phys = state.heads[found];
                self.unlink(config, state, phys, found);
                for half in (order..found).rev() {
                    self.push(config, state, phys + (PAGE_BYTES << half), half);
                }
                return Some(phys);
            }
            if !self.refill(config, state) && !self.flush_cache(config, state) {
                return None;
            }
        }
    }

    /// Takes a block into the lists, merged with its free neighbours.
    fn give(&self, config: &Config, state: &mut State, mut phys: u64, mut order: usize) {
        let frame = phys / PAGE_BYTES;
        let region = config.regions[..config.count].iter().find(|r| r.contains(frame)).expect("a frame that no region holds was freed");
        self.word(config, phys).store(0, Ordering::Relaxed);
        while order < MAX_ORDER {
            let buddy = phys ^ (PAGE_BYTES << order);
            // SAFETY: the buddy is in the same 4 MiB block, whose page of words is initialised as a whole; words of frames that are
            // not ours stay 0.
            let word = unsafe { region.word(config.offset, buddy / PAGE_BYTES) };
            if word.load(Ordering::Relaxed) != FREE | order as u32 {
                break;
            }
            self.unlink(config, state, buddy, order);
            phys = phys.min(buddy);
            order += 1;
        }
        self.push(config, state, phys, order);
    }

    fn push(&self, config: &Config, state: &mut State, phys: u64, order: usize) {
        let head = state.heads[order];
        // SAFETY: free blocks are ours; their first two words are the links.
        unsafe {
            self.link(phys, 0).write(head);
            self.link(phys, 1).write(0);
            if head != 0 {
                self.link(head, 1).write(phys);
            }
        }
        state.heads[order] = phys;
        self.word(config, phys).store(FREE | order as u32, Ordering::Relaxed);
    }

    fn unlink(&self, config: &Config, state: &mut State, phys: u64, order: usize) {
        // SAFETY: `phys` is in the list of `order`, so it and its neighbours hold links.
        unsafe {
            let (next, prev) = (self.link(phys, 0).read(), self.link(phys, 1).read());
            if prev == 0 {
                state.heads[order] = next;
            } else {
                self.link(prev, 0).write(next);
            }
            if next != 0 {
                self.link(next, 1).write(prev);
            }
        }
        self.word(config, phys).store(0, Ordering::Relaxed);
    }

    /// Brings the next 4 MiB block of untouched memory into the lists; `false` when there is none.
    fn refill(&self, config: &Config, state: &mut State) -> bool {
        while state.region < config.count {
            let region = &config.regions[state.region];
            let from = state.next;
            if from >= region.end {
                state.region += 1;
                state.next = config.regions.get(state.region).map_or(0, |r| r.usable);
                continue;
            }
            let to = ((from / BLOCK_FRAMES + 1) * BLOCK_FRAMES).min(region.end);
            // SAFETY: the bookkeeping page lies in the region, in front of the first usable frame, and nothing points to it yet.
            unsafe { self.virt(region.meta_page(from)).write_bytes(0, PAGE_SIZE) };
            state.next = to;
            let mut frame = from;
            while frame < to {
                let order = (frame.trailing_zeros() as usize).min((to - frame).ilog2() as usize).min(MAX_ORDER);
                self.push(config, state, frame * PAGE_BYTES, order);
                frame += 1 << order;
            }
            return true;
        }
        false
    }

    /// Merges the cached single frames; `false` when there are none.
    fn flush_cache(&self, config: &Config, state: &mut State) -> bool {
        if state.cache == 0 {
            return false;
        }
        while state.cache != 0 {
            let phys = state.cache;
            // SAFETY: a cached frame's first word is the link.
            state.cache = unsafe { self.link(phys, 0).read() };
            self.give(config, state, phys, 0);
        }
        state.cached = 0;
        true
    }
}

impl Default for FrameAllocator {
    fn default() -> Self {
        Self::new()
    }
}

/// The smallest order that holds `count` frames; `None` for 0 and for more than a block.
pub(crate) fn order_of(count: usize) -> Option<usize> {
    let order = count.checked_next_power_of_two()?.trailing_zeros() as usize;
    (count > 0 && order <= MAX_ORDER).then_some(order)
}
