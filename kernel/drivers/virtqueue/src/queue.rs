//! The split virtqueue (2.7).
//!
//! All three parts lie in one run of frames, laid out as legacy devices want it (descriptors and driver area, then the device area on the next page), which
//! modern devices take as well. New chains are published in batches: [`Queue::add`] fills them in, [`Queue::publish`] makes them visible and says whether the device
//! wants to be told.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU16, Ordering, fence};
use frame::{Contiguous, FrameAllocator};

const NEXT: u16 = 1;
const DEVICE_WRITES: u16 = 2;
const NO_INTERRUPT: u16 = 1;
const NO_NOTIFY: u16 = 1;
const PAGE: usize = 4096;

/// A piece of memory for the device: physical address and length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Physical address.
    pub phys: u64,
    /// Bytes.
    pub len: u32,
}

/// Who uses the memory of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The device reads it.
    Readable,
    /// The device writes it.
    Writable,
}

/// No descriptors are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The device wrote something impossible into the ring: the queue must not be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// What is known of each descriptor, out of the device's reach.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// Next descriptor of the chain, or of the free list.
    next: u16,
    /// Descriptors in the chain that starts here; 0 when none does.
    chain: u16,
    /// Bytes that the device may write into that chain.
    writable: u32,
}

/// One queue.
pub struct Queue {
    memory: Contiguous,
    size: u16,
    device_area: usize,
    slots: Box<[Slot]>,
    free_head: u16,
    free: u16,
    /// Driver index: next to fill in, and how far the device has been told.
    next_avail: u16,
    published: u16,
    next_used: u16,
    event_idx: bool,
}

impl Queue {
    /// A queue of `size` entries (a power of two, at most 1024); `None` when memory is short.
    pub fn new(frames: &'static FrameAllocator, size: u16, event_idx: bool) -> Option<Self> {
        let size = if size.is_power_of_two() { size.min(1024) } else { 1 << size.max(1).ilog2().min(10) };
        let driver_end = usize::from(size) * 16 + 6 + 2 * usize::from(size);
        let device_area = driver_end.next_multiple_of(PAGE);
        let bytes = device_area + 6 + 8 * usize::from(size);
        let memory = Contiguous::zeroed(frames, bytes.div_ceil(PAGE))?;
        let slots = (0..size).map(|i| Slot { next: i + 1, chain: 0, writable: 0 }).collect();
        Some(Self { memory, size, device_area, slots, free_head: 0, free: size, next_avail: 0, published: 0, next_used: 0, event_idx })
    }

    /// Number of entries.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// Physical addresses of descriptors, driver area and device area, for [`Transport::start_queue`](crate::Transport::start_queue).
    pub fn addresses(&self) -> (u64, u64, u64) {
        let base = self.memory.phys();
        (base, base + u64::from(self.size) * 16, base + self.device_area as u64)
    }

    /// Descriptors that are not in flight.
    pub fn free_descriptors(&self) -> u16 {
        self.free
    }

    fn word(&self, offset: usize) -> &AtomicU16 {
        debug_assert!(offset + 2 <= self.memory.len());
        // SAFETY: all callers compute offsets within the run, which is zeroed memory, 2-byte aligned, shared with the device: hence the atomic.
        unsafe { &*self.memory.as_ptr().add(offset).cast::<AtomicU16>() }
    }

    fn driver(&self, offset: usize) -> &AtomicU16 {
        self.word(usize::from(self.size) * 16 + offset)
    }

    fn device(&self, offset: usize) -> &AtomicU16 {
        self.word(self.device_area + offset)
    }

    fn write_descriptor(&self, index: u16, span: Span, flags: u16, next: u16) {
        let value = [span.phys, u64::from(span.len) | u64::from(flags) << 32 | u64::from(next) << 48];
        // SAFETY: `index` is below `size`; the descriptor is not in flight, so the device does not look at it.
        unsafe { self.memory.as_ptr().add(usize::from(index) * 16).cast::<[u64; 2]>().write_volatile(value) };
    }

    /// Fills in a chain: spans that the device reads, then spans that it writes, at least one in all. Returns the chain's head, which names it when it
    /// comes back from [`pop`](Self::pop).
    pub fn add(&mut self, readable: &[Span], writable: &[Span]) -> Result<u16, Full> {
        let count = readable.len() + writable.len();
        if count == 0 || count > usize::from(self.free) {
            return Err(Full);
        }
        let head = self.free_head;
        let mut at = head;
        for (i, span) in readable.iter().chain(writable).enumerate() {
            let next = self.slots[usize::from(at)].next;
            let last = i + 1 == count;
            let flags = if last { 0 } else { NEXT } | if i >= readable.len() { DEVICE_WRITES } else { 0 };
            self.write_descriptor(at, *span, flags, if last { 0 } else { next });
            if last {
                self.free_head = next;
            } else {
                at = next;
            }
        }
        self.offer(head, count as u16, writable.iter().map(|s| s.len).sum());
        Ok(head)
    }

