//! inotify(7) on the VFS's own events.
//!
//! An [`InotifyFile`] is an [`vfs::EventSink`]: the VFS tells it what happens anywhere, it keeps what its watches ask for and hands it out
//! as `struct inotify_event` records. Watches are on inodes, found by path when they are added.
//!
//! Neighbours: `vfs` makes the events, `syscall` the descriptors.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod queue;

use alloc::sync::{Arc, Weak};
use core::any::Any;
use file::{Events, File, FileType, OpenFlags, Sink, Stat, UserMemory, WaitQueue};
use queue::Queue;
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::ioctl::FIONREAD;
use uapi::{Errno, Result};
use vfs::{Access, Context, EventMask, EventSink, Follow, FsEvent, Inode, Location, Vfs};

bitflags::bitflags! {
    /// The bits of a watch's mask that are no events (inotify_add_watch(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WatchFlags: u32 {
        /// IN_ONLYDIR: ENOTDIR for anything but a directory.
        const ONLYDIR = 0x0100_0000;
        /// IN_DONT_FOLLOW: watch a symbolic link itself.
        const DONT_FOLLOW = 0x0200_0000;
        /// IN_EXCL_UNLINK: nothing about files whose name is gone.
        const EXCL_UNLINK = 0x0400_0000;
        /// IN_MASK_CREATE: EEXIST when there is a watch already.
        const MASK_CREATE = 0x1000_0000;
        /// IN_MASK_ADD: add to a watch that is there.
        const MASK_ADD = 0x2000_0000;
        /// IN_ONESHOT: one event, then the watch goes.
        const ONESHOT = 0x8000_0000;
    }
}

/// IN_IGNORED: the watch is gone.
const IGNORED: u32 = 0x8000;
/// IN_ISDIR: the event is about a directory.
const ISDIR: u32 = 0x4000_0000;

/// The events of IN_ALL_EVENTS.
const ALL_EVENTS: u32 = 0xfff;

/// Most watches in one instance (fs.inotify.max_user_watches).
const MAX_WATCHES: usize = 65536;

struct Watch {
    wd: i32,
    mask: u32,
    /// Keeps the address that is its key from being used again.
    _inode: Weak<dyn Inode>,
}

#[derive(Default)]
struct State {
    /// By inode address.
    watches: SortedMap<usize, Watch>,
    last_wd: i32,
    queue: Queue,
}

/// An inotify instance.
pub struct InotifyFile {
    vfs: Arc<Vfs>,
    state: Mutex<State>,
    wait: WaitQueue,
}

fn key(inode: &Arc<dyn Inode>) -> usize {
    Arc::as_ptr(inode).cast::<()>() as usize
}

impl InotifyFile {
    /// inotify_init(2): an instance without watches.
    pub fn new(vfs: &Arc<Vfs>) -> Arc<InotifyFile> {
        let file = Arc::new(InotifyFile { vfs: vfs.clone(), state: Mutex::default(), wait: WaitQueue::new() });
        let sink: Arc<dyn EventSink> = file.clone();
        vfs.events.subscribe(Arc::downgrade(&sink));
        file
    }

    /// inotify_add_watch(2) on a path: EINVAL for a mask without events, EACCES, ENOTDIR, EEXIST, ENOSPC and the errors of path walk.
    pub fn add_watch(&self, ctx: &Context, path: &[u8], mask: u32) -> Result<i32> {
        let flags = WatchFlags::from_bits_truncate(mask);
        if mask & ALL_EVENTS == 0 || flags.contains(WatchFlags::MASK_ADD | WatchFlags::MASK_CREATE) {
            return Err(Errno::EINVAL);
        }
        let follow = if flags.contains(WatchFlags::DONT_FOLLOW) { Follow::No } else { Follow::Yes };
        let place = ctx.resolve(None, path, follow)?;
        if flags.contains(WatchFlags::ONLYDIR) && place.inode().kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        ctx.access_of(&place, Access::READ)?;
        self.watch(&place, mask, flags)
    }

