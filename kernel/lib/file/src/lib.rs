//! What an open file can do: the traits behind every descriptor.
//!
//! [`File`] is an *open file description* (open(2)): regular files, directories, pipes, sockets, epoll instances. Operations never block:
//! they answer `EAGAIN`, and [`File::wait_queue`] tells where to wait. [`Socket`] is what a file that is a socket can do besides.
//! [`Stat`] is an inode's metadata in our own terms; the system-call layer lays it out as `struct stat` or `statx`.
//!
//! Neighbours: `vfs` opens files, `process` keeps the descriptor table, `epoll` and poll(2) look at [`File::poll`].
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod socket;
mod stat;

pub use socket::{Control, Credentials, MsgFlags, Received, Shutdown, SockAddr, Socket};
pub use stat::{FileType, Stat};
pub use usermem::{Sink, SliceSink, Source, UserMemory};
pub use wait::{Events, Registration, Share, WaitQueue};

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use frame::MapObject;
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// The status flags of an open file description that can change after open (F_SETFL) or matter to each operation.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct OpenFlags: u32 {
        /// O_APPEND: every write goes to the end.
        const APPEND = 0o2000;
        /// O_NONBLOCK: the system-call layer does not wait on EAGAIN.
        const NONBLOCK = 0o4000;
        /// O_DSYNC.
        const DSYNC = 0o10000;
        /// O_ASYNC.
        const ASYNC = 0o20000;
        /// O_DIRECT.
        const DIRECT = 0o40000;
        /// O_NOATIME.
        const NOATIME = 0o1000000;
        /// O_PATH: names a place, reads and writes are EBADF.
        const PATH = 0o10000000;
    }
}

/// What an open asked for (O_RDONLY, O_WRONLY, O_RDWR). Checked by the descriptor layer before a file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// O_RDONLY.
    Read,
    /// O_WRONLY.
    Write,
    /// O_RDWR.
    ReadWrite,
    /// Neither (O_PATH, or access mode 3).
    None,
}

impl AccessMode {
    /// Whether reads are allowed.
    pub fn readable(self) -> bool {
        matches!(self, AccessMode::Read | AccessMode::ReadWrite)
    }
    /// Whether writes are allowed.
    pub fn writable(self) -> bool {
        matches!(self, AccessMode::Write | AccessMode::ReadWrite)
    }
}

/// lseek(2)'s `whence` with its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekFrom {
    /// SEEK_SET, bytes from the start.
    Start(i64),
    /// SEEK_CUR, bytes from the current offset.
    Current(i64),
    /// SEEK_END, bytes from the end.
    End(i64),
    /// SEEK_DATA: the next byte that is not in a hole, at or after this offset; ENXIO past the end.
    Data(i64),
    /// SEEK_HOLE: the next hole at or after this offset (the end counts as one); ENXIO past the end.
    Hole(i64),
}

/// One directory entry as getdents64(2) reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Inode number.
    pub ino: u64,
    /// Where to seek to go on behind this entry.
    pub next_offset: i64,
    /// Type.
    pub kind: FileType,
    /// Name, without slashes or NULs.
    pub name: Vec<u8>,
}

/// An open file description. All methods take `&self`; state that changes is behind the implementor's own lock. The default of each
/// optional method is the errno that Linux gives for a file that lacks it.
pub trait File: Send + Sync + Any {
    /// Reads at the description's own offset and moves it. `Ok(0)` is end of file. EAGAIN: nothing yet, wait for [`Events::IN`].
    fn read(&self, dst: &mut dyn Sink, flags: OpenFlags) -> Result<usize> {
        let _ = (dst, flags);
        Err(Errno::EINVAL)
    }

    /// Writes at the description's own offset (or the end, [`OpenFlags::APPEND`]) and moves it. EAGAIN: full, wait for [`Events::OUT`].
    fn write(&self, src: &mut dyn Source, flags: OpenFlags) -> Result<usize> {
        let _ = (src, flags);
        Err(Errno::EINVAL)
    }

    /// pread(2): bytes at `offset`, the description's offset unmoved. ESPIPE where there are no offsets.
    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        let _ = (dst, offset);
        Err(Errno::ESPIPE)
    }

    /// pwrite(2). ESPIPE where there are no offsets.
    fn write_at(&self, src: &mut dyn Source, offset: u64) -> Result<usize> {
        let _ = (src, offset);
        Err(Errno::ESPIPE)
    }

    /// lseek(2); returns the new offset.
    fn seek(&self, to: SeekFrom) -> Result<u64> {
        let _ = to;
        Err(Errno::ESPIPE)
    }

    /// What is ready now. The default: always readable and writable, as regular files are.
    fn poll(&self) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    /// Where to wait for [`poll`](Self::poll) to change; `None` for files that are always ready (epoll_ctl gives EPERM for those).
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// fstat(2).
    fn stat(&self) -> Result<Stat>;

    /// ioctl(2): `arg` is the raw third argument, `user` the memory it may point to. Returns ioctl's non-negative result.
    fn ioctl(&self, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
        let _ = (command, arg, user);
        Err(Errno::ENOTTY)
    }

    /// Directory entries from the description's offset on: calls `each` until it returns `false` (that entry is then given again next
    /// time) or the directory ends. ENOTDIR for anything else.
    fn read_dir(&self, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let _ = each;
        Err(Errno::ENOTDIR)
    }

    /// ftruncate(2). EINVAL where there is no size.
    fn truncate(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// fallocate(2) with its raw `mode`; ENODEV/EOPNOTSUPP where unsupported.
    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        let _ = (mode, offset, len);
        Err(Errno::ENODEV)
    }

    /// fsync(2), fdatasync(2). EINVAL for files that cannot be synced (pipes, sockets).
    fn sync(&self) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// What mmap(2) maps; ENODEV where mapping makes no sense.
    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        Err(Errno::ENODEV)
    }

    /// The socket side, if this is a socket (else ENOTSOCK).
    fn as_socket(&self) -> Option<&dyn Socket> {
        None
    }

    /// Told when F_SETFL changes the status flags.
    fn flags_changed(&self, flags: OpenFlags) {
        let _ = flags;
    }

    /// The VFS's open file around (or behind) this one, where it was opened by path: `vfs::opened` turns it into its type.
    fn opened(&self) -> Option<&dyn Any> {
        None
    }

    /// For callers that know the concrete type (epoll_ctl, fd passing, fchdir): `file.as_any().downcast_ref::<EpollFile>()`.
    fn as_any(&self) -> &dyn Any;
}
