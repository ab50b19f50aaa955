//! File locks: flock(2), POSIX record locks and open-file-description locks (fcntl(2)).

use crate::Inode;
use crate::inode::identity;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};
use wait::{Events, WaitQueue};

/// Shared (read) or exclusive (write).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// LOCK_SH, F_RDLCK.
    Shared,
    /// LOCK_EX, F_WRLCK.
    Exclusive,
}

/// Who holds a record lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOwner {
    /// A process (by its descriptor table), for POSIX locks.
    Process(u64),
    /// An open file description, for OFD locks: [`OpenFile::lock_owner`](crate::OpenFile::lock_owner).
    File(u64),
}

/// The bytes `start ..= last`; `last == u64::MAX` means to the end, wherever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRange {
    /// First byte.
    pub start: u64,
    /// Last byte.
    pub last: u64,
}

impl LockRange {
    /// From `struct flock`: `start` already absolute; a negative `len` means the bytes before. EINVAL, EOVERFLOW.
    pub fn new(start: i64, len: i64) -> Result<LockRange> {
        let end = start.checked_add(len).ok_or(Errno::EOVERFLOW)?;
        let (first, last) = match len {
            0 => (start, None),
            1.. => (start, Some(end - 1)),
            _ => (end, Some(start - 1)),
        };
        let start = u64::try_from(first).map_err(|_| Errno::EINVAL)?;
        let last = last.map_or(Ok(u64::MAX), u64::try_from).map_err(|_| Errno::EINVAL)?;
        Ok(LockRange { start, last })
    }

    fn overlaps(&self, other: &LockRange) -> bool {
        self.start <= other.last && other.start <= self.last
    }
}

/// The lock that is in the way (F_GETLK).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockConflict {
    /// Which bytes.
    pub range: LockRange,
    /// How.
    pub kind: LockKind,
    /// Process that holds it; -1 for OFD locks.
    pub pid: i32,
}

struct RecordLock {
    range: LockRange,
    kind: LockKind,
    owner: LockOwner,
    pid: i32,
}

#[derive(Default)]
struct FileLocks {
    whole: Vec<(u64, LockKind)>,
    records: Vec<RecordLock>,
    queue: WaitQueue,
}

impl FileLocks {
    fn conflict(&self, owner: LockOwner, kind: LockKind, range: LockRange) -> Option<&RecordLock> {
        let clash = |lock: &&RecordLock| {
            lock.owner != owner && lock.range.overlaps(&range) && (kind == LockKind::Exclusive || lock.kind == LockKind::Exclusive)
        };
        self.records.iter().filter(clash).min_by_key(|lock| lock.range.start)
    }

    /// Takes `range` out of what `owner` holds, splitting locks that stick out.
    fn cut(&mut self, owner: LockOwner, range: LockRange) {
        let mut kept = Vec::with_capacity(self.records.len() + 1);
        for lock in self.records.drain(..) {
            if lock.owner != owner || !lock.range.overlaps(&range) {
                kept.push(lock);
                continue;
            }
            let RecordLock { kind, owner, pid, range: held } = lock;
            if held.start < range.start {
                kept.push(RecordLock { range: LockRange { start: held.start, last: range.start - 1 }, kind, owner, pid });
            }
            if held.last > range.last {
                kept.push(RecordLock { range: LockRange { start: range.last + 1, last: held.last }, kind, owner, pid });
            }
        }
        self.records = kept;
    }
}

/// All locks, by inode: most inodes never have any, so none carries a list of its own.
#[derive(Default)]
pub struct LockTable {
    // Keyed by address: whoever holds a lock holds the file open, so the inode stays.
    files: Mutex<SortedMap<usize, FileLocks>>,
    count: AtomicUsize,
}

impl LockTable {
    fn edit<T>(&self, inode: &Arc<dyn Inode>, edit: impl FnOnce(&mut FileLocks) -> T) -> T {
        let mut files = self.files.lock();
        let key = identity(inode);
        let locks = files.get_or_insert_with(key, FileLocks::default);
        let result = edit(locks);
        if locks.whole.is_empty() && locks.records.is_empty() && locks.queue.is_empty() {
            files.remove(&key);
        }
        self.count.store(files.len(), Ordering::Release);
        result
    }