    fn watch(&self, place: &Location, mask: u32, flags: WatchFlags) -> Result<i32> {
        let kept = mask & (ALL_EVENTS | (WatchFlags::EXCL_UNLINK | WatchFlags::ONESHOT).bits());
        let mut state = self.state.lock();
        if let Some(watch) = state.watches.get_mut(&key(place.inode())) {
            if flags.contains(WatchFlags::MASK_CREATE) {
                return Err(Errno::EEXIST);
            }
            watch.mask = if flags.contains(WatchFlags::MASK_ADD) { watch.mask | kept } else { kept };
            return Ok(watch.wd);
        }
        if state.watches.len() >= MAX_WATCHES {
            return Err(Errno::ENOSPC);
        }
        state.last_wd = state.last_wd.checked_add(1).ok_or(Errno::ENOSPC)?;
        let wd = state.last_wd;
        state.watches.insert(key(place.inode()), Watch { wd, mask: kept, _inode: Arc::downgrade(place.inode()) });
        self.vfs.events.watch_added();
        Ok(wd)
    }

    /// inotify_rm_watch(2): EINVAL when there is no such watch.
    pub fn remove_watch(&self, wd: i32) -> Result<()> {
        let mut state = self.state.lock();
        let found = state.watches.iter().find(|(_, watch)| watch.wd == wd).map(|(key, _)| *key);
        self.remove(&mut state, found.ok_or(Errno::EINVAL)?);
        drop(state);
        self.wait.wake(Events::READABLE);
        Ok(())
    }

    fn remove(&self, state: &mut State, key: usize) {
        if let Some(watch) = state.watches.remove(&key) {
            self.vfs.events.watches_removed(1);
            state.queue.push(watch.wd, IGNORED, 0, b"");
        }
    }

    /// Queues an event for the watch on the inode at `key`, if it wants it.
    fn offer(&self, state: &mut State, key: usize, event: &FsEvent<'_>, name: &[u8]) -> bool {
        let Some(watch) = state.watches.get(&key) else { return false };
        let excluded = event.unlinked && !name.is_empty() && watch.mask & WatchFlags::EXCL_UNLINK.bits() != 0;
        if watch.mask & event.mask.bits() == 0 || excluded {
            return false;
        }
        let directory = event.inode.kind() == FileType::Directory && !event.mask.intersects(EventMask::DELETE_SELF | EventMask::MOVE_SELF);
        let (wd, once) = (watch.wd, watch.mask & WatchFlags::ONESHOT.bits() != 0);
        state.queue.push(wd, event.mask.bits() | if directory { ISDIR } else { 0 }, event.cookie, name);
        if once {
            self.remove(state, key);
        }
        true
    }
}

/// Events about a directory's entries rather than about the inode itself.
const ENTRY_EVENTS: EventMask = EventMask::CREATE.union(EventMask::DELETE).union(EventMask::MOVED_FROM).union(EventMask::MOVED_TO);

impl EventSink for InotifyFile {
    fn notify(&self, event: &FsEvent<'_>) {
        let mut state = self.state.lock();
        let mut queued = false;
        if let Some((dir, name)) = event.entry {
            queued |= self.offer(&mut state, key(dir), event, name);
        }
        if !event.mask.intersects(ENTRY_EVENTS) {
            queued |= self.offer(&mut state, key(event.inode), event, b"");
        }
        if event.mask.contains(EventMask::DELETE_SELF) && state.watches.contains_key(&key(event.inode)) {
            self.remove(&mut state, key(event.inode));
            queued = true;
        }
        drop(state);
        if queued {
            self.wait.wake(Events::READABLE);
        }
    }
}

impl File for InotifyFile {
    fn read(&self, dst: &mut dyn Sink, _: OpenFlags) -> Result<usize> {
        let bytes = self.state.lock().queue.take(dst.remaining())?;
        // Outside the lock: the copy may fault.
        dst.put(&bytes)
    }

    fn poll(&self) -> Events {
        if self.state.lock().queue.is_empty() { Events::empty() } else { Events::READABLE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.wait)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat { kind: FileType::Anonymous, mode: 0o600, nlink: 1, block_size: 4096, ..Stat::default() })
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        if command != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let bytes = self.state.lock().queue.bytes();
        user.write(arg, &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for InotifyFile {
    fn drop(&mut self) {
        self.vfs.events.watches_removed(self.state.get_mut().watches.len());
    }
}

#[cfg(test)]
mod tests;
