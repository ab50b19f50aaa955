//! The contents of a file in memory, page by page.

use alloc::sync::Weak;
use alloc::vec::Vec;
use file::Sink;
#[cfg(feature = "write")]
use file::Source;
use frame::{FrameAllocator, MapObject, MapObserver, PAGE_BYTES, PAGE_SIZE, Page, PageAccess};
use sortedmap::ChunkedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

use crate::Seals;
#[cfg(feature = "write")]
use crate::WriteAt;

/// Largest file size (Linux's MAX_LFS_FILESIZE).
const MAX_SIZE: u64 = i64::MAX as u64;

/// A file's bytes: pages of its own over an optional slice of an archive that is never copied as a whole. Reads of untouched bytes come
/// straight from the slice, mappings get the slice's own pages where it is page-aligned, the first write to a page copies that page.
/// What is in neither is a hole and reads as zeros.
///
/// The state's lock is never held while bytes are copied from or to the application, because such a copy may fault and ask this very
/// cache for a page; writers exclude each other with a second lock, which a fault does not need.
pub struct PageCache {
    frames: &'static FrameAllocator,
    backing: &'static [u8],
    state: Mutex<State>,
    writer: Mutex<()>,
    observers: Mutex<Vec<Weak<dyn MapObserver>>>,
}

struct State {
    size: u64,
    /// Bytes of `backing` that still count: truncation cuts it for good.
    valid: u64,
    pages: ChunkedMap<Page>,
    /// Length of `pages` as the allocator was told.
    counted: usize,
    seals: Seals,
}

/// Where the bytes at an offset are, and how many follow there.
enum Piece {
    Page(Page),
    Bytes(&'static [u8]),
    Hole(u64),
}

impl State {
    /// The piece at `offset`, which is below the size. Ends at the next page that is of another sort.
    fn piece(&self, backing: &'static [u8], offset: u64) -> Piece {
        let index = offset / PAGE_BYTES;
        if let Some(page) = self.pages.get(index) {
            return Piece::Page(page.clone());
        }
        let next_own = self.pages.range(index..).next().map_or(u64::MAX, |(next, _)| next.saturating_mul(PAGE_BYTES));
        let end = self.size.min(next_own);
        if offset < self.valid { Piece::Bytes(&backing[offset as usize..self.valid.min(end) as usize]) } else { Piece::Hole(end - offset) }
    }

    fn is_data(&self, index: u64) -> bool {
        index * PAGE_BYTES < self.valid || self.pages.contains_key(index)
    }
}

impl PageCache {
    /// An empty file that gets its pages from `frames`.
    pub fn new(frames: &'static FrameAllocator) -> Self {
        Self::over(frames, &[])
    }

    /// A file that begins as `backing`.
    pub fn over(frames: &'static FrameAllocator, backing: &'static [u8]) -> Self {
        let size = backing.len() as u64;
        let state = State { size, valid: size, pages: ChunkedMap::new(), counted: 0, seals: Seals::empty() };
        Self { frames, backing, state: Mutex::new(state), writer: Mutex::new(()), observers: Mutex::default() }
    }

    /// Bytes of memory that the contents take, archive included.
    pub fn used_bytes(&self) -> u64 {
        let state = self.state.lock();
        let in_archive = state.valid.div_ceil(PAGE_BYTES);
        let own = state.pages.range(in_archive..).count() as u64;
        (in_archive + own) * PAGE_BYTES
    }