    /// Whether no file is locked and nobody waits: what closing a file asks first.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Where to wait for locks on this inode; woken whenever one is released.
    pub fn queue(&self, inode: &Arc<dyn Inode>) -> WaitQueue {
        // Kept even though nobody waits yet: the caller is about to.
        let mut files = self.files.lock();
        let queue = files.get_or_insert_with(identity(inode), FileLocks::default).queue.clone();
        self.count.store(files.len(), Ordering::Release);
        queue
    }

    /// flock(2) by open file `file`; EAGAIN when another open file's lock is in the way (a lock that is changed is lost then, as on Linux).
    pub fn flock(&self, inode: &Arc<dyn Inode>, file: u64, kind: Option<LockKind>) -> Result<()> {
        let (result, wake) = self.edit(inode, |locks| {
            let before = locks.whole.len();
            if let Some(kind) = kind
                && locks.whole.contains(&(file, kind))
            {
                return (Ok(()), None);
            }
            locks.whole.retain(|(owner, _)| *owner != file);
            let freed = locks.whole.len() < before;
            let result = match kind {
                Some(kind) if locks.whole.iter().any(|(_, held)| kind == LockKind::Exclusive || *held == LockKind::Exclusive) => {
                    Err(Errno::EAGAIN)
                }
                Some(kind) => {
                    locks.whole.push((file, kind));
                    Ok(())
                }
                None => Ok(()),
            };
            (result, freed.then(|| locks.queue.clone()))
        });
        if let Some(queue) = wake {
            queue.wake(Events::READABLE | Events::WRITABLE);
        }
        result
    }

    /// Sets (or with `None` removes) a record lock; EAGAIN when another owner's is in the way.
    pub fn set(&self, inode: &Arc<dyn Inode>, owner: LockOwner, pid: i32, kind: Option<LockKind>, range: LockRange) -> Result<()> {
        let queue = self.edit(inode, |locks| {
            if let Some(kind) = kind
                && locks.conflict(owner, kind, range).is_some()
            {
                return Err(Errno::EAGAIN);
            }
            locks.cut(owner, range);
            if let Some(kind) = kind {
                let mut range = range;
                // Joins neighbours of the same kind, so that a file locked byte by byte does not grow a long list.
                locks.records.retain(|lock| {
                    let touches = lock.range.last.saturating_add(1) >= range.start && range.last.saturating_add(1) >= lock.range.start;
                    let join = lock.owner == owner && lock.kind == kind && touches;
                    if join {
                        range.start = range.start.min(lock.range.start);
                        range.last = range.last.max(lock.range.last);
                    }
                    !join
                });
                locks.records.push(RecordLock { range, kind, owner, pid });
            }
            Ok(locks.queue.clone())
        })?;
        // Unlocking and downgrading both may let others in.
        if kind != Some(LockKind::Exclusive) {
            queue.wake(Events::READABLE | Events::WRITABLE);
        }
        Ok(())
    }

    /// The first lock that would be in the way of setting one (F_GETLK); `None` when it could be set.
    pub fn get(&self, inode: &Arc<dyn Inode>, owner: LockOwner, kind: LockKind, range: LockRange) -> Option<LockConflict> {
        self.edit(inode, |locks| {
            let lock = locks.conflict(owner, kind, range)?;
            let pid = if matches!(lock.owner, LockOwner::File(_)) { -1 } else { lock.pid };
            Some(LockConflict { range: lock.range, kind: lock.kind, pid })
        })
    }

    /// Removes every record lock that `owner` holds on the inode: done when a process closes any descriptor of it.
    pub fn release(&self, inode: &Arc<dyn Inode>, owner: LockOwner) {
        if self.is_empty() || !self.files.lock().contains_key(&identity(inode)) {
            return;
        }
        let queue = self.edit(inode, |locks| {
            let before = locks.records.len();
            locks.records.retain(|lock| lock.owner != owner);
            (locks.records.len() < before).then(|| locks.queue.clone())
        });
        if let Some(queue) = queue {
            queue.wake(Events::READABLE | Events::WRITABLE);
        }
    }
}