    /// [`add`](Self::add) for a chain of one span, which is what nearly every frame is.
    pub fn add_one(&mut self, span: Span, direction: Direction) -> Result<u16, Full> {
        if self.free == 0 {
            return Err(Full);
        }
        let head = self.free_head;
        self.free_head = self.slots[usize::from(head)].next;
        let (flags, writable) = if direction == Direction::Writable { (DEVICE_WRITES, span.len) } else { (0, 0) };
        self.write_descriptor(head, span, flags, 0);
        self.offer(head, 1, writable);
        Ok(head)
    }

    /// Puts a chain that has been filled in into the driver ring.
    fn offer(&mut self, head: u16, chain: u16, writable: u32) {
        self.free -= chain;
        let slot = &mut self.slots[usize::from(head)];
        slot.chain = chain;
        slot.writable = writable;
        // The size is a power of two.
        let ring = 4 + 2 * usize::from(self.next_avail & (self.size - 1));
        self.driver(ring).store(head, Ordering::Relaxed);
        self.next_avail = self.next_avail.wrapping_add(1);
    }

    /// Makes everything added so far visible. `true`: the device wants a notification.
    pub fn publish(&mut self) -> bool {
        let (old, new) = (self.published, self.next_avail);
        if old == new {
            return false;
        }
        self.driver(2).store(new, Ordering::Release);
        self.published = new;
        // The index must be visible before the device's wish is read (2.7.13.4.1).
        fence(Ordering::SeqCst);
        if self.event_idx {
            let event = self.device(4 + 8 * usize::from(self.size)).load(Ordering::Relaxed);
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            self.device(0).load(Ordering::Relaxed) & NO_NOTIFY == 0
        }
    }

    /// Whether the device has finished with something.
    pub fn has_used(&self) -> bool {
        self.device(2).load(Ordering::Acquire) != self.next_used
    }

    /// The next chain that the device has finished with: its head and how many bytes it wrote, at most what the chain could take.
    pub fn pop(&mut self) -> Result<Option<(u16, u32)>, Broken> {
        let device_index = self.device(2).load(Ordering::Acquire);
        let waiting = device_index.wrapping_sub(self.next_used);
        if waiting == 0 {
            return Ok(None);
        }
        if waiting > self.size {
            return Err(Broken);
        }
        let at = self.device_area + 4 + 8 * usize::from(self.next_used & (self.size - 1));
        // SAFETY: within the run, 4-byte aligned.
        let [id, len] = unsafe { self.memory.as_ptr().add(at).cast::<[u32; 2]>().read_volatile() };
        let head = u16::try_from(id).map_err(|_| Broken)?;
        let slot = self.slots.get(usize::from(head)).copied().filter(|s| s.chain > 0).ok_or(Broken)?;
        if len > slot.writable {
            return Err(Broken);
        }
        self.next_used = self.next_used.wrapping_add(1);
        // The chain goes back to the free list as it is: its members are linked already.
        let mut tail = head;
        for _ in 1..slot.chain {
            tail = self.slots[usize::from(tail)].next;
        }
        self.slots[usize::from(tail)].next = self.free_head;
        self.slots[usize::from(head)].chain = 0;
        self.free_head = head;
        self.free += slot.chain;
        Ok(Some((head, len)))
    }

    /// Asks for an interrupt at the next chain that the device finishes. `true`: one is finished already, and no interrupt may come for it.
    pub fn enable_interrupts(&mut self) -> bool {
        self.driver(0).store(0, Ordering::Relaxed);
        if self.event_idx {
            self.driver(4 + 2 * usize::from(self.size)).store(self.next_used, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        self.has_used()
    }

    /// Asks for no interrupts; a hint.
    pub fn disable_interrupts(&mut self) {
        if self.event_idx {
            // An event index just behind what was seen is reached after 65,535 more chains.
            self.driver(4 + 2 * usize::from(self.size)).store(self.next_used.wrapping_sub(1), Ordering::Relaxed);
        } else {
            self.driver(0).store(NO_INTERRUPT, Ordering::Relaxed);
        }
    }
}