    /// Reads from `offset` on until `dst` is full or the file ends.
    pub fn read(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        let mut done = 0usize;
        while dst.remaining() > 0 {
            let at = offset.saturating_add(done as u64);
            let (piece, left) = {
                let state = self.state.lock();
                if at >= state.size {
                    break;
                }
                (state.piece(self.backing, at), state.size - at)
            };
            let room = (dst.remaining() as u64).min(left) as usize;
            let (want, got) = match piece {
                Piece::Page(page) => {
                    let in_page = (at % PAGE_BYTES) as usize;
                    let want = room.min(PAGE_SIZE - in_page);
                    (want, page.put_into(in_page, want, |bytes| dst.put(bytes)))
                }
                Piece::Bytes(bytes) => {
                    let want = room.min(bytes.len());
                    (want, dst.put(&bytes[..want]))
                }
                Piece::Hole(len) => {
                    let want = (room as u64).min(len) as usize;
                    (want, dst.put_zeros(want))
                }
            };
            match got {
                Ok(n) => {
                    done += n;
                    if n < want {
                        break;
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes all of `src`: EFBIG past the largest size, ENOSPC without memory, EPERM when sealed. Returns how many bytes were written and the
    /// offset behind the last.
    #[cfg(feature = "write")]
    pub fn write(&self, src: &mut dyn Source, at: WriteAt) -> Result<(usize, u64)> {
        let _writer = self.writer.lock();
        let (start, size, seals) = {
            let state = self.state.lock();
            let start = match at {
                WriteAt::Offset(offset) => offset,
                WriteAt::End => state.size,
            };
            (start, state.size, state.seals)
        };
        let mut left = src.remaining();
        if left == 0 {
            return Ok((0, start));
        }
        if start >= MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        if seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) || (seals.contains(Seals::GROW) && start + left as u64 > size) {
            return Err(Errno::EPERM);
        }
        left = left.min(usize::try_from(MAX_SIZE - start).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < left {
            let offset = start + done as u64;
            let in_page = (offset % PAGE_BYTES) as usize;
            let want = (left - done).min(PAGE_SIZE - in_page);
            match self.write_page(offset / PAGE_BYTES, in_page, want, src) {
                Ok(n) => {
                    done += n;
                    let mut state = self.state.lock();
                    state.size = state.size.max(offset + n as u64);
                    drop(state);
                    if n < want {
                        break;
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok((done, start + done as u64))
    }

    #[cfg(feature = "write")]
    fn write_page(&self, index: u64, in_page: usize, want: usize, src: &mut dyn Source) -> Result<usize> {
        let present = self.state.lock().pages.contains_key(index);
        if present || want < PAGE_SIZE {
            let (page, replaced) = self.own_page(index)?;
            if replaced {
                self.invalidate(index, index + 1);
            }
            return page.fill_with(in_page, want, |buf| src.take(buf));
        }
        // All of a new page: no need to zero or copy it first.
        let page = Page::uninit(self.frames).ok_or(Errno::ENOSPC)?;
        let got = page.fill_with(0, want, |buf| src.take(buf))?;
        if got < want {
            // The source ended early (a fault): what was there before stays behind what was taken.
            let old = self.old_bytes(index);
            page.write(got, old.get(got..).unwrap_or(&[]));
            page.fill_zero(got.max(old.len()), PAGE_SIZE);
        }
        let mut state = self.state.lock();
        state.pages.insert(index, page);
        self.recount(&mut state);
        drop(state);
        self.invalidate(index, index + 1);
        Ok(got)
    }

    /// What the archive has for page `index`.
    fn old_bytes(&self, index: u64) -> &'static [u8] {
        let valid = self.state.lock().valid;
        let start = (index * PAGE_BYTES).min(valid);
        let end = (start + PAGE_BYTES).min(valid);
        &self.backing[start as usize..end as usize]
    }

    /// The page at `index` as memory of our own, and whether it took the place of an archive page that may be mapped somewhere.
    fn own_page(&self, index: u64) -> Result<(Page, bool)> {
        if let Some(page) = self.state.lock().pages.get(index) {
            return Ok((page.clone(), false));
        }
        let old = self.old_bytes(index);
        let page = Page::zeroed(self.frames).ok_or(Errno::ENOSPC)?;
        page.write(0, old);
        let mut state = self.state.lock();
        let page = state.pages.get_or_insert(index, page).clone();
        self.recount(&mut state);
        Ok((page, !old.is_empty()))
    }

    /// Tells the allocator how many pages there are now.
    fn recount(&self, state: &mut State) {
        let now = state.pages.len();
        self.frames.count_cached(core::mem::replace(&mut state.counted, now), now);
    }

    fn invalidate(&self, first: u64, end: u64) {
        let observers: Vec<_> = self.observers.lock().iter().filter_map(Weak::upgrade).collect();
        for observer in observers {
            observer.invalidate(self.id(), first, end);
        }
    }

    /// Cuts or grows the file; what is new is a hole. EFBIG, EPERM when sealed.
    #[cfg(feature = "write")]
    pub fn set_size(&self, size: u64) -> Result<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let _writer = self.writer.lock();
        let mut state = self.state.lock();
        let forbidden = if size < state.size { Seals::SHRINK } else { Seals::GROW };
        if size != state.size && state.seals.contains(forbidden) {
            return Err(Errno::EPERM);
        }
        let shrinks = size < state.size;
        state.size = size;
        let mut removed = Vec::new();
        if shrinks {
            state.valid = state.valid.min(size);
            removed = state.pages.split_off(size.div_ceil(PAGE_BYTES));
            if let Some(page) = state.pages.get(size / PAGE_BYTES) {
                page.fill_zero((size % PAGE_BYTES) as usize, PAGE_SIZE);
            }
            self.recount(&mut state);
        }
        drop(state);
        if shrinks {
            self.invalidate(size / PAGE_BYTES, u64::MAX / PAGE_BYTES);
        }
        drop(removed);
        Ok(())
    }

    /// Makes `offset .. offset + len` read as zeros without changing the size; whole pages are given back.
    #[cfg(feature = "write")]
    pub fn zero(&self, offset: u64, len: u64) -> Result<()> {
        let _writer = self.writer.lock();
        let size = {
            let state = self.state.lock();
            if state.seals.intersects(Seals::WRITE | Seals::FUTURE_WRITE) {
                return Err(Errno::EPERM);
            }
            state.size
        };
        let end = offset.saturating_add(len).min(size);
        let mut at = offset;
        while at < end {
            let index = at / PAGE_BYTES;
            let in_page = (at % PAGE_BYTES) as usize;
            let step = (end - at).min(PAGE_BYTES - in_page as u64);
            let whole = step == PAGE_BYTES || (in_page == 0 && at + step == size);
            if whole && self.old_bytes(index).is_empty() {
                let mut state = self.state.lock();
                let removed = state.pages.remove(index);
                self.recount(&mut state);
                drop(state);
                drop(removed);
            } else if self.state.lock().is_data(index) {
                self.own_page(index)?.0.fill_zero(in_page, step as usize);
            }
            at += step;
        }
        self.invalidate(offset / PAGE_BYTES, end.div_ceil(PAGE_BYTES));
        Ok(())
    }

    /// Takes memory for `offset .. offset + len`, which may lie past the end, so that writing there later cannot fail: what is a hole becomes zeros. ENOSPC
    /// when there is not enough, and then none is taken; EPERM when sealed against growing and the range does.
    #[cfg(feature = "write")]
    pub fn reserve(&self, offset: u64, len: u64) -> Result<()> {
        let _writer = self.writer.lock();
        let end = offset.saturating_add(len);
        let missing: Vec<u64> = {
            let state = self.state.lock();
            if state.seals.contains(Seals::GROW) && end > state.size {
                return Err(Errno::EPERM);
            }
            let needed = end.div_ceil(PAGE_BYTES) - offset / PAGE_BYTES;
            if needed > self.frames.free_bytes() / PAGE_BYTES + state.pages.len() as u64 + state.valid.div_ceil(PAGE_BYTES) {
                return Err(Errno::ENOSPC);
            }
            (offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).filter(|index| !state.is_data(*index)).collect()
        };
        let mut pages = Vec::new();
        for index in missing {
            pages.push((index, Page::zeroed(self.frames).ok_or(Errno::ENOSPC)?));
        }
        let mut state = self.state.lock();
        for (index, page) in pages {
            // A fault may have been faster.
            state.pages.get_or_insert(index, page);
        }
        self.recount(&mut state);
        Ok(())
    }

    /// The next offset at or after `offset` with data; ENXIO.
    #[cfg(feature = "write")]
    pub fn next_data(&self, offset: u64) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        if offset < state.valid || state.is_data(offset / PAGE_BYTES) {
            return Ok(offset);
        }
        let next = state.pages.range(offset / PAGE_BYTES..).next().map(|(index, _)| index * PAGE_BYTES);
        next.filter(|at| *at < state.size).ok_or(Errno::ENXIO)
    }

    /// The next offset at or after `offset` without data; the end is one. ENXIO.
    #[cfg(feature = "write")]
    pub fn next_hole(&self, offset: u64) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        let mut index = offset / PAGE_BYTES;
        while index * PAGE_BYTES < state.size && state.is_data(index) {
            index += 1;
        }
        Ok((index * PAGE_BYTES).clamp(offset, state.size))
    }

    /// The seals set.
    pub fn seals(&self) -> Seals {
        self.state.lock().seals
    }

    /// Adds seals: EPERM when sealed against that, EBUSY for a write seal while a page may be mapped for writing.
    #[cfg(feature = "write")]
    pub fn add_seals(&self, seals: Seals) -> Result<()> {
        let mut state = self.state.lock();
        if state.seals.contains(Seals::SEAL) {
            return Err(Errno::EPERM);
        }
        if seals.contains(Seals::WRITE) && !state.seals.contains(Seals::WRITE) {
            // One reference is ours; any other is a mapping.
            if state.pages.values().any(|page| page.references() > 1) {
                return Err(Errno::EBUSY);
            }
        }
        state.seals |= seals;
        Ok(())
    }
}

impl Drop for PageCache {
    fn drop(&mut self) {
        self.frames.count_cached(self.state.get_mut().counted, 0);
    }
}

impl MapObject for PageCache {
    fn page(&self, index: u64, access: PageAccess) -> Result<Page> {
        if index >= self.size().div_ceil(PAGE_BYTES) {
            return Err(Errno::ENXIO);
        }
        match access {
            PageAccess::Read => {
                if let Some(page) = self.resident(index) {
                    return Ok(page);
                }
            }
            PageAccess::Write => {
                if self.seals().contains(Seals::WRITE) {
                    return Err(Errno::EPERM);
                }
            }
        }
        self.own_page(index).map(|(page, _)| page).map_err(|_| Errno::ENOMEM)
    }

    fn size(&self) -> u64 {
        self.state.lock().size
    }

    fn resident(&self, index: u64) -> Option<Page> {
        let state = self.state.lock();
        if let Some(page) = state.pages.get(index) {
            return Some(page.clone());
        }
        let start = index.checked_mul(PAGE_BYTES)?;
        let whole = start.checked_add(PAGE_BYTES).is_some_and(|end| end <= state.valid);
        drop(state);
        if whole { Page::foreign(self.frames, &self.backing[start as usize..start as usize + PAGE_SIZE]) } else { None }
    }

    /// Pages that nobody writes stay.
    #[cfg(not(feature = "write"))]
    fn watch(&self, _observer: Weak<dyn MapObserver>) {}

    #[cfg(feature = "write")]
    fn watch(&self, observer: Weak<dyn MapObserver>) {
        let mut observers = self.observers.lock();
        observers.retain(|known| known.strong_count() > 0);
        if !observers.iter().any(|known| known.ptr_eq(&observer)) {
            observers.push(observer);
        }
    }

    #[cfg(not(feature = "write"))]
    fn changed(&self, _first: u64, _end: u64) {}

    #[cfg(feature = "write")]
    fn changed(&self, first: u64, end: u64) {
        self.invalidate(first, end);
    }

    #[cfg(feature = "write")]
    fn discard(&self, first: u64, end: u64) -> Result<()> {
        let start = first.saturating_mul(PAGE_BYTES);
        self.zero(start, end.saturating_mul(PAGE_BYTES).saturating_sub(start))
    }
}
