//! The file system as a whole.

use crate::inode::RamInode;
use crate::load::{Contents, Meta};
#[cfg(feature = "origin")]
use crate::origin::{Origin, Source};
#[cfg(feature = "origin")]
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use frame::PAGE_BYTES;
#[cfg(any(feature = "write", feature = "origin"))]
use spinlock::Mutex;
#[cfg(feature = "origin")]
use uapi::Result;
use vfs::{FileSystem, Inode, StatFs, Vfs};

/// TMPFS_MAGIC (linux/magic.h): programs know this one.
const MAGIC: u64 = 0x0102_1994;

/// What all inodes of one file system share.
pub(crate) struct Shared {
    pub(crate) vfs: Arc<Vfs>,
    pub(crate) dev: u64,
    next_ino: AtomicU64,
    /// Held over every change that locks more than one inode (removing, renaming, linking), so that their locks may nest in any order.
    #[cfg(feature = "write")]
    pub(crate) change: Mutex<()>,
    /// Where entries come from that nobody has asked for yet.
    #[cfg(feature = "origin")]
    pub(crate) source: Option<Source>,
}

impl Shared {
    pub(crate) fn new_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn now_ns(&self) -> i64 {
        i64::try_from(self.vfs.clock.realtime_ns()).unwrap_or(i64::MAX)
    }
}

/// A file system in memory.
pub struct Ramfs {
    shared: Arc<Shared>,
    root: Arc<RamInode>,
}

impl Ramfs {
    /// An empty one whose top directory belongs to root and has these permission bits.
    pub fn new(vfs: &Arc<Vfs>, mode: u32) -> Arc<Ramfs> {
        let shared = Self::share(
            vfs,
            #[cfg(feature = "origin")]
            None,
        );
        let meta = Meta { mode, mtime_ns: shared.now_ns(), ..Meta::default() };
        let root = RamInode::make(&shared, &meta, Contents::Directory);
        Arc::new(Ramfs { shared, root })
    }

    /// One that begins as `origin` below its inode `root`; what is in there is looked at when it is asked for.
    #[cfg(feature = "origin")]
    pub fn over(vfs: &Arc<Vfs>, origin: Box<dyn Origin>, root: u64) -> Result<Arc<Ramfs>> {
        let shared = Self::share(vfs, Some(Source { origin, links: Mutex::default() }));
        let root = match &shared.source {
            Some(source) => RamInode::from_origin(&shared, source, root)?,
            None => RamInode::make(&shared, &Meta::default(), Contents::Directory),
        };
        Ok(Arc::new(Ramfs { shared, root }))
    }

    fn share(vfs: &Arc<Vfs>, #[cfg(feature = "origin")] source: Option<Source>) -> Arc<Shared> {
        Arc::new(Shared {
            vfs: vfs.clone(),
            dev: vfs.new_dev(),
            next_ino: AtomicU64::new(1),
            #[cfg(feature = "write")]
            change: Mutex::new(()),
            #[cfg(feature = "origin")]
            source,
        })
    }

    /// Its top directory, for filling it.
    pub fn top(&self) -> &Arc<RamInode> {
        &self.root
    }

    #[cfg(feature = "write")]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl FileSystem for Ramfs {
    fn root(&self) -> Arc<dyn Inode> {
        self.root.clone()
    }

    fn type_name(&self) -> &'static str {
        "tmpfs"
    }

    fn statfs(&self) -> StatFs {
        let frames = self.shared.vfs.frames;
        StatFs {
            blocks: frames.total_bytes() / PAGE_BYTES,
            blocks_free: frames.free_bytes() / PAGE_BYTES,
            ..StatFs::of(MAGIC, self.shared.dev)
        }
    }

    fn dev(&self) -> u64 {
        self.shared.dev
    }
}
