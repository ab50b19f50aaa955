//! The device's side of a ring, for host tests of drivers: it walks the ring through its physical addresses, as a monitor does.

use alloc::vec::Vec;
use frame::FrameAllocator;

/// A piece of a chain: address, length, and whether the device writes it.
pub type Piece = (u64, u32, bool);

/// One ring as its device sees it.
pub struct DeviceRing {
    frames: &'static FrameAllocator,
    base: *mut u8,
    size: usize,
    device_area: usize,
    next_avail: u16,
    used: u16,
}

// SAFETY: the memory behind `base` is reached through whoever owns the ring, one thread at a time.
unsafe impl Send for DeviceRing {}

impl DeviceRing {
    /// The ring of `size` entries at these physical addresses, as [`Transport::start_queue`](crate::Transport::start_queue) was given them. They must be
    /// those of a live [`Queue`](crate::Queue) over `frames`.
    pub fn new(frames: &'static FrameAllocator, size: u16, descriptors: u64, device: u64) -> Self {
        let (base, device_area) = (frames.virt(descriptors), (device - descriptors) as usize);
        Self { frames, base, size: size.into(), device_area, next_avail: 0, used: 0 }
    }

    fn get<T>(&self, offset: usize) -> T {
        // SAFETY: offsets are computed from the ring's layout and stay within the queue's run.
        unsafe { self.base.add(offset).cast::<T>().read_unaligned() }
    }

    fn set<T>(&self, offset: usize, value: T) {
        // SAFETY: as above.
        unsafe { self.base.add(offset).cast::<T>().write_unaligned(value) }
    }

    /// The next chain: its head and its pieces.
    pub fn take(&mut self) -> Option<(u16, Vec<Piece>)> {
        let driver = self.size * 16;
        if self.get::<u16>(driver + 2) == self.next_avail {
            return None;
        }
        let head: u16 = self.get(driver + 4 + 2 * (usize::from(self.next_avail) % self.size));
        self.next_avail = self.next_avail.wrapping_add(1);
        let mut pieces = Vec::new();
        let mut at = head;
        loop {
            let d = usize::from(at) * 16;
            let flags: u16 = self.get(d + 12);
            pieces.push((self.get(d), self.get(d + 8), flags & 2 != 0));
            if flags & 1 == 0 {
                return Some((head, pieces));
            }
            at = self.get(d + 14);
        }
    }

    /// Hands a chain back, with `len` bytes written.
    pub fn give(&mut self, id: u32, len: u32) {
        let at = self.device_area + 4 + 8 * (usize::from(self.used) % self.size);
        self.set(at, id);
        self.set(at + 4, len);
        self.set_used_index(self.used.wrapping_add(1));
    }

    /// Says how many chains have been handed back, which may be a lie.
    pub fn set_used_index(&mut self, value: u16) {
        self.used = value;
        self.set(self.device_area + 2, value);
    }

    /// Asks for a notification once this index is passed (event suppression).
    pub fn set_avail_event(&self, value: u16) {
        self.set(self.device_area + 4 + 8 * self.size, value);
    }

    /// The bytes of a piece that the device reads.
    pub fn read(&self, piece: &Piece) -> Vec<u8> {
        // SAFETY: the driver owns the memory that it offers, and leaves it alone until it has it back.
        unsafe { core::slice::from_raw_parts(self.frames.virt(piece.0), piece.1 as usize) }.to_vec()
    }

    /// Writes to a piece that the device may write; the front of `bytes` that fits. Returns how many those are.
    pub fn write(&self, piece: &Piece, bytes: &[u8]) -> usize {
        let count = if piece.2 { bytes.len().min(piece.1 as usize) } else { 0 };
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(self.frames.virt(piece.0), count) }.copy_from_slice(&bytes[..count]);
        count
    }
}
