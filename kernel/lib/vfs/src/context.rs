//! Who asks, from where, and what they may do.

use crate::walk::Walk;
use crate::{Inode, Location, Namespace, Owner, Resolve, Vfs};
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::FileType;
use uapi::{Errno, Result};

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Yes (stat, open).
    Yes,
    /// No (lstat, O_NOFOLLOW, AT_SYMLINK_NOFOLLOW).
    No,
}

/// Everything about the caller that the meaning of a path depends on. Every system call on paths is a method; `dir` is the place of the
/// `*at` descriptor, `None` for AT_FDCWD. Threads that share CLONE_FS share one behind an `Arc`, copied to be changed.
#[derive(Clone)]
pub struct Context {
    /// The tree of mounts.
    pub namespace: Arc<Namespace>,
    /// Where `/` is.
    pub root: Location,
    /// The working directory.
    pub cwd: Location,
    /// Permission bits taken off new files.
    pub umask: u32,
    /// File system user id (credentials(7)); 0 may do nearly everything.
    pub uid: u32,
    /// File system group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
}

bitflags::bitflags! {
    /// What one wants to do with an inode, with access(2)'s bits.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Want: u32 {
        const READ = 4;
        const WRITE = 2;
        const EXEC = 1;
    }
}

impl Context {
    /// Root, at the top of the tree, umask 022.
    pub fn new(namespace: Arc<Namespace>) -> Context {
        let root = namespace.root();
        Context { namespace, cwd: root.clone(), root, umask: 0o022, uid: 0, gid: 0, groups: Arc::from([]) }
    }

    /// What all file systems share.
    pub fn vfs(&self) -> &Arc<Vfs> {
        self.namespace.vfs()
    }

    /// Where a path leads: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
    pub fn resolve(&self, dir: Option<&Location>, path: &[u8], follow: Follow) -> Result<Location> {
        Walk::new(self, dir, Resolve::empty()).lookup(path, follow)
    }

    /// The directory that a path leads to, with the right to enter it: what chdir(2) and chroot(2) set [`cwd`](Self::cwd) and
    /// [`root`](Self::root) to.
    pub fn resolve_dir(&self, dir: Option<&Location>, path: &[u8]) -> Result<Location> {
        let location = self.resolve(dir, path, Follow::Yes)?;
        self.check_dir(&location)?;
        Ok(location)
    }

    /// Whether a place may become the working directory (fchdir(2)): ENOTDIR, EACCES.
    pub fn check_dir(&self, location: &Location) -> Result<()> {
        if location.inode().kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.permit(location.inode(), Want::EXEC)
    }

    /// The path of the working directory (getcwd(2)) without its NUL.
    pub fn working_path(&self) -> Result<Vec<u8>> {
        self.cwd.working_path(&self.root)
    }

    pub(crate) fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// EACCES unless the permission bits allow all of `want`.
    pub(crate) fn permit(&self, inode: &Arc<dyn Inode>, want: Want) -> Result<()> {
        if self.uid == 0 {
            // Root reads and writes anything and enters any directory, but executes only what somebody may.
            let free = !want.contains(Want::EXEC) || inode.kind() == FileType::Directory || inode.owner().mode & 0o111 != 0;
            return if free { Ok(()) } else { Err(Errno::EACCES) };
        }
        let Owner { mode, uid, gid } = inode.owner();
        let shift = if uid == self.uid {
            6
        } else if self.in_group(gid) {
            3
        } else {
            0
        };
        if (mode >> shift) & want.bits() == want.bits() { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// EPERM unless the caller owns the inode or is root.
    pub(crate) fn owns(&self, inode: &Arc<dyn Inode>) -> Result<()> {
        if self.uid == 0 || inode.owner().uid == self.uid { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Whether entries may be made in a directory: EROFS, EACCES.
    pub(crate) fn may_create(&self, dir: &Location) -> Result<()> {
        dir.mount.check_writable()?;
        self.permit(dir.inode(), Want::WRITE | Want::EXEC)
    }

    /// Whether `victim` may be removed from a directory: as [`may_create`](Self::may_create), and EPERM for what the sticky bit protects.
    pub(crate) fn may_delete(&self, dir: &Location, victim: &Arc<dyn Inode>) -> Result<()> {
        self.may_create(dir)?;
        let parent = dir.inode().owner();
        if self.uid != 0 && parent.mode & 0o1000 != 0 && parent.uid != self.uid && victim.owner().uid != self.uid {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Owner and mode of a new inode in `dir`: a set-group-id directory hands on its group (and, to directories, the bit).
    pub(crate) fn new_owner(&self, dir: &Location, kind: FileType, mode: u32) -> Owner {
        let parent = dir.inode().owner();
        let mut owner = Owner { mode: mode & 0o7777 & !self.umask, uid: self.uid, gid: self.gid };
        if parent.mode & 0o2000 != 0 {
            owner.gid = parent.gid;
            if kind == FileType::Directory {
                owner.mode |= 0o2000;
            }
        }
        owner
    }
}
