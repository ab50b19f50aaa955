//! What a file system implements: [`FileSystem`] and [`Inode`].

use crate::Location;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use file::{AccessMode, DirEntry, File, FileType, OpenFlags, Sink, Source, Stat};
use frame::MapObject;
use uapi::types::Timespec;
use uapi::{Errno, Result};

/// A mounted (or mountable) file system.
pub trait FileSystem: Send + Sync {
    /// The inode of its top directory.
    fn root(&self) -> Arc<dyn Inode>;
    /// Its name in /proc/mounts (`tmpfs`, `proc`, ...).
    fn type_name(&self) -> &'static str;
    /// statfs(2).
    fn statfs(&self) -> StatFs;
    /// Its device number, `st_dev` of its inodes.
    fn dev(&self) -> u64;
}

/// What statfs(2) tells; block counts are in units of `block_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatFs {
    /// Magic number of the type (linux/magic.h).
    pub magic: u64,
    /// Bytes in a block.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks free (also for unprivileged users).
    pub blocks_free: u64,
    /// Inodes in all; 0 where that has no meaning.
    pub files: u64,
    /// Inodes free.
    pub files_free: u64,
    /// f_fsid.
    pub fsid: u64,
    /// Longest name in bytes.
    pub name_max: u64,
    /// ST_* flags (statvfs(3)), mount flags included by the caller.
    pub flags: u64,
}

impl StatFs {
    /// Of a file system that has no blocks and does not count its inodes: magic number and device number.
    pub const fn of(magic: u64, dev: u64) -> Self {
        let (blocks, blocks_free, files, files_free) = (0, 0, 0, 0);
        Self { magic, block_size: 4096, blocks, blocks_free, files, files_free, fsid: dev, name_max: 255, flags: 0 }
    }
}

/// Who owns an inode and what the permission bits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Owner {
    /// Permission, set-id and sticky bits.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// An inode about to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// Type.
    pub kind: FileType,
    /// Permission bits (umask already taken off), owner and group.
    pub owner: Owner,
    /// Device number of a device node, else 0.
    pub rdev: u64,
    /// Target of a symbolic link, else empty.
    pub target: &'a [u8],
}

/// What is to change about an inode; `None` leaves a field alone. Permission has been checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes {
    /// Permission, set-id and sticky bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last access.
    pub atime: Option<Timespec>,
    /// Last change of contents.
    pub mtime: Option<Timespec>,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteAt {
    /// At this byte offset.
    Offset(u64),
    /// At the end, atomically with respect to other writers (O_APPEND).
    End,
}

/// Whether a file made without a name may get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkable {
    /// By linkat(2).
    Yes,
    /// Never (O_TMPFILE with O_EXCL).
    No,
}

/// What to do to an extended attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XattrChange<'a> {
    /// Gives it this value.
    Set(&'a [u8]),
    /// XATTR_CREATE: EEXIST when it is there.
    Create(&'a [u8]),
    /// XATTR_REPLACE: ENODATA when it is not.
    Replace(&'a [u8]),
    /// Takes it away: ENODATA when it is not there.
    Remove,
}

/// What [`Inode::remove`] may take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveKind {
    /// Anything but a directory (unlink(2)).
    File,
    /// An empty directory (rmdir(2)).
    Directory,
}

/// How [`Inode::rename`] treats an existing target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameKind {
    /// Replaces it.
    Replace,
    /// RENAME_NOREPLACE: EEXIST.
    NoReplace,
    /// RENAME_EXCHANGE: swaps both; ENOENT when there is none.
    Exchange,
}

/// Where a symbolic link leads.
pub enum LinkTarget {
    /// A path, relative to the link's directory.
    Path(Vec<u8>),
    /// Straight to a place, whatever its path says (/proc/self/exe, /proc/self/fd/N).
    Location(Location),
}

bitflags::bitflags! {
    /// File seals (F_ADD_SEALS, memfd_create(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Seals: u32 {
        /// F_SEAL_SEAL: no more seals.
        const SEAL = 1;
        /// F_SEAL_SHRINK.
        const SHRINK = 2;
        /// F_SEAL_GROW.
        const GROW = 4;
        /// F_SEAL_WRITE.
        const WRITE = 8;
        /// F_SEAL_FUTURE_WRITE.
        const FUTURE_WRITE = 16;
        /// F_SEAL_EXEC.
        const EXEC = 32;
    }
}

/// A file, directory, link or device in some file system. Methods check what concerns the tree (existence, types, emptiness); who may do
/// it has been checked by [`Context`](crate::Context). The default of each method is the errno of an inode that cannot do it.
pub trait Inode: Send + Sync + Any {
    /// Its type; never changes.
    fn kind(&self) -> FileType;

    /// Everything stat(2) tells.
    fn stat(&self) -> Stat;

