//! The epoll interest and ready lists (epoll(7)).
//!
//! [`EpollFile`] is an epoll instance as a file. Each registered file becomes an item that is itself the waker on the file's wait queue:
//! an event puts the item on the ready list, [`EpollFile::collect_with`] takes items off it, asks the file what is really ready, and
//! puts level-triggered items back. So a wait costs what is ready, not what is registered. Files are held weakly: dropping the last
//! descriptor of a file takes it out.
//!
//! Neighbours: `wait` (queues), `file` (what is watched), `syscall` (blocks on the instance's own queue, with `Share::All`).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod item;
mod nesting;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;
use core::sync::atomic::AtomicUsize;
use file::{Events, File, FileType, Stat, WaitQueue};
use item::{Item, Settings};
use sortedmap::ChunkedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// The bits of `epoll_event.events` that are not poll(2)'s.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Behaviour: u32 {
        /// EPOLLEXCLUSIVE. Accepted with its rules; every instance is woken, which epoll_ctl(2) allows ("one or more").
        const EXCLUSIVE = 1 << 28;
        /// EPOLLWAKEUP: no power management, nothing to do.
        const WAKEUP = 1 << 29;
        /// EPOLLONESHOT: disabled after one report, until modified.
        const ONESHOT = 1 << 30;
        /// EPOLLET: reported once per event, not while ready.
        const EDGE = 1 << 31;
    }
}

/// What epoll_ctl(2) is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// EPOLL_CTL_ADD with `epoll_event`'s events and data.
    Add(u32, u64),
    /// EPOLL_CTL_MOD with `epoll_event`'s events and data.
    Modify(u32, u64),
    /// EPOLL_CTL_DEL.
    Delete,
}

/// Registered files by descriptor number and a serial number: one number may be registered again after close and reuse, and one file under several
/// numbers.
type Items = ChunkedMap<Arc<Item>>;

/// Where the files registered as `fd` are.
fn places(fd: i32) -> Range<u64> {
    let first = u64::from(fd.unsigned_abs()) << 32;
    first..first + (1 << 32)
}

/// Where `file`, registered as `fd`, is.
fn place(items: &Items, fd: i32, file: &Arc<dyn File>) -> Option<u64> {
    items.range(places(fd)).find(|(_, item)| item.watches(file)).map(|(key, _)| key)
}

pub(crate) struct Shared {
    items: Mutex<Items>,
    ready: Mutex<VecDeque<Arc<Item>>>,
    queue: WaitQueue,
    /// Longest chain of instances that ever watched this one.
    above: AtomicUsize,
}

/// An epoll instance.
pub struct EpollFile {
    shared: Arc<Shared>,
    stat: Stat,
}

impl EpollFile {
    /// epoll_create1(2). `inode` is what fstat(2) shows, as far as the caller knows it.
    pub fn new(inode: Stat) -> Arc<EpollFile> {
        let stat = Stat { kind: FileType::Anonymous, mode: 0o600, nlink: 1, block_size: 4096, ..inode };
        let shared = Shared { items: Mutex::default(), ready: Mutex::default(), queue: WaitQueue::new(), above: AtomicUsize::new(0) };
        Arc::new(EpollFile { shared: Arc::new(shared), stat })
    }

    /// epoll_ctl(2) on `file`, which is open as `fd`. EEXIST, ENOENT; EPERM for files that are always ready; EINVAL for this instance itself
    /// and for wrong uses of EPOLLEXCLUSIVE; ELOOP for instances that watch each other in a circle or more than 5 deep.
    pub fn ctl(&self, op: Op, fd: i32, file: &Arc<dyn File>) -> Result<()> {
        let queue = file.wait_queue().ok_or(Errno::EPERM)?;
        let inner = file.as_any().downcast_ref::<EpollFile>();
        if inner.is_some_and(|inner| Arc::ptr_eq(&inner.shared, &self.shared)) {
            return Err(Errno::EINVAL);
        }
        match op {
            Op::Add(events, data) => {
                let settings = Settings::new(events, data)?;
                if settings.behaviour.contains(Behaviour::EXCLUSIVE) {
                    settings.check_exclusive()?;
                    if inner.is_some() {
                        return Err(Errno::EINVAL);
                    }
                }
                let item = self.insert(fd, file, settings)?;
                if let Some(inner) = inner
                    && let Err(error) = nesting::check(&self.shared, &inner.shared)
                {
                    self.remove(fd, file);
                    return Err(error);
                }
                item.listen(queue);
                item.requeue_if_ready(file);
                Ok(())
            }
            Op::Modify(events, data) => {
                let item = {
                    let items = self.shared.items.lock();
                    place(&items, fd, file).and_then(|key| items.get(key)).cloned().ok_or(Errno::ENOENT)?
                };
                let settings = Settings::new(events, data)?;
                item.modify(settings)?;
                item.listen(queue);
                item.requeue_if_ready(file);
                Ok(())
            }
            Op::Delete => self.remove(fd, file).ok_or(Errno::ENOENT),
        }
    }

