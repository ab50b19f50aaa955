//! [`Contiguous`]: neighbouring frames for devices.

use crate::PAGE_SIZE;
use crate::allocator::FrameAllocator;

/// Neighbouring frames with one physical address: rings and buffers that a device reads and writes. Freed on drop; the owner makes
/// sure that the device has let go of them.
pub struct Contiguous {
    phys: u64,
    pages: usize,
    frames: &'static FrameAllocator,
}

impl Contiguous {
    /// `pages` zeroed frames (at most 1024), aligned to their number rounded up to a power of two. `None` when there is no such run.
    pub fn zeroed(frames: &'static FrameAllocator, pages: usize) -> Option<Self> {
        let phys = frames.alloc_run(pages)?;
        // SAFETY: the run is ours alone and mapped at `virt`.
        unsafe { frames.virt(phys).write_bytes(0, pages * PAGE_SIZE) };
        Some(Self { phys, pages, frames })
    }

    /// Physical address of the first byte, what the device is told.
    pub fn phys(&self) -> u64 {
        self.phys
    }

    /// Address of the first byte in the direct map.
    pub fn as_ptr(&self) -> *mut u8 {
        self.frames.virt(self.phys)
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.pages * PAGE_SIZE
    }

    /// Never: a run has at least one frame.
    pub fn is_empty(&self) -> bool {
        self.pages == 0
    }

    /// Copies out, from byte `offset` on, cut at the end; returns the number of bytes copied.
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> usize {
        let len = buf.len().min(self.len().saturating_sub(offset));
        // SAFETY: within the run; a device that writes meanwhile makes the bytes stale, no more.
        unsafe { buf.as_mut_ptr().copy_from(self.as_ptr().wrapping_add(offset), len) };
        len
    }

    /// Copies in, from byte `offset` on, cut at the end; returns the number of bytes copied.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.len().saturating_sub(offset));
        // SAFETY: within the run, which is ours to write.
        unsafe { self.as_ptr().wrapping_add(offset).copy_from(bytes.as_ptr(), len) };
        len
    }
}

impl Drop for Contiguous {
    fn drop(&mut self) {
        // SAFETY: the run came from `alloc_run` and nobody else can name it.
        unsafe { self.frames.free_run(self.phys, self.pages) };
    }
}
