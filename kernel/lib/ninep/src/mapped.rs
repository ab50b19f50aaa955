//! Pages of a file that is mapped.
//!
//! A page comes from the server at the first touch and stays while the inode is held. Which pages may have been stored to is known by the requests for
//! writing: those are sent to the server, and forgotten by the mappings first, so that the next store asks again.

use crate::inode::NineInode;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use frame::{MapObject, MapObserver, PAGE_BYTES, PAGE_SIZE, Page, PageAccess};
use sortedmap::ChunkedMap;
use spinlock::Mutex;
use uapi::types::Timespec;
use uapi::{Errno, Result};

/// Pages that are fetched together.
const AROUND: u64 = 16;

/// The pages of one file.
#[derive(Default)]
pub(crate) struct Pages {
    state: Mutex<State>,
    observers: Mutex<Vec<Weak<dyn MapObserver>>>,
    /// Mappings that have stored.
    writers: AtomicUsize,
}

#[derive(Default)]
struct State {
    pages: ChunkedMap<Page>,
    /// Pages given out for writing since they were last sent.
    dirty: Vec<u64>,
    /// Of which contents: (modification time, size) when the first page came.
    of: Option<(Timespec, u64)>,
    /// Length of `pages` as the allocator was told.
    counted: usize,
    /// What could not be sent, for the next fsync(2).
    failed: Option<Errno>,
}

impl Pages {
    pub fn is_empty(&self) -> bool {
        self.state.lock().pages.is_empty()
    }

    /// The error that a send had which nobody heard of.
    pub fn take_error(&self) -> Result<()> {
        self.state.lock().failed.take().map_or(Ok(()), Err)
    }

