//! Filling the file system from an archive.

#[cfg(feature = "write")]
use crate::Sealing;
use crate::inode::{Data, RamInode};
use crate::name::Bytes;
use alloc::sync::Arc;
use file::FileType;
use uapi::{Errno, Result};

/// Metadata of an inode that a loader puts in.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// All its times, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Hard links (directories count their own).
    pub nlink: u32,
}

impl Default for Meta {
    fn default() -> Self {
        Meta { mode: 0o644, uid: 0, gid: 0, mtime_ns: 0, nlink: 1 }
    }
}

/// What an inode that a loader puts in holds.
#[derive(Clone, Copy, Debug)]
pub enum Contents {
    /// A regular file with these bytes.
    File(&'static [u8]),
    /// A regular file that begins with the first bytes, whole pages of them, and ends with the second, less than a page.
    #[cfg(feature = "origin")]
    Split(&'static [u8], &'static [u8]),
    /// An empty regular file that is about to be shared by descriptor.
    #[cfg(feature = "write")]
    Memory(Sealing),
    /// An empty directory.
    Directory,
    /// The directory with this number in the file system's [`Origin`](crate::Origin).
    #[cfg(feature = "origin")]
    Stored(u64),
    /// A symbolic link to this path.
    Symlink(&'static [u8]),
    /// A device node, fifo or socket, with its device number.
    Node(FileType, u64),
}

impl RamInode {
    /// The entry `name` of this directory, if it is one and has it.
    pub fn get(&self, name: &[u8]) -> Option<Arc<RamInode>> {
        self.entry(&mut self.state.lock(), name).ok()?
    }

    /// Puts a new inode into this directory, for a loader. EEXIST, ENOTDIR. The name and what `contents` refers to are not copied.
    pub fn insert(&self, name: &'static [u8], meta: &Meta, contents: Contents) -> Result<Arc<RamInode>> {
        let inode = Self::make(&self.fs, meta, contents);
        self.enter(Bytes::Static(name), inode.clone())?;
        Ok(inode)
    }

    /// Gives `inode` another name in this directory, for a loader. EEXIST, ENOTDIR, EPERM for directories.
    pub fn insert_link(&self, name: &'static [u8], inode: &Arc<RamInode>) -> Result<()> {
        if inode.is_dir() {
            return Err(Errno::EPERM);
        }
        self.enter(Bytes::Static(name), inode.clone())?;
        inode.state.lock().nlink += 1;
        Ok(())
    }

    /// Whether this is a directory with something in it.
    pub fn holds_entries(&self) -> bool {
        self.complete(&mut self.state.lock()).is_ok_and(|directory| !directory.entries.is_empty())
    }

    /// Takes `name` out of this directory with all that is below, for a loader that meets a name again.
    pub fn discard(&self, name: &[u8]) -> Result<()> {
        let mut state = self.state.lock();
        let entry = state.directory()?.remove(name).ok_or(Errno::ENOENT)?;
        if entry.inode.is_dir() {
            state.nlink -= 1;
        }
        drop(state);
        let mut gone = entry.inode.state.lock();
        gone.nlink = gone.nlink.saturating_sub(1);
        Ok(())
    }

    /// Gives a regular file other contents, for a loader: newc keeps the bytes of a hard-linked file at its last name only.
    pub fn set_contents(&self, bytes: &'static [u8]) -> Result<()> {
        let mut state = self.state.lock();
        match &mut state.data {
            Data::Archive(old) => {
                *old = bytes;
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// Changes owner, mode and times, for a loader.
    pub fn set_meta(&self, meta: &Meta) {
        let mut state = self.state.lock();
        state.mode = (meta.mode & 0o7777) as u16;
        (state.uid, state.gid) = (meta.uid, meta.gid);
        (state.atime_ns, state.mtime_ns, state.ctime_ns) = (meta.mtime_ns, meta.mtime_ns, meta.mtime_ns);
    }
}
