//! Metadata: stat(2), chmod(2), chown(2), utimensat(2), truncate(2), access(2), statfs(2), readlink(2).
//!
//! Each has a form for paths and one (`*_of`) for a place already found: what fchmod(2) and its like do with
//! [`OpenFile::location`](crate::OpenFile::location).

use crate::context::Want;
use crate::{Attributes, Context, EventMask, Follow, Location, MountFlags, StatFs};
use alloc::vec::Vec;
use file::{FileType, Stat};
use uapi::types::Timespec;
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// What access(2) asks about; empty is F_OK.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Access: u32 {
        /// X_OK.
        const EXEC = 1;
        /// W_OK.
        const WRITE = 2;
        /// R_OK.
        const READ = 4;
    }
}

/// One of utimensat(2)'s two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// UTIME_NOW.
    Now,
    /// UTIME_OMIT.
    Omit,
    /// This time; nanoseconds in range.
    At(Timespec),
}

impl Context {
    /// stat(2), lstat(2).
    pub fn stat(&self, dir: Option<&Location>, path: &[u8], follow: Follow) -> Result<Stat> {
        Ok(self.resolve(dir, path, follow)?.inode().stat())
    }

    /// readlink(2): EINVAL for anything but a symbolic link.
    pub fn read_link(&self, dir: Option<&Location>, path: &[u8]) -> Result<Vec<u8>> {
        self.resolve(dir, path, Follow::No)?.inode().read_link()
    }

    /// access(2), as this context's user; EROFS for writing to a file on a read-only mount.
    pub fn access(&self, dir: Option<&Location>, path: &[u8], access: Access, follow: Follow) -> Result<()> {
        self.access_of(&self.resolve(dir, path, follow)?, access)
    }

    /// access(2) on a place.
    pub fn access_of(&self, at: &Location, access: Access) -> Result<()> {
        let kind = at.inode().kind();
        if access.contains(Access::WRITE) && matches!(kind, FileType::Regular | FileType::Directory | FileType::Symlink) {
            at.mount.check_writable()?;
        }
        if access.contains(Access::EXEC) && kind == FileType::Regular && at.mount.flags().contains(MountFlags::NOEXEC) {
            return Err(Errno::EACCES);
        }
        self.permit(at.inode(), Want::from_bits_truncate(access.bits()))
    }

    /// Whether the file at `at` may be executed (execve(2)): EACCES for directories, devices, noexec mounts, no x bit.
    pub fn may_execute(&self, at: &Location) -> Result<()> {
        if at.inode().kind() != FileType::Regular {
            return Err(Errno::EACCES);
        }
        self.access_of(at, Access::EXEC)
    }

    /// chmod(2). EOPNOTSUPP for a symbolic link itself.
    pub fn chmod(&self, dir: Option<&Location>, path: &[u8], mode: u32, follow: Follow) -> Result<()> {
        self.chmod_of(&self.resolve(dir, path, follow)?, mode)
    }

    /// fchmod(2).
    pub fn chmod_of(&self, at: &Location, mode: u32) -> Result<()> {
        at.mount.check_writable()?;
        let inode = at.inode();
        if inode.kind() == FileType::Symlink {
            return Err(Errno::EOPNOTSUPP);
        }
        self.owns(inode)?;
        let mut mode = mode & 0o7777;
        if self.uid != 0 && !self.in_group(inode.owner().gid) {
            mode &= !0o2000;
        }
        inode.set_attributes(&Attributes { mode: Some(mode), ..Attributes::default() })?;
        at.emit(EventMask::ATTRIB);
        Ok(())
    }

    /// chown(2), lchown(2); `None` (-1) leaves one alone.
    pub fn chown(&self, dir: Option<&Location>, path: &[u8], uid: Option<u32>, gid: Option<u32>, follow: Follow) -> Result<()> {
        self.chown_of(&self.resolve(dir, path, follow)?, uid, gid)
    }

    /// fchown(2).
    pub fn chown_of(&self, at: &Location, uid: Option<u32>, gid: Option<u32>) -> Result<()> {
        at.mount.check_writable()?;
        let inode = at.inode();
        let owner = inode.owner();
        if self.uid != 0 {
            let keeps_owner = uid.is_none_or(|uid| uid == owner.uid);
            let own_group = gid.is_none_or(|gid| gid == owner.gid || self.in_group(gid));
            if (uid.is_some() || gid.is_some()) && (owner.uid != self.uid || !keeps_owner || !own_group) {
                return Err(Errno::EPERM);
            }
        }
        let mut mode = None;
        if inode.kind() == FileType::Regular && owner.mode & 0o6000 != 0 && (uid.is_some() || gid.is_some()) {
            // Set-user-id never survives a change of owner; set-group-id only where it means mandatory locking, not execution.
            let group_bit = if owner.mode & 0o010 != 0 { 0o2000 } else { 0 };
            mode = Some(owner.mode & !(0o4000 | group_bit));
        }
        inode.set_attributes(&Attributes { mode, uid, gid, ..Attributes::default() })?;
        at.emit(EventMask::ATTRIB);
        Ok(())
    }

    /// utimensat(2).
    pub fn set_times(&self, dir: Option<&Location>, path: &[u8], atime: SetTime, mtime: SetTime, follow: Follow) -> Result<()> {
        self.set_times_of(&self.resolve(dir, path, follow)?, atime, mtime)
    }

    /// futimens(3): setting both to now takes write permission (else EACCES), anything else ownership (else EPERM).
    pub fn set_times_of(&self, at: &Location, atime: SetTime, mtime: SetTime) -> Result<()> {
        if (atime, mtime) == (SetTime::Omit, SetTime::Omit) {
            return Ok(());
        }
        at.mount.check_writable()?;
        let inode = at.inode();
        if self.owns(inode).is_err() {
            if (atime, mtime) != (SetTime::Now, SetTime::Now) {
                return Err(Errno::EPERM);
            }
            self.permit(inode, Want::WRITE)?;
        }
        let now = self.vfs().clock.now();
        let pick = |time| match time {
            SetTime::Now => Some(now),
            SetTime::Omit => None,
            SetTime::At(time) => Some(time),
        };
        inode.set_attributes(&Attributes { atime: pick(atime), mtime: pick(mtime), ..Attributes::default() })?;
        at.emit(EventMask::ATTRIB);
        Ok(())
    }

    /// truncate(2): EISDIR, EINVAL for other than regular files.
    pub fn truncate(&self, dir: Option<&Location>, path: &[u8], size: u64) -> Result<()> {
        let at = self.resolve(dir, path, Follow::Yes)?;
        match at.inode().kind() {
            FileType::Regular => {}
            FileType::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
        at.mount.check_writable()?;
        self.permit(at.inode(), Want::WRITE)?;
        at.inode().set_size(size)?;
        at.emit(EventMask::MODIFY);
        Ok(())
    }

    /// statfs(2).
    pub fn statfs(&self, dir: Option<&Location>, path: &[u8]) -> Result<StatFs> {
        Ok(self.resolve(dir, path, Follow::Yes)?.statfs())
    }
}

impl Location {
    /// fstatfs(2): the file system's answer with the mount's options as ST_* flags.
    pub fn statfs(&self) -> StatFs {
        /// ST_RELATIME, and ST_VALID that Linux sets always.
        const RELATIME_VALID: u64 = 0x1020;
        let mount = self.mount.flags();
        let options = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let mut stat = self.mount.fs().statfs();
        stat.flags |= u64::from((mount & options).bits()) | RELATIME_VALID;
        stat
    }
}
