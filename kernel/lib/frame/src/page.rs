//! [`Page`]: a counted handle on one frame.

use crate::allocator::FrameAllocator;
use crate::{PAGE_BYTES, PAGE_SIZE};
use core::sync::atomic::Ordering;

/// Tag in [`Page`]'s raw form: memory that is not the allocator's and is never freed.
const FOREIGN: u64 = 1;

/// A reference-counted 4 KiB frame. Clones are the same frame; the last handle (or mapping) frees it.
///
/// The application may map the same frame and write it at any time. Bytes are therefore only ever copied in and out; what was
/// read is a snapshot and is judged after copying.
pub struct Page {
    /// Physical address, [`FOREIGN`] in bit 0.
    raw: u64,
    frames: &'static FrameAllocator,
}

impl Page {
    /// A new zeroed page; `None` when memory is used up.
    pub fn zeroed(frames: &'static FrameAllocator) -> Option<Page> {
        frames.alloc_zeroed().map(|raw| Page { raw, frames })
    }

    /// A new page with undefined contents, for callers that fill all of it at once.
    pub fn uninit(frames: &'static FrameAllocator) -> Option<Page> {
        frames.alloc(0).map(|raw| Page { raw, frames })
    }

    /// A new page with this one's contents.
    pub fn duplicate(&self) -> Option<Page> {
        let copy = Page::uninit(self.frames)?;
        // SAFETY: two different frames, both mapped at `virt`; the copy is ours alone.
        unsafe { copy.at(0).copy_from_nonoverlapping(self.at(0), PAGE_SIZE) };
        Some(copy)
    }

    /// The page that `bytes` fill: 4096 bytes at a page boundary of the direct map, for example of the initial archive. Never freed and read-only.
    /// `None` when `bytes` are no such thing; then copy them.
    pub fn foreign(frames: &'static FrameAllocator, bytes: &'static [u8]) -> Option<Page> {
        let phys = frames.phys(bytes.as_ptr());
        let fits = bytes.len() == PAGE_SIZE && phys.is_multiple_of(PAGE_BYTES) && phys < 1 << 47;
        fits.then_some(Page { raw: phys | FOREIGN, frames })
    }

    /// Memory at `phys` that is not the allocator's: a device, the boot loader's. Never freed.
    ///
    /// # Safety
    /// `phys` is a page boundary, the memory stays what it is for ever and is in the direct map if the page is read or written; nobody
    /// holds Rust references to what may be written.
    pub unsafe fn foreign_phys(frames: &'static FrameAllocator, phys: u64) -> Page {
        Page { raw: phys | FOREIGN, frames }
    }

    /// Physical address of its first byte.
    pub fn phys(&self) -> u64 {
        self.raw & !FOREIGN
    }

    /// Whether the frame is not the allocator's (see [`foreign`](Self::foreign)): never written, never freed.
    pub fn is_foreign(&self) -> bool {
        self.raw & FOREIGN != 0
    }

    /// Number of handles and mappings; `u32::MAX` for foreign pages, which are always shared.
    pub fn references(&self) -> u32 {
        if self.is_foreign() {
            return u32::MAX;
        }
        self.frames.count(self.raw).map_or(u32::MAX, |word| word.load(Ordering::Acquire))
    }

    /// The handle as a number for a page-table entry: the physical address, bit 0 set for foreign pages. The reference goes with it.
    pub fn into_raw(self) -> u64 {
        let raw = self.raw;
        core::mem::forget(self);
        raw
    }

    /// The handle back from [`into_raw`](Self::into_raw).
    ///
    /// # Safety
    /// `raw` came from `into_raw` with the same allocator, and each such number is turned back once.
    pub unsafe fn from_raw(frames: &'static FrameAllocator, raw: u64) -> Page {
        Page { raw, frames }
    }

    /// Copies from the page, from byte `offset` on. What lies past the end of the page is not touched; returns the number of bytes copied.
    pub fn read(&self, offset: usize, buf: &mut [u8]) -> usize {
        let len = in_page(offset, buf.len());
        // SAFETY: within the frame, which is mapped; `buf` is the caller's and no frame of ours.
        unsafe { buf.as_mut_ptr().copy_from(self.at(offset), len) };
        len
    }

    /// Copies into the page, from byte `offset` on; returns the number of bytes that fitted. Foreign pages are never written: 0.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> usize {
        let len = if self.is_foreign() { 0 } else { in_page(offset, bytes.len()) };
        // SAFETY: within the frame, which is mapped and ours to write.
        unsafe { self.at(offset).copy_from(bytes.as_ptr(), len) };
        len
    }

    /// Zeroes `len` bytes from `offset` on, cut at the end of the page. Foreign pages are not touched.
    pub fn fill_zero(&self, offset: usize, len: usize) {
        let len = if self.is_foreign() { 0 } else { in_page(offset, len) };
        // SAFETY: within the frame, which is mapped and ours to write.
        unsafe { self.at(offset).write_bytes(0, len) };
    }

    /// Lends bytes `offset .. offset + len` (cut at the end of the page) to `put`, which copies them on: `page.put_into(0, 100, |b| sink.put(b))`. It must
    /// not write this page through another handle meanwhile.
    pub fn put_into<R>(&self, offset: usize, len: usize, put: impl FnOnce(&[u8]) -> R) -> R {
        let len = in_page(offset, len);
        // SAFETY: within the frame, mapped and initialised (zeroed or filled before anyone got the handle). The kernel is not
        // preempted while `put` runs, and `put` only copies, by machine copies that do not care if another CPU's application writes.
        put(unsafe { core::slice::from_raw_parts(self.at(offset), len) })
    }

    /// Lends bytes `offset .. offset + len` (cut at the end of the page) to `take`, which fills them: `page.fill_with(0, 100, |b| source.take(b))`. It must not touch
    /// this page through another handle meanwhile. Foreign pages lend nothing.
    pub fn fill_with<R>(&self, offset: usize, len: usize, take: impl FnOnce(&mut [u8]) -> R) -> R {
        let len = if self.is_foreign() { 0 } else { in_page(offset, len) };
        // SAFETY: as in `put_into`; the frame is ours to write.
        take(unsafe { core::slice::from_raw_parts_mut(self.at(offset), len) })
    }

    /// The allocator that the page came from.
    pub fn frames(&self) -> &'static FrameAllocator {
        self.frames
    }

    fn at(&self, offset: usize) -> *mut u8 {
        self.frames.virt(self.phys()).wrapping_add(offset)
    }
}

/// How much of `len` bytes from `offset` on lies in a page.
fn in_page(offset: usize, len: usize) -> usize {
    len.min(PAGE_SIZE.saturating_sub(offset))
}

impl Clone for Page {
    fn clone(&self) -> Self {
        if !self.is_foreign()
            && let Some(word) = self.frames.count(self.raw)
        {
            word.fetch_add(1, Ordering::Relaxed);
        }
        Page { raw: self.raw, frames: self.frames }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if self.is_foreign() {
            return;
        }
        let Some(word) = self.frames.count(self.raw) else { return };
        if word.fetch_sub(1, Ordering::Release) == 1 {
            core::sync::atomic::fence(Ordering::Acquire);
            // SAFETY: that was the last reference to a frame that `alloc(0)` gave (or that `split` made one of its own).
            unsafe { self.frames.free(self.raw, 0) };
        }
    }
}

impl core::fmt::Debug for Page {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Page({:#x})", self.phys())
    }
}