    /// Owner and permission bits alone: asked at every step of a path by anyone but root.
    fn owner(&self) -> Owner {
        let stat = self.stat();
        Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid }
    }

    /// Size in bytes.
    fn size(&self) -> u64 {
        self.stat().size
    }

    /// Whether names looked up in this directory stay valid until changed through the VFS, so that dentries may be kept.
    fn keeps_entries(&self) -> bool {
        true
    }

    /// Whether somebody else may change this directory: each walk looks a name up again, and a dentry stays only while it is in use and the name still leads to
    /// the same inode. Comes with [`keeps_entries`](Self::keeps_entries) being false.
    #[cfg(feature = "remote")]
    fn rechecks_entries(&self) -> bool {
        false
    }

    /// The entry `name` of this directory: ENOENT, ENOTDIR.
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR)
    }

    /// Makes an entry: EEXIST, ENOENT (this directory was removed), ENOSPC, EPERM (the file system makes no such thing).
    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        let _ = (name, new);
        Err(Errno::EPERM)
    }

    /// Makes a regular file without a name (O_TMPFILE).
    fn create_unnamed(&self, new: &NewNode<'_>, linkable: Linkable) -> Result<Arc<dyn Inode>> {
        let _ = (new, linkable);
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives `target`, an inode of the same file system, another name in this directory.
    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let _ = (name, target);
        Err(Errno::EPERM)
    }

    /// Takes the entry `name` away: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY.
    fn remove(&self, name: &[u8], what: RemoveKind) -> Result<()> {
        let _ = (name, what);
        Err(Errno::EPERM)
    }

    /// Moves the entry `from` to `to` in `to_dir`, a directory of the same file system; the caller has ruled out cycles.
    fn rename(&self, from: &[u8], to_dir: &Arc<dyn Inode>, to: &[u8], kind: RenameKind) -> Result<()> {
        let _ = (from, to_dir, to, kind);
        Err(Errno::EPERM)
    }

    /// Entries (without `.` and `..`) at offsets `>= offset`, in the order of their offsets, until `each` returns false. Offsets are stable
    /// while the directory changes; the first two (0, 1) are taken by `.` and `..`.
    fn read_dir(&self, offset: i64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let _ = (offset, each);
        Err(Errno::ENOTDIR)
    }

    /// The text of a symbolic link (readlink(2)).
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where a symbolic link leads.
    fn follow(&self) -> Result<LinkTarget> {
        self.read_link().map(LinkTarget::Path)
    }

    /// Changes attributes and, with any of them, ctime.
    fn set_attributes(&self, change: &Attributes) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// Sets atime as `relatime` does: only when it is not later than mtime and ctime.
    fn accessed(&self) {}

    /// What opening gives when it is not this inode's own bytes: `None` means [`read_at`](Self::read_at) and
    /// [`write_at`](Self::write_at) serve it, or what the VFS has behind devices and fifos. Not asked of directories and sockets.
    fn open(&self, access: AccessMode, flags: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        let _ = (access, flags);
        Ok(None)
    }

    /// Reads bytes of a regular file; 0 at or past the end.
    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        let _ = (dst, offset);
        Err(Errno::EINVAL)
    }

    /// Writes bytes of a regular file; returns how many and the offset behind the last one.
    fn write_at(&self, src: &mut dyn Source, at: WriteAt) -> Result<(usize, u64)> {
        let _ = (src, at);
        Err(Errno::EINVAL)
    }

    /// Sets the size of a regular file: new bytes are zero.
    fn set_size(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// fallocate(2) with its raw `mode`.
    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        let _ = (mode, offset, len);
        Err(Errno::EOPNOTSUPP)
    }

    /// The next offset `>= offset` that holds data; ENXIO when there is none before the end.
    fn next_data(&self, offset: u64) -> Result<u64> {
        if offset < self.size() { Ok(offset) } else { Err(Errno::ENXIO) }
    }

    /// The next offset `>= offset` in a hole (the end counts as one); ENXIO at or past the end.
    fn next_hole(&self, offset: u64) -> Result<u64> {
        let size = self.size();
        if offset < size { Ok(size) } else { Err(Errno::ENXIO) }
    }

    /// Makes data durable (fsync(2)); memory is as durable as it gets.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// The value of an extended attribute (xattr(7)): ENODATA. Who may ask has been checked.
    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let _ = name;
        Err(Errno::EOPNOTSUPP)
    }

    /// The names of all extended attributes.
    fn xattr_names(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Makes, replaces or removes an extended attribute: EEXIST, ENODATA, ENOSPC.
    fn change_xattr(&self, name: &[u8], change: &XattrChange<'_>) -> Result<()> {
        let _ = (name, change);
        Err(Errno::EOPNOTSUPP)
    }

    /// What mmap(2) maps.
    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        Err(Errno::ENODEV)
    }

    /// F_GET_SEALS; EINVAL where files cannot be sealed.
    fn seals(&self) -> Result<Seals> {
        Err(Errno::EINVAL)
    }

    /// F_ADD_SEALS: EPERM when sealed against seals, EBUSY for [`Seals::WRITE`] while mapped for writing.
    fn add_seals(&self, seals: Seals) -> Result<()> {
        let _ = seals;
        Err(Errno::EINVAL)
    }
}

/// Names an inode while somebody holds it: its address.
pub(crate) fn identity(inode: &Arc<dyn Inode>) -> usize {
    Arc::as_ptr(inode).cast::<()>() as usize
}
