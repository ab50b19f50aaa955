//! The open file description of anything opened by path.

use crate::{EventMask, FsEvent, Inode, Location, LockOwner, MountFlags, Seals, WriteAt};
#[cfg(feature = "locks")]
use crate::{LockConflict, LockKind, LockRange};
use alloc::sync::Arc;
use core::any::Any;
use file::{AccessMode, DirEntry, Events, File, FileType, OpenFlags, SeekFrom, Sink, Socket, Source, Stat, UserMemory, WaitQueue};
use frame::MapObject;
use spinlock::Mutex;
use uapi::ioctl::FIONREAD;
use uapi::{Errno, Result};

/// What reads and writes go to.
pub(crate) enum Body {
    /// The inode's own bytes.
    Data,
    /// The inode's entries.
    Directory,
    /// A device, a fifo, a generated text.
    Other(Arc<dyn File>),
    /// Nothing: O_PATH.
    Place,
}

/// An open file, directory or device, and where it was found. Behind a `dyn File` it is found by [`opened`].
pub struct OpenFile {
    location: Location,
    access: AccessMode,
    body: Body,
    /// Names this description among all: owner of its flock and OFD locks.
    id: u64,
    /// Offset of the next read or write. The lock is held while bytes are copied, so that threads sharing a descriptor each get their own bytes; a
    /// fault during the copy does not need it.
    position: Mutex<u64>,
}

/// The open file behind `file`, if it was opened by path: its [`Location`], inode, locks.
pub fn opened(file: &dyn File) -> Option<&OpenFile> {
    file.opened()?.downcast_ref()
}

impl Location {
    /// Tells watchers that something happened to what is here.
    #[cfg(not(feature = "events"))]
    #[inline(always)]
    pub(crate) fn emit(&self, _mask: EventMask) {}

    /// Tells watchers that something happened to what is here.
    #[cfg(feature = "events")]
    pub(crate) fn emit(&self, mask: EventMask) {
        let events = &self.mount.vfs().events;
        if events.watched() {
            let place = self.dentry.parent_and_name();
            let entry = place.as_ref().map(|(dir, name)| (dir.inode(), &**name));
            events.emit(&FsEvent { mask, cookie: 0, inode: self.inode(), entry, unlinked: self.dentry.is_deleted() });
        }
    }
}

impl OpenFile {
    pub(crate) fn make(location: Location, access: AccessMode, body: Body) -> Arc<OpenFile> {
        let id = location.mount.vfs().new_file_id();
        Arc::new(OpenFile { location, access, body, id, position: Mutex::new(0) })
    }

    /// An open file over the bytes of an inode that no path leads to (memfd_create). `name` is what /proc/self/fd shows.
    pub fn unnamed(location: Location, access: AccessMode) -> Arc<OpenFile> {
        Self::make(location, access, Body::Data)
    }