    fn insert(&self, fd: i32, file: &Arc<dyn File>, settings: Settings) -> Result<Arc<Item>> {
        let item = Arc::new(Item::new(file, &self.shared, settings));
        let mut stale = Vec::new();
        {
            let mut items = self.shared.items.lock();
            if place(&items, fd, file).is_some() {
                return Err(Errno::EEXIST);
            }
            // Closed files that had the same number are taken out here: they can never be reported again.
            let gone: Vec<u64> = items.range(places(fd)).filter(|(_, item)| item.is_gone()).map(|(key, _)| key).collect();
            stale.extend(gone.iter().filter_map(|key| items.remove(*key)));
            let key = items.range(places(fd)).next_back().map_or(places(fd).start, |(last, _)| last + 1);
            items.insert(key, item.clone());
        }
        for item in stale {
            self.shared.forget(&item);
        }
        Ok(item)
    }

    fn remove(&self, fd: i32, file: &Arc<dyn File>) -> Option<()> {
        let item = {
            let mut items = self.shared.items.lock();
            let key = place(&items, fd, file)?;
            items.remove(key)?
        };
        self.shared.forget(&item);
        Some(())
    }

    /// Takes up to `max` ready items, oldest first, and gives each one's events and data to `report`, with no lock held. When `report`
    /// fails the item stays ready; the error is returned when it was the first. The number reported; 0 is "wait".
    pub fn collect_with(&self, max: usize, report: &mut dyn FnMut(u32, u64) -> Result<()>) -> Result<usize> {
        let mut done = 0;
        // Items that are put back are not looked at twice.
        let mut look = self.shared.ready.lock().len();
        while done < max && look > 0 {
            look -= 1;
            let Some(item) = self.shared.ready.lock().pop_front() else { break };
            item.unqueued();
            let Some(file) = item.file() else { continue };
            // Off the list before asking the file: an event from here on puts the item back.
            let Some(found) = item.take_report(file.poll()) else { continue };
            if let Err(error) = report(found.events.bits(), found.data) {
                item.give_back(&self.shared, &found);
                return if done == 0 { Err(error) } else { Ok(done) };
            }
            done += 1;
            if found.level {
                self.shared.push(&item);
            }
        }
        Ok(done)
    }

    /// [`collect_with`](Self::collect_with) into a vector.
    pub fn collect(&self, max: usize) -> Vec<(u32, u64)> {
        let mut out = Vec::new();
        // The reporter cannot fail.
        let _ = self.collect_with(max, &mut |events, data| {
            out.push((events, data));
            Ok(())
        });
        out
    }

    /// Number of registered files, closed ones that have not been noticed included.
    pub fn interest_len(&self) -> usize {
        self.shared.items.lock().len()
    }
}

impl Shared {
    /// Puts `item` at the end of the ready list unless it is on it.
    fn push(&self, item: &Arc<Item>) {
        let mut ready = self.ready.lock();
        if item.mark_queued() {
            ready.push_back(item.clone());
        }
    }

    fn forget(&self, item: &Arc<Item>) {
        item.disable();
        self.ready.lock().retain(|other| !Arc::ptr_eq(other, item));
    }

    /// Whether anything on the ready list is really ready; drops what is not.
    fn any_ready(&self) -> bool {
        let mut look = self.ready.lock().len();
        while look > 0 {
            look -= 1;
            let Some(item) = self.ready.lock().pop_front() else { break };
            item.unqueued();
            if item.file().is_some_and(|file| item.would_report(file.poll())) {
                let mut ready = self.ready.lock();
                if item.mark_queued() {
                    ready.push_front(item.clone());
                }
                return true;
            }
        }
        false
    }
}

impl File for EpollFile {
    fn poll(&self) -> Events {
        if self.shared.any_ready() { Events::READABLE } else { Events::empty() }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.queue)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for EpollFile {
    fn drop(&mut self) {
        // Items and their registrations own each other until this.
        let items = core::mem::take(&mut *self.shared.items.lock());
        for item in items.into_values() {
            item.disable();
        }
        let ready = core::mem::take(&mut *self.shared.ready.lock());
        drop(ready);
    }
}

#[cfg(test)]
mod tests;
