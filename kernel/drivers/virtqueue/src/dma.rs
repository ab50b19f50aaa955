//! Memory shared with a device.

use frame::{Contiguous, FrameAllocator};

/// One run of frames that a device reads or writes while its descriptor is in flight, and the driver otherwise.
pub struct DmaBuffer {
    memory: Contiguous,
}

impl DmaBuffer {
    /// `pages` zeroed pages; `None` when memory is short.
    pub fn new(frames: &'static FrameAllocator, pages: usize) -> Option<Self> {
        Contiguous::zeroed(frames, pages).map(|memory| Self { memory })
    }

    /// Physical address of the first byte.
    pub fn phys(&self) -> u64 {
        self.memory.phys()
    }

    /// The bytes. The driver keeps buffers that are in flight to itself, so nobody looks while the device writes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the run is owned, mapped and initialised (zeroed at first).
        unsafe { core::slice::from_raw_parts(self.memory.as_ptr(), self.memory.len()) }
    }

    /// As [`bytes`](Self::bytes), writable.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.memory.as_ptr(), self.memory.len()) }
    }
}