    /// Where it was opened; follows renames.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Its inode.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.location.inode()
    }

    /// What it was opened for.
    pub fn access(&self) -> AccessMode {
        self.access
    }

    /// The file that does the work, if that is a device, fifo or generated text.
    pub fn inner(&self) -> Option<&Arc<dyn File>> {
        match &self.body {
            Body::Other(file) => Some(file),
            _ => None,
        }
    }

    /// Whether it was opened with O_PATH.
    pub fn is_path_only(&self) -> bool {
        matches!(self.body, Body::Place)
    }

    /// As whom it holds OFD locks.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::File(self.id)
    }

    /// flock(2): `None` unlocks. EAGAIN when another description's lock is in the way; wait on [`lock_queue`](Self::lock_queue).
    #[cfg(feature = "locks")]
    pub fn flock(&self, kind: Option<LockKind>) -> Result<()> {
        self.location.mount.vfs().locks.flock(self.inode(), self.id, kind)
    }

    /// Where to wait for this file's locks.
    #[cfg(feature = "locks")]
    pub fn lock_queue(&self) -> WaitQueue {
        self.location.mount.vfs().locks.queue(self.inode())
    }

    /// F_SETLK and F_OFD_SETLK; `None` unlocks. EAGAIN; EBADF unless the file is open for reading (shared) or writing (exclusive). Deadlocks
    /// among waiting processes are not found out (no EDEADLK).
    #[cfg(feature = "locks")]
    pub fn set_record_lock(&self, owner: LockOwner, pid: i32, kind: Option<LockKind>, range: LockRange) -> Result<()> {
        let allowed = match kind {
            Some(LockKind::Shared) => self.access.readable(),
            Some(LockKind::Exclusive) => self.access.writable(),
            None => !self.is_path_only(),
        };
        if !allowed {
            return Err(Errno::EBADF);
        }
        self.location.mount.vfs().locks.set(self.inode(), owner, pid, kind, range)
    }

    /// F_GETLK and F_OFD_GETLK.
    #[cfg(feature = "locks")]
    pub fn record_lock(&self, owner: LockOwner, kind: LockKind, range: LockRange) -> Option<LockConflict> {
        self.location.mount.vfs().locks.get(self.inode(), owner, kind, range)
    }

    /// Must be called when a process closes any descriptor of this file: its POSIX locks on the inode go. One load when there are no locks.
    pub fn release_record_locks(&self, owner: LockOwner) {
        #[cfg(feature = "locks")]
        self.location.mount.vfs().locks.release(self.inode(), owner);
        #[cfg(not(feature = "locks"))]
        let _ = owner;
    }

    /// F_GET_SEALS.
    pub fn seals(&self) -> Result<Seals> {
        self.inode().seals()
    }

    /// F_ADD_SEALS; EPERM unless open for writing.
    pub fn add_seals(&self, seals: Seals) -> Result<()> {
        if !self.access.writable() {
            return Err(Errno::EPERM);
        }
        self.inode().add_seals(seals)
    }

    pub(crate) fn emit(&self, mask: EventMask) {
        self.location.emit(mask);
    }

    fn data(&self) -> Result<&Arc<dyn Inode>> {
        match self.body {
            Body::Data => Ok(self.inode()),
            Body::Directory => Err(Errno::EISDIR),
            Body::Place => Err(Errno::EBADF),
            Body::Other(_) => Err(Errno::EINVAL),
        }
    }

    fn was_read(&self, count: usize, flags: OpenFlags) {
        let still = MountFlags::NOATIME | MountFlags::RDONLY;
        if count > 0 && !flags.contains(OpenFlags::NOATIME) && !self.location.mount.flags().intersects(still) {
            self.inode().accessed();
        }
        self.emit(EventMask::ACCESS);
    }

    fn seek_data(&self, to: SeekFrom) -> Result<u64> {
        let inode = self.inode();
        let mut position = self.position.lock();
        let from = |base: u64, offset: i64| i64::try_from(base).ok().and_then(|b| b.checked_add(offset)).ok_or(Errno::EINVAL);
        let unsigned = |offset: i64| u64::try_from(offset).map_err(|_| Errno::ENXIO);
        let target = match to {
            SeekFrom::Start(offset) => offset,
            SeekFrom::Current(offset) => from(*position, offset)?,
            SeekFrom::End(offset) => from(inode.size(), offset)?,
            SeekFrom::Data(offset) => from(inode.next_data(unsigned(offset)?)?, 0)?,
            SeekFrom::Hole(offset) => from(inode.next_hole(unsigned(offset)?)?, 0)?,
        };
        *position = u64::try_from(target).map_err(|_| Errno::EINVAL)?;
        Ok(*position)
    }

    fn seek_directory(&self, to: SeekFrom) -> Result<u64> {
        let mut position = self.position.lock();
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => i64::try_from(*position).ok().and_then(|p| p.checked_add(offset)),
            _ => None,
        };
        *position = target.and_then(|t| u64::try_from(t).ok()).ok_or(Errno::EINVAL)?;
        Ok(*position)
    }

    #[cfg(feature = "directories")]
    fn list(&self, position: &mut u64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let inode = self.inode();
        let dot = |ino: u64, next_offset: i64, name: &[u8]| DirEntry { ino, next_offset, kind: FileType::Directory, name: name.to_vec() };
        if *position == 0 {
            if !each(&dot(inode.stat().ino, 1, b".")) {
                return Ok(());
            }
            *position = 1;
        }
        if *position == 1 {
            let mut up = self.location.clone();
            up.ascend(&up.mount.top());
            if !each(&dot(up.inode().stat().ino, 2, b"..")) {
                return Ok(());
            }
            *position = 2;
        }
        let offset = i64::try_from(*position).map_err(|_| Errno::EINVAL)?;
        inode.read_dir(offset, &mut |entry| {
            let more = each(entry);
            if more {
                *position = entry.next_offset.unsigned_abs();
            }
            more
        })
    }
}

impl File for OpenFile {
    fn read(&self, dst: &mut dyn Sink, flags: OpenFlags) -> Result<usize> {
        if let Body::Other(file) = &self.body {
            let n = file.read(dst, flags)?;
            self.emit(EventMask::ACCESS);
            return Ok(n);
        }
        let inode = self.data()?;
        let mut position = self.position.lock();
        let n = inode.read_at(dst, *position)?;
        *position += n as u64;
        drop(position);
        self.was_read(n, flags);
        Ok(n)
    }

