//! Files without names (memfd_create(2)).

use crate::Ramfs;
use crate::inode::RamInode;
use crate::load::{Contents, Meta};
use alloc::sync::Arc;
use file::{AccessMode, File};
use vfs::{Inode, Location, Mount, OpenFile, Owner, Vfs};

/// Whether a file can be sealed (MFD_ALLOW_SEALING).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Yes.
    Allowed,
    /// No: it starts with F_SEAL_SEAL.
    Refused,
}

/// Makes files that are in no directory.
pub struct Unnamed {
    fs: Arc<Ramfs>,
    mount: Arc<Mount>,
}

impl Unnamed {
    /// A place for such files; one per machine is enough.
    pub fn new(vfs: &Arc<Vfs>) -> Unnamed {
        let fs = Ramfs::new(vfs, 0o1777);
        Unnamed { mount: Mount::detached(vfs, fs.clone()), fs }
    }

    /// A new empty file open for reading and writing; /proc/self/fd shows it as `/memfd:NAME (deleted)`. The caller checks the length of `name` (249 bytes).
    pub fn memfd(&self, name: &[u8], sealing: Sealing, owner: Owner) -> Arc<dyn File> {
        let shared = self.fs.shared();
        let meta = Meta { mode: owner.mode, uid: owner.uid, gid: owner.gid, mtime_ns: shared.now_ns(), nlink: 0 };
        let inode: Arc<dyn Inode> = RamInode::make(shared, &meta, Contents::Memory(sealing));
        let shown = [b"memfd:", name].concat();
        OpenFile::unnamed(Location::unnamed(&self.mount, &shown, inode), AccessMode::ReadWrite)
    }
}