    fn observers(&self) -> Vec<Arc<dyn MapObserver>> {
        self.observers.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl NineInode {
    fn recount(&self, state: &mut State) {
        let now = state.pages.len();
        self.shared().vfs.frames.count_cached(core::mem::replace(&mut state.counted, now), now);
    }

    fn id(&self) -> u64 {
        core::ptr::from_ref(self).expose_provenance() as u64
    }

    fn invalidate(&self, first: u64, end: u64) {
        for observer in self.pages().observers() {
            observer.invalidate(self.id(), first, end);
        }
    }

    /// Lets go of pages `first..end`: the next touch asks the server.
    fn drop_pages(&self, first: u64, end: u64) {
        let mut state = self.pages().state.lock();
        let indices: Vec<u64> = state.pages.range(first..end).map(|(index, _)| index).collect();
        let removed: Vec<Page> = indices.into_iter().filter_map(|index| state.pages.remove(index)).collect();
        state.dirty.retain(|index| !(first..end).contains(index));
        if state.pages.is_empty() {
            state.of = None;
        }
        self.recount(&mut state);
        drop(state);
        self.invalidate(first, end);
        drop(removed);
    }

    /// Sends what was stored through mappings to the server. With no address space's lock held.
    pub fn flush(&self) -> Result<()> {
        let dirty = core::mem::take(&mut self.pages().state.lock().dirty);
        let (Some(first), Some(last)) = (dirty.iter().min(), dirty.iter().max()) else { return Ok(()) };
        // Mappings forget pages that are not the resident ones: take them out while they are asked, so that the next store is noticed.
        let taken: Vec<(u64, Page)> = {
            let mut state = self.pages().state.lock();
            dirty.iter().filter_map(|index| state.pages.remove(*index).map(|page| (*index, page))).collect()
        };
        self.invalidate(*first, *last + 1);
        let mut state = self.pages().state.lock();
        for (index, page) in &taken {
            state.pages.insert(*index, page.clone());
        }
        drop(state);
        self.send(&taken)
    }

    /// The same from the end of a mapping, where address spaces cannot be asked: what others still map stays to be sent again.
    fn flush_at_end(&self, is_last: bool) {
        let taken: Vec<(u64, Page)> = {
            let mut state = self.pages().state.lock();
            let dirty = if is_last { core::mem::take(&mut state.dirty) } else { state.dirty.clone() };
            dirty.iter().filter_map(|index| state.pages.get(*index).map(|page| (*index, page.clone()))).collect()
        };
        if let Err(error) = self.send(&taken) {
            self.pages().state.lock().failed = Some(error);
        }
    }

    fn send(&self, pages: &[(u64, Page)]) -> Result<()> {
        if pages.is_empty() {
            return Ok(());
        }
        // What lies past the end is not the file's, and a file that was cut is not to grow again.
        let size = self.node().refresh()?.size;
        let mut result = Ok(());
        for (index, page) in pages {
            let start = index * PAGE_BYTES;
            let len = size.saturating_sub(start).min(PAGE_BYTES) as usize;
            if len > 0 {
                result = result.and(page.put_into(0, len, |bytes| self.node().store(start, bytes)));
            }
        }
        // Those were our own changes.
        if let Ok(attr) = self.node().refresh() {
            self.pages().state.lock().of = Some((attr.mtime, attr.size));
        }
        result
    }

    /// Bytes `from..to` were changed on the server by a write: pages that hold some of them are old.
    pub fn wrote(&self, from: u64, to: u64) {
        if !self.pages().is_empty() && from < to {
            self.drop_pages(from / PAGE_BYTES, to.div_ceil(PAGE_BYTES));
        }
    }

    /// The file was cut or grew: pages from its new end on are old.
    pub fn resized(&self, size: u64) {
        if !self.pages().is_empty() {
            self.drop_pages(size / PAGE_BYTES, u64::MAX / PAGE_BYTES);
        }
    }

    /// Drops all pages if the file on the server is no longer what they came from: at open(2) and mmap(2).
    pub fn revalidate(&self) -> Result<()> {
        if self.pages().is_empty() {
            return Ok(());
        }
        self.flush()?;
        let attr = self.node().refresh()?;
        let of = self.pages().state.lock().of;
        if of.is_some_and(|of| of != (attr.mtime, attr.size)) {
            self.drop_pages(0, u64::MAX / PAGE_BYTES);
        }
        Ok(())
    }

    /// The page at `index`, with its neighbours from the server when it is not here.
    fn page(&self, index: u64, access: PageAccess) -> Result<Page> {
        let start = index.checked_mul(PAGE_BYTES).ok_or(Errno::ENXIO)?;
        let mut size = self.node().known().size;
        if start >= size {
            size = self.node().refresh()?.size;
            if start >= size {
                return Err(Errno::ENXIO);
            }
        }
        if self.pages().state.lock().pages.get(index).is_none() {
            self.fetch(index, size)?;
        }
        let mut state = self.pages().state.lock();
        let page = state.pages.get(index).cloned().ok_or(Errno::EIO)?;
        if access == PageAccess::Write && !state.dirty.contains(&index) {
            state.dirty.push(index);
        }
        Ok(page)
    }

    fn fetch(&self, index: u64, size: u64) -> Result<()> {
        let frames = self.shared().vfs.frames;
        let first = index - index % AROUND;
        let end = (first + AROUND).min(size.div_ceil(PAGE_BYTES));
        let mut fresh: Vec<(u64, Page)> = Vec::new();
        for at in first..end {
            match Page::zeroed(frames) {
                Some(page) => fresh.push((at, page)),
                // The one that was asked for must be had; its neighbours need not.
                None if at <= index => return Err(Errno::ENOMEM),
                None => break,
            }
        }
        if self.pages().state.lock().of.is_none() {
            let attr = self.node().refresh()?;
            self.pages().state.lock().of = Some((attr.mtime, attr.size));
        }
        let mut done = 0;
        let want = fresh.len() * PAGE_SIZE;
        while done < want {
            let count = self.node().load(first * PAGE_BYTES + done as u64, want - done, &mut |bytes| {
                let mut rest = bytes;
                let mut at = done;
                while !rest.is_empty() {
                    let Some((_, page)) = fresh.get(at / PAGE_SIZE) else { break };
                    let n = page.write(at % PAGE_SIZE, rest);
                    rest = &rest[n..];
                    at += n;
                }
                Ok(())
            })?;
            if count == 0 {
                break;
            }
            done += count;
        }
        let mut state = self.pages().state.lock();
        for (at, page) in fresh {
            state.pages.get_or_insert(at, page);
        }
        self.recount(&mut state);
        Ok(())
    }

    /// What mmap(2) maps: an object for each mapping, so that the end of one is noticed.
    pub fn mapping(self: &Arc<Self>) -> Result<Arc<dyn MapObject>> {
        self.revalidate()?;
        Ok(Arc::new(Mapping { inode: self.clone(), stores: AtomicBool::new(false) }))
    }

    /// Frees the pages, whose last user is gone.
    pub fn drop_all_pages(&mut self) {
        let frames = self.shared().vfs.frames;
        let counted = self.pages().state.lock().counted;
        frames.count_cached(counted, 0);
    }
}

/// One mapping of a file.
struct Mapping {
    inode: Arc<NineInode>,
    /// Whether it has asked for a page to store to.
    stores: AtomicBool,
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if *self.stores.get_mut() {
            let is_last = self.inode.pages().writers.fetch_sub(1, Ordering::Relaxed) == 1;
            self.inode.flush_at_end(is_last);
        }
    }
}

impl MapObject for Mapping {
    fn page(&self, index: u64, access: PageAccess) -> Result<Page> {
        if access == PageAccess::Write && !self.stores.swap(true, Ordering::Relaxed) {
            self.inode.pages().writers.fetch_add(1, Ordering::Relaxed);
        }
        self.inode.page(index, access)
    }

    fn size(&self) -> u64 {
        self.inode.node().known().size
    }

    fn resident(&self, index: u64) -> Option<Page> {
        self.inode.pages().state.lock().pages.get(index).cloned()
    }

    fn watch(&self, observer: Weak<dyn MapObserver>) {
        let mut observers = self.inode.pages().observers.lock();
        observers.retain(|known| known.strong_count() > 0);
        if !observers.iter().any(|known| known.ptr_eq(&observer)) {
            observers.push(observer);
        }
    }

    fn sync(&self) -> Result<()> {
        self.inode.flush()?;
        self.inode.pages().take_error()
    }

    fn id(&self) -> u64 {
        self.inode.id()
    }
}
