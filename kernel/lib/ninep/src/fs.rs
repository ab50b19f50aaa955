//! The mounted tree.

use crate::client::{Client, Fid, Transport};
use crate::inode::NineInode;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};
use vfs::{FileSystem, Inode, StatFs, Vfs};

/// V9FS_MAGIC (linux/magic.h).
const MAGIC: u64 = 0x0102_1997;

/// How owners on the server are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `(there, here)`: files of user `there` on the server belong to user `here`, and the other way round.
    pub uid: Option<(u32, u32)>,
    /// The same for groups.
    pub gid: Option<(u32, u32)>,
}

/// The one as the other, both ways: nothing gets lost.
fn swap(pair: Option<(u32, u32)>, id: u32) -> u32 {
    match pair {
        Some((there, here)) if id == there => here,
        Some((there, here)) if id == here => there,
        _ => id,
    }
}

impl Options {
    pub(crate) fn uid(&self, id: u32) -> u32 {
        swap(self.uid, id)
    }

    pub(crate) fn gid(&self, id: u32) -> u32 {
        swap(self.gid, id)
    }
}

/// What all inodes of one tree share.
pub(crate) struct Shared {
    pub vfs: Arc<Vfs>,
    pub dev: u64,
    pub options: Options,
    /// Inodes that somebody holds, by the server's number.
    pub known: Mutex<SortedMap<u64, Weak<NineInode>>>,
}

impl Shared {
    /// The inode with this number, if somebody holds it.
    pub fn find(&self, path: u64) -> Option<Arc<NineInode>> {
        self.known.lock().get(&path).and_then(Weak::upgrade)
    }

    pub fn keep(&self, path: u64, inode: &Arc<NineInode>) {
        self.known.lock().insert(path, Arc::downgrade(inode));
    }

    /// Forgets what is known by this number if it is `inode`: its number may be another file's from now on.
    pub fn forget(&self, path: u64, inode: *const NineInode) {
        let mut known = self.known.lock();
        if known.get(&path).is_some_and(|there| core::ptr::eq(there.as_ptr(), inode)) {
            known.remove(&path);
        }
    }
}

/// A directory of a server.
pub struct NineFs {
    shared: Arc<Shared>,
    root: Arc<NineInode>,
}

impl NineFs {
    /// The tree that the server behind `transport` shares. EPROTONOSUPPORT when it does not speak 9P2000.L, ENOTDIR, and what it says itself.
    pub fn new(vfs: &Arc<Vfs>, transport: Arc<dyn Transport>, options: Options) -> Result<Arc<NineFs>> {
        let fid: Fid = Client::connect(transport)?;
        let shared = Arc::new(Shared { vfs: vfs.clone(), dev: vfs.new_dev(), options, known: Mutex::default() });
        let root = NineInode::of(&shared, fid)?;
        if root.kind() != file::FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(Arc::new(NineFs { shared, root }))
    }

    /// Sends what was stored through shared mappings to the server: before the machine ends. What cannot be sent is lost; the first error says so.
    pub fn flush(&self) -> Result<()> {
        let held: Vec<_> = self.shared.known.lock().values().filter_map(Weak::upgrade).collect();
        let mut result = Ok(());
        for inode in held {
            result = result.and(inode.flush());
        }
        result
    }
}

impl FileSystem for NineFs {
    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn type_name(&self) -> &'static str {
        "9p"
    }

    fn statfs(&self) -> StatFs {
        self.root.statfs().unwrap_or(StatFs::of(MAGIC, self.shared.dev))
    }

    fn dev(&self) -> u64 {
        self.shared.dev
    }
}
