//! Entries of directories that somebody else may change.
//!
//! A name is looked up at each walk; what a dentry is for here is identity while it is in use: mounts on it, working directories, open files.

use crate::{Dentry, Inode};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use spinlock::Mutex;
use uapi::Result;

/// Entries of one directory that somebody holds.
#[derive(Default)]
pub(crate) struct Used(Mutex<Vec<Weak<Dentry>>>);

impl Used {
    /// Notes an entry.
    pub fn add(&self, dentry: &Arc<Dentry>) {
        let mut used = self.0.lock();
        used.retain(|known| known.strong_count() > 0);
        used.push(Arc::downgrade(dentry));
    }

    /// Forgets an entry, which has got another place.
    pub fn remove(&self, dentry: &Arc<Dentry>) {
        self.0.lock().retain(|known| !core::ptr::eq(known.as_ptr(), Arc::as_ptr(dentry)));
    }

    /// The dentry of the entry `name` of `dir`, which was just looked up: the one in use if it still means that, else a new one.
    pub fn reconcile(&self, dir: &Arc<Dentry>, name: &[u8], found: Result<Arc<dyn Inode>>) -> Result<Arc<Dentry>> {
        let held: Vec<Arc<Dentry>> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        if let Some(known) = held.into_iter().find(|known| !known.is_deleted() && known.is_named(name)) {
            // What is mounted on stays where it is, whatever became of what is below.
            if known.has_mounts() || found.as_ref().is_ok_and(|inode| Arc::ptr_eq(inode, known.inode())) {
                return Ok(known);
            }
            known.mark_deleted();
            self.remove(&known);
        }
        let fresh = Dentry::make(Some(dir.clone()), name, found?);
        self.add(&fresh);
        Ok(fresh)
    }
}
