//! The descriptor table and what its entries point to (open(2), dup(2)).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use file::{AccessMode, File, OpenFlags};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// An open file description: a file with the mode it was opened in. Shared by every descriptor that dup(2), fork(2) or SCM_RIGHTS made.
pub struct Description {
    /// The open file.
    pub file: Arc<dyn File>,
    access: AccessMode,
    flags: AtomicU32,
    /// F_SETOWN's argument: a process id, a negative process group, or 0.
    owner: AtomicI32,
    /// F_SETSIG's argument.
    signal: AtomicI32,
}

impl Description {
    /// A description of `file`.
    pub fn new(file: Arc<dyn File>, access: AccessMode, flags: OpenFlags) -> Arc<Self> {
        let flags = AtomicU32::new(flags.bits());
        Arc::new(Self { file, access, flags, owner: AtomicI32::new(0), signal: AtomicI32::new(0) })
    }

    /// What it was opened for.
    pub fn access(&self) -> AccessMode {
        self.access
    }

    /// The status flags now (F_GETFL).
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// F_SETFL: changes APPEND, ASYNC, DIRECT, NOATIME and NONBLOCK, keeps the others, tells the file.
    pub fn set_flags(&self, flags: OpenFlags) {
        let settable = OpenFlags::APPEND | OpenFlags::ASYNC | OpenFlags::DIRECT | OpenFlags::NOATIME | OpenFlags::NONBLOCK;
        let new = (self.flags() - settable) | (flags & settable);
        self.flags.store(new.bits(), Ordering::Relaxed);
        self.file.flags_changed(new);
    }

    /// F_GETOWN.
    pub fn owner(&self) -> i32 {
        self.owner.load(Ordering::Relaxed)
    }

    /// F_SETOWN.
    pub fn set_owner(&self, owner: i32) {
        self.owner.store(owner, Ordering::Relaxed);
    }

    /// F_GETSIG.
    pub fn signal(&self) -> i32 {
        self.signal.load(Ordering::Relaxed)
    }

    /// F_SETSIG.
    pub fn set_signal(&self, signal: i32) {
        self.signal.store(signal, Ordering::Relaxed);
    }
}

/// Whether execve(2) closes a descriptor (FD_CLOEXEC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExec {
    /// It stays open.
    Keep,
    /// It is closed.
    Close,
}

#[derive(Clone)]
struct Entry {
    description: Arc<Description>,
    on_exec: OnExec,
}

#[derive(Default, Clone)]
struct Table {
    entries: Vec<Option<Entry>>,
    /// No descriptor below this one is free.
    lowest_free: usize,
}

impl Table {
    fn entry(&self, fd: i32) -> Result<&Entry> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        self.entries.get(index).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    fn entry_mut(&mut self, fd: i32) -> Result<&mut Entry> {
        let index = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        self.entries.get_mut(index).and_then(Option::as_mut).ok_or(Errno::EBADF)
    }

    fn free_from(&self, from: usize) -> usize {
        let start = from.max(self.lowest_free);
        let tail = self.entries.get(start..).unwrap_or_default();
        tail.iter().position(Option::is_none).map_or(self.entries.len().max(start), |i| start + i)
    }

    fn put(&mut self, at: usize, entry: Entry) -> Option<Entry> {
        if at >= self.entries.len() {
            self.entries.resize(at + 1, None);
        }
        if at == self.lowest_free {
            self.lowest_free = at + 1;
        }
        self.entries[at].replace(entry)
    }

    fn take(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.get_mut(at)?.take()?;
        self.lowest_free = self.lowest_free.min(at);
        Some(entry)
    }
}

/// A process's descriptors.
pub struct FileTable {
    table: Mutex<Table>,
    /// RLIMIT_NOFILE.
    limit: AtomicUsize,
}

impl FileTable {
    /// An empty table for descriptors below `limit`.
    pub fn new(limit: usize) -> Self {
        Self { table: Mutex::default(), limit: AtomicUsize::new(limit) }
    }

