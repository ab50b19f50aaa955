//! What can be mapped page by page.

use crate::allocator::FrameAllocator;
use crate::page::Page;
use crate::{PAGE_BYTES, PAGE_SIZE};
use alloc::boxed::Box;
use alloc::sync::Weak;
use sortedmap::ChunkedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// What a mapping wants to do with a page of a [`MapObject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageAccess {
    /// Read (or copy before writing, for private mappings): the object may hand out its own page, to be mapped read-only.
    Read,
    /// Write through a shared mapping: the object must hand out the page that later reads will see.
    Write,
}

/// Something that can be mapped page by page: a file's page cache, shared memory, a device.
///
/// An address space calls [`page`](Self::page) and drops its `Arc` with its own lock held; the object must not call back into an address space from
/// there (nor from its `Drop`), and must call [`MapObserver::invalidate`] with none of its locks held.
pub trait MapObject: Send + Sync {
    /// The page at `index` (in 4 KiB units). ENXIO past the end (becomes SIGBUS), ENOMEM when no frame is left. Bytes of the last page that lie past the
    /// object's end are zero (mmap(2)).
    fn page(&self, index: u64, access: PageAccess) -> Result<Page>;
    /// Size in bytes now; pages wholly past it are SIGBUS.
    fn size(&self) -> u64;
    /// The page at `index` for reading if that costs nothing, so that it can be mapped together with a neighbour that was asked for.
    fn resident(&self, index: u64) -> Option<Page> {
        let _ = index;
        None
    }
    /// Called once per mapping made: `observer` wants to hear when pages change identity (an archive page is copied for writing, a file is
    /// truncated). Objects whose pages never do may ignore it.
    fn watch(&self, observer: Weak<dyn MapObserver>) {
        let _ = observer;
    }
    /// Pages `first..end` changed identity inside [`page`](Self::page) (copied for writing): tell every observer. Called by the address space for which they were
    /// copied, with no lock held, because `page` may not.
    fn changed(&self, first: u64, end: u64) {
        let _ = (first, end);
    }
    /// Discards pages `first..end` of memory objects: they read as zeroes from then on (MADV_REMOVE). EOPNOTSUPP where that cannot be.
    fn discard(&self, first: u64, end: u64) -> Result<()> {
        let _ = (first, end);
        Err(Errno::EOPNOTSUPP)
    }
    /// Writes shared changes back to what outlives the page cache (msync(2)); nothing to do for memory.
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    /// Tells objects apart (futex keys, joining of mappings): the same for every handle on the same object, by default its address.
    fn id(&self) -> u64 {
        core::ptr::from_ref(self).cast::<()>().expose_provenance() as u64
    }
}

/// Who maps an object: an address space.
pub trait MapObserver: Send + Sync {
    /// Pages `first..end` of the object with this [`MapObject::id`] are no longer what they were: forget the mappings, so that the next access asks again.
    /// Private copies stay. (Truncation takes those too on Linux; with us they stay readable.)
    fn invalidate(&self, object: u64, first: u64, end: u64);
}

/// Zero-filled memory that mappings share: MAP_SHARED|MAP_ANONYMOUS, System V segments. Frames come with the first touch.
pub struct AnonObject {
    frames: &'static FrameAllocator,
    size: u64,
    pages: Mutex<ChunkedMap<Page>>,
}

impl AnonObject {
    /// `size` bytes of zeroes.
    pub fn new(frames: &'static FrameAllocator, size: u64) -> Self {
        Self { frames, size, pages: Mutex::new(ChunkedMap::new()) }
    }
}

impl Drop for AnonObject {
    fn drop(&mut self) {
        self.frames.count_cached(self.pages.get_mut().len(), 0);
    }
}

impl MapObject for AnonObject {
    fn page(&self, index: u64, _: PageAccess) -> Result<Page> {
        if index >= self.size.div_ceil(PAGE_BYTES) {
            return Err(Errno::ENXIO);
        }
        let mut pages = self.pages.lock();
        if let Some(page) = pages.get(index) {
            return Ok(page.clone());
        }
        let page = Page::zeroed(self.frames).ok_or(Errno::ENOMEM)?;
        pages.insert(index, page.clone());
        self.frames.count_cached(0, 1);
        Ok(page)
    }
    fn size(&self) -> u64 {
        self.size
    }
    fn resident(&self, index: u64) -> Option<Page> {
        self.pages.lock().get(index).cloned()
    }
}

/// A fixed set of pages that the kernel provides: the vDSO, its data page.
pub struct PagesObject {
    pages: Box<[Page]>,
}

impl PagesObject {
    /// These pages, in order.
    pub fn new(pages: &[Page]) -> Self {
        Self { pages: pages.into() }
    }
}

impl MapObject for PagesObject {
    fn page(&self, index: u64, _: PageAccess) -> Result<Page> {
        self.resident(index).ok_or(Errno::ENXIO)
    }
    fn size(&self) -> u64 {
        (self.pages.len() * PAGE_SIZE) as u64
    }
    fn resident(&self, index: u64) -> Option<Page> {
        usize::try_from(index).ok().and_then(|i| self.pages.get(i)).cloned()
    }
}

/// Memory that is mapped as it lies there and never freed: part of what was loaded at boot. Pages are read-only; private mappings copy them when written.
pub struct StaticObject {
    frames: &'static FrameAllocator,
    bytes: &'static [u8],
}

impl StaticObject {
    /// `None` when `bytes` are no whole pages at page boundaries of the direct map.
    pub fn new(frames: &'static FrameAllocator, bytes: &'static [u8]) -> Option<Self> {
        let pages = bytes.len().is_multiple_of(PAGE_SIZE) && frames.phys(bytes.as_ptr()).is_multiple_of(PAGE_BYTES);
        pages.then_some(Self { frames, bytes })
    }
}

impl MapObject for StaticObject {
    fn page(&self, index: u64, access: PageAccess) -> Result<Page> {
        match access {
            PageAccess::Read => self.resident(index).ok_or(Errno::ENXIO),
            PageAccess::Write => Err(Errno::EACCES),
        }
    }
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn resident(&self, index: u64) -> Option<Page> {
        let start = usize::try_from(index).ok()?.checked_mul(PAGE_SIZE)?;
        Page::foreign(self.frames, self.bytes.get(start..start + PAGE_SIZE)?)
    }
}
