//! What is behind device, fifo and socket inodes.

use crate::Inode;
use crate::inode::identity;
use alloc::sync::{Arc, Weak};
use core::any::Any;
use file::{AccessMode, File, FileType, OpenFlags};
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// makedev(3): a device number of 64 bits as stat(2) shows it.
pub fn make_dev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (major & 0xfff) << 8 | (major & !0xfff) << 32 | (minor & 0xff) | (minor & !0xff) << 12
}

/// A device that can be opened through a device node.
pub trait Device: Send + Sync {
    /// A file on it. ENXIO, EBUSY, EACCES as the device sees fit.
    fn open(&self, access: AccessMode, flags: OpenFlags) -> Result<Arc<dyn File>>;
}

/// Devices by type and number, so that a device node in any file system works.
#[derive(Default)]
pub struct DeviceTable {
    devices: Mutex<SortedMap<(u8, u64), Arc<dyn Device>>>,
}

impl DeviceTable {
    /// Puts `device` behind nodes of type `kind` (a character or block device) and number `rdev`; replaces what was there.
    pub fn register(&self, kind: FileType, rdev: u64, device: Arc<dyn Device>) {
        self.devices.lock().insert((kind.dirent_type(), rdev), device);
    }

    /// Opens the device behind a node; ENXIO when nothing is there.
    pub fn open(&self, kind: FileType, rdev: u64, access: AccessMode, flags: OpenFlags) -> Result<Arc<dyn File>> {
        let device = self.devices.lock().get(&(kind.dirent_type(), rdev)).cloned();
        device.ok_or(Errno::ENXIO)?.open(access, flags)
    }
}

/// Makes the thing behind a fifo inode when it is first opened.
pub trait FifoFactory: Send + Sync {
    /// A fifo that nobody has open.
    fn create(&self) -> Arc<dyn Fifo>;
}

/// The thing behind a fifo inode.
pub trait Fifo: Send + Sync + Any {
    /// A file on it, as fifo(7) says: ENXIO for a writer with O_NONBLOCK when there is no reader. It does not wait for the other side:
    /// without O_NONBLOCK the caller does that afterwards, on the file.
    fn open(&self, access: AccessMode, flags: OpenFlags) -> Result<Arc<dyn File>>;
}

struct Attached {
    inode: Weak<dyn Inode>,
    fifo: Option<Arc<dyn Fifo>>,
    object: Option<Weak<dyn Any + Send + Sync>>,
}

/// What belongs to an inode but is not its file system's: the pipe behind a fifo, the socket bound to a name.
#[derive(Default)]
pub struct Attachments {
    // Keyed by address; the `Weak` in each entry keeps that address from being used again.
    table: Mutex<SortedMap<usize, Attached>>,
}

impl Attachments {
    /// Binds `object` to `inode` for as long as both live.
    pub fn bind(&self, inode: &Arc<dyn Inode>, object: Weak<dyn Any + Send + Sync>) {
        self.with(inode, |attached| attached.object = Some(object));
    }

    /// What was bound to `inode`, if it still lives.
    pub fn bound(&self, inode: &Arc<dyn Inode>) -> Option<Arc<dyn Any + Send + Sync>> {
        self.table.lock().get(&identity(inode))?.object.as_ref()?.upgrade()
    }

    pub(crate) fn fifo(&self, inode: &Arc<dyn Inode>, factory: &dyn FifoFactory) -> Arc<dyn Fifo> {
        self.with(inode, |attached| attached.fifo.get_or_insert_with(|| factory.create()).clone())
    }

    fn with<T>(&self, inode: &Arc<dyn Inode>, edit: impl FnOnce(&mut Attached) -> T) -> T {
        let mut table = self.table.lock();
        let key = identity(inode);
        if !table.contains_key(&key) {
            table.retain(|_, attached| attached.inode.strong_count() > 0);
        }
        let fresh = || Attached { inode: Arc::downgrade(inode), fifo: None, object: None };
        edit(table.get_or_insert_with(key, fresh))
    }
}