    /// RLIMIT_NOFILE; descriptors beyond it stay open.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// The description behind `fd`; EBADF.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<Arc<Description>> {
        Ok(self.table.lock().entry(fd)?.description.clone())
    }

    /// Makes the lowest free descriptor, at least `from`, point to `description`. EINVAL when `from` is beyond the limit, EMFILE when none is free.
    pub fn insert(&self, description: Arc<Description>, on_exec: OnExec, from: i32) -> Result<i32> {
        let from = usize::try_from(from).map_err(|_| Errno::EINVAL)?;
        let limit = self.limit();
        if from >= limit && from > 0 {
            return Err(Errno::EINVAL);
        }
        let mut table = self.table.lock();
        let at = table.free_from(from);
        let fd = i32::try_from(at).ok().filter(|_| at < limit).ok_or(Errno::EMFILE)?;
        table.put(at, Entry { description, on_exec });
        Ok(fd)
    }

    /// Makes `fd` point to `description` (dup2(2)); returns what it pointed to before. EBADF when `fd` is beyond the limit.
    pub fn replace(&self, fd: i32, description: Arc<Description>, on_exec: OnExec) -> Result<Option<Arc<Description>>> {
        let at = usize::try_from(fd).ok().filter(|at| *at < self.limit()).ok_or(Errno::EBADF)?;
        let old = self.table.lock().put(at, Entry { description, on_exec });
        Ok(old.map(|entry| entry.description))
    }

    /// Frees `fd`; the description comes back so that the caller drops it (and with the last one closes the file) outside the lock.
    pub fn close(&self, fd: i32) -> Result<Arc<Description>> {
        let at = usize::try_from(fd).map_err(|_| Errno::EBADF)?;
        let entry = self.table.lock().take(at).ok_or(Errno::EBADF)?;
        Ok(entry.description)
    }

    /// Frees all of `first..=last` (close_range(2)); returns what they pointed to.
    pub fn close_range(&self, first: u32, last: u32) -> Vec<Arc<Description>> {
        let mut table = self.table.lock();
        let end = table.entries.len().min((last as usize).saturating_add(1));
        (first as usize..end).filter_map(|at| table.take(at)).map(|entry| entry.description).collect()
    }

    /// Marks all of `first..=last` close-on-exec (CLOSE_RANGE_CLOEXEC).
    pub fn close_range_on_exec(&self, first: u32, last: u32) {
        let mut table = self.table.lock();
        let end = table.entries.len().min((last as usize).saturating_add(1));
        if let Some(range) = table.entries.get_mut(first as usize..end) {
            range.iter_mut().flatten().for_each(|entry| entry.on_exec = OnExec::Close);
        }
    }

    /// F_GETFD.
    pub fn on_exec(&self, fd: i32) -> Result<OnExec> {
        Ok(self.table.lock().entry(fd)?.on_exec)
    }

    /// F_SETFD.
    pub fn set_on_exec(&self, fd: i32, on_exec: OnExec) -> Result<()> {
        self.table.lock().entry_mut(fd)?.on_exec = on_exec;
        Ok(())
    }

    /// Descriptors there is room for now (FDSize in /proc/self/status).
    pub fn slots(&self) -> usize {
        self.table.lock().entries.len()
    }

    /// Open descriptors in order (/proc/self/fd).
    pub fn list(&self) -> Vec<i32> {
        let table = self.table.lock();
        let open = table.entries.iter().enumerate().filter(|(_, entry)| entry.is_some());
        open.filter_map(|(at, _)| i32::try_from(at).ok()).collect()
    }

    /// Closes what is marked close-on-exec; returns what those pointed to.
    pub fn close_on_exec(&self) -> Vec<Arc<Description>> {
        let mut table = self.table.lock();
        let marked = |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.on_exec == OnExec::Close);
        let at: Vec<usize> = (0..table.entries.len()).filter(|at| marked(&table.entries[*at])).collect();
        at.into_iter().filter_map(|at| table.take(at)).map(|entry| entry.description).collect()
    }

    /// A table of its own with the same descriptions (fork(2), unshare(2)).
    pub fn duplicate(&self) -> FileTable {
        FileTable { table: Mutex::new(self.table.lock().clone()), limit: AtomicUsize::new(self.limit()) }
    }
}