    fn write(&self, src: &mut dyn Source, flags: OpenFlags) -> Result<usize> {
        if let Body::Other(file) = &self.body {
            let n = file.write(src, flags)?;
            self.emit(EventMask::MODIFY);
            return Ok(n);
        }
        let inode = self.data()?;
        let mut position = self.position.lock();
        let at = if flags.contains(OpenFlags::APPEND) { WriteAt::End } else { WriteAt::Offset(*position) };
        let (n, end) = inode.write_at(src, at)?;
        *position = end;
        drop(position);
        self.emit(EventMask::MODIFY);
        Ok(n)
    }

    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        if let Body::Other(file) = &self.body {
            return file.read_at(dst, offset);
        }
        let n = self.data()?.read_at(dst, offset)?;
        self.was_read(n, OpenFlags::empty());
        Ok(n)
    }

    fn write_at(&self, src: &mut dyn Source, offset: u64) -> Result<usize> {
        if let Body::Other(file) = &self.body {
            return file.write_at(src, offset);
        }
        let (n, _) = self.data()?.write_at(src, WriteAt::Offset(offset))?;
        self.emit(EventMask::MODIFY);
        Ok(n)
    }

    fn seek(&self, to: SeekFrom) -> Result<u64> {
        match &self.body {
            Body::Data => self.seek_data(to),
            Body::Directory => self.seek_directory(to),
            Body::Other(file) => file.seek(to),
            Body::Place => Err(Errno::EBADF),
        }
    }

    fn poll(&self) -> Events {
        match &self.body {
            Body::Other(file) => file.poll(),
            _ => Events::READABLE | Events::WRITABLE,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.inner().and_then(|file| file.wait_queue())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.inode().stat())
    }

    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        match &self.body {
            Body::Other(file) => file.ioctl(command, arg, user),
            Body::Data if command == FIONREAD => {
                let left = self.inode().size().saturating_sub(*self.position.lock());
                user.write(arg, &i32::try_from(left).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            Body::Place => Err(Errno::EBADF),
            _ => Err(Errno::ENOTTY),
        }
    }

    #[cfg(feature = "directories")]
    fn read_dir(&self, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        match self.body {
            Body::Directory if self.location.dentry.is_deleted() => Err(Errno::ENOENT),
            Body::Directory => {
                // Entries are copied out by `each`: the position is put back afterwards instead of staying locked.
                let mut position = *self.position.lock();
                let result = self.list(&mut position, each);
                *self.position.lock() = position;
                self.was_read(1, OpenFlags::empty());
                result
            }
            Body::Place => Err(Errno::EBADF),
            _ => Err(Errno::ENOTDIR),
        }
    }

    #[cfg(feature = "write")]
    fn truncate(&self, size: u64) -> Result<()> {
        if let Body::Other(file) = &self.body {
            return file.truncate(size);
        }
        match self.data() {
            Ok(inode) => inode.set_size(size)?,
            Err(Errno::EISDIR) => return Err(Errno::EINVAL),
            Err(e) => return Err(e),
        }
        self.emit(EventMask::MODIFY);
        Ok(())
    }

    #[cfg(feature = "write")]
    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        if let Body::Other(file) = &self.body {
            return file.allocate(mode, offset, len);
        }
        let inode = self.data()?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        if offset.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EFBIG);
        }
        inode.allocate(mode, offset, len)?;
        self.emit(EventMask::MODIFY);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        match &self.body {
            Body::Other(file) => file.sync(),
            Body::Place => Err(Errno::EBADF),
            _ => self.inode().sync(),
        }
    }

    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        match &self.body {
            Body::Data => self.inode().map_object(),
            Body::Other(file) => file.map_object(),
            Body::Directory => Err(Errno::ENODEV),
            Body::Place => Err(Errno::EBADF),
        }
    }

    fn as_socket(&self) -> Option<&dyn Socket> {
        self.inner().and_then(|file| file.as_socket())
    }

    fn flags_changed(&self, flags: OpenFlags) {
        if let Some(file) = self.inner() {
            file.flags_changed(flags);
        }
    }

    fn opened(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        match &self.body {
            Body::Other(file) => file.as_any(),
            _ => self,
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        #[cfg(feature = "locks")]
        if !self.location.mount.vfs().locks.is_empty() && !self.is_path_only() {
            let locks = &self.location.mount.vfs().locks;
            // Unlocking cannot fail.
            let _ = locks.flock(self.inode(), self.id, None);
            locks.release(self.inode(), LockOwner::File(self.id));
        }
        if !self.is_path_only() {
            self.emit(if self.access.writable() { EventMask::CLOSE_WRITE } else { EventMask::CLOSE_NOWRITE });
        }
    }
}
