//! Telling watchers (inotify) what happens in the tree.

use crate::Inode;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use spinlock::Mutex;

bitflags::bitflags! {
    /// What happened, with inotify(7)'s bit values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct EventMask: u32 {
        /// Read.
        const ACCESS = 0x1;
        /// Written or truncated.
        const MODIFY = 0x2;
        /// Metadata changed.
        const ATTRIB = 0x4;
        /// A file that was open for writing was closed.
        const CLOSE_WRITE = 0x8;
        /// A file that was not open for writing was closed.
        const CLOSE_NOWRITE = 0x10;
        /// Opened.
        const OPEN = 0x20;
        /// An entry went away by rename.
        const MOVED_FROM = 0x40;
        /// An entry came by rename.
        const MOVED_TO = 0x80;
        /// An entry was made.
        const CREATE = 0x100;
        /// An entry was deleted.
        const DELETE = 0x200;
        /// The watched inode itself was deleted.
        const DELETE_SELF = 0x400;
        /// The watched inode itself was renamed.
        const MOVE_SELF = 0x800;
        /// The file system was unmounted.
        const UNMOUNT = 0x2000;
    }
}

/// Something that happened.
pub struct FsEvent<'a> {
    /// What; one bit.
    pub mask: EventMask,
    /// Joins the two halves of a rename; else 0.
    pub cookie: u32,
    /// The inode that it happened to.
    pub inode: &'a Arc<dyn Inode>,
    /// The directory it is in and its name there, where that is known.
    pub entry: Option<(&'a Arc<dyn Inode>, &'a [u8])>,
    /// Whether that name has been removed already (the file was still open).
    pub unlinked: bool,
}

/// Wants to hear of events. Called from inside file operations: must be quick and must not call back into the VFS.
pub trait EventSink: Send + Sync {
    /// Something happened somewhere.
    fn notify(&self, event: &FsEvent<'_>);
}

/// Hands events to sinks. Costs one load when nobody watches.
#[derive(Default)]
pub struct EventHub {
    watches: AtomicUsize,
    cookie: AtomicU32,
    sinks: Mutex<Vec<Weak<dyn EventSink>>>,
}

impl EventHub {
    /// Adds a sink; it is forgotten when its last `Arc` goes.
    pub fn subscribe(&self, sink: Weak<dyn EventSink>) {
        let mut sinks = self.sinks.lock();
        sinks.retain(|s| s.strong_count() > 0);
        sinks.push(sink);
    }

    /// Counts one watch more: events are only made while the count is not zero.
    pub fn watch_added(&self) {
        self.watches.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts `n` watches less.
    pub fn watches_removed(&self, n: usize) {
        self.watches.fetch_sub(n, Ordering::Relaxed);
    }

    /// Whether anybody watches anything.
    pub fn watched(&self) -> bool {
        self.watches.load(Ordering::Relaxed) != 0
    }

    /// A number that joins the two halves of a rename.
    pub fn new_cookie(&self) -> u32 {
        self.cookie.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Tells every sink.
    pub fn emit(&self, event: &FsEvent<'_>) {
        if !self.watched() {
            return;
        }
        // A sink may take its own locks; ours is not held meanwhile.
        let sinks: Vec<_> = self.sinks.lock().iter().filter_map(Weak::upgrade).collect();
        for sink in sinks {
            sink.notify(event);
        }
    }
}
