//! What every mount and open file shares.

use crate::EventHub;
use crate::FifoFactory;
#[cfg(feature = "locks")]
use crate::LockTable;
#[cfg(feature = "special")]
use crate::{DeviceTable, device::Attachments};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use frame::FrameAllocator;
use spinlock::Mutex;
use time::Clock;

/// The surroundings of the file systems: made once by the machine, handed to each file system and to the [`Namespace`](crate::Namespace).
pub struct Vfs {
    /// Time for inode time stamps.
    pub clock: Arc<dyn Clock>,
    /// Pages for file contents.
    pub frames: &'static FrameAllocator,
    /// Character and block devices by number.
    #[cfg(feature = "special")]
    pub devices: DeviceTable,
    /// File locks.
    #[cfg(feature = "locks")]
    pub locks: LockTable,
    /// Who watches the tree.
    pub events: EventHub,
    /// What is behind fifo and socket inodes.
    #[cfg(feature = "special")]
    pub attachments: Attachments,
    #[cfg(feature = "special")]
    fifos: Option<Arc<dyn FifoFactory>>,
    next_dev: AtomicU32,
    next_mount: AtomicU32,
    next_file: AtomicU64,
    /// Held over every rename between directories, so that the check for cycles stays true until the move is done.
    pub(crate) rename_lock: Mutex<()>,
}

impl Vfs {
    /// Without `fifos`, opening a fifo is ENXIO.
    pub fn new(clock: Arc<dyn Clock>, frames: &'static FrameAllocator, fifos: Option<Arc<dyn FifoFactory>>) -> Arc<Vfs> {
        #[cfg(not(feature = "special"))]
        let _ = fifos;
        Arc::new(Vfs {
            clock,
            frames,
            #[cfg(feature = "special")]
            devices: DeviceTable::default(),
            #[cfg(feature = "locks")]
            locks: LockTable::default(),
            events: EventHub::default(),
            #[cfg(feature = "special")]
            attachments: Attachments::default(),
            #[cfg(feature = "special")]
            fifos,
            next_dev: AtomicU32::new(1),
            next_mount: AtomicU32::new(1),
            next_file: AtomicU64::new(1),
            rename_lock: Mutex::new(()),
        })
    }

    /// A device number for a file system without a device (major 0).
    pub fn new_dev(&self) -> u64 {
        crate::make_dev(0, self.next_dev.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn new_mount_id(&self) -> u32 {
        self.next_mount.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn new_file_id(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    #[cfg(feature = "special")]
    pub(crate) fn fifos(&self) -> Option<&dyn FifoFactory> {
        self.fifos.as_deref()
    }
}
