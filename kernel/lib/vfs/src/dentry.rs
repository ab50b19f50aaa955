//! Names in the tree.

use crate::path::name_hash;
use crate::{Inode, NewNode, RemoveKind, RenameKind};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::{Errno, Result};

/// A name in a directory together with its inode. Each file system has one tree of these, grown as names are looked up; a name that does
/// not exist has none. One name never has two: the lock on a directory's children is held over the file system's part of each look-up and
/// change, so the two cannot disagree. Renaming moves the dentry, so an open file or working directory always knows its present path.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    place: Mutex<Place>,
    children: Mutex<Children>,
    /// Of a directory that somebody else may change: those of its entries that are in use.
    #[cfg(feature = "remote")]
    used: crate::remote::Used,
    /// How many mounts are on top of it, so that a path walk asks the mount only where there is one.
    mounts: AtomicU32,
    deleted: AtomicBool,
}

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
}

/// Entries by name hash. Of two names with one hash only the first is kept here; the other is looked up anew each time.
type Children = SortedMap<u64, Arc<Dentry>>;

impl Dentry {
    /// The top of a file system's tree, or a thing outside any tree (`name` is what its path shows).
    pub fn new_root(name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        Self::make(None, name, inode)
    }

    pub(crate) fn make(parent: Option<Arc<Dentry>>, name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        Arc::new(Dentry {
            inode,
            place: Mutex::new(Place { parent, name: name.into() }),
            children: Mutex::default(),
            #[cfg(feature = "remote")]
            used: crate::remote::Used::default(),
            mounts: AtomicU32::new(0),
            deleted: AtomicBool::new(false),
        })
    }

    /// Its inode; never changes.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.inode
    }

    /// Its present name.
    pub fn name(&self) -> Box<[u8]> {
        self.place.lock().name.clone()
    }

    /// The directory it is in; `None` at the top of a file system.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.place.lock().parent.clone()
    }

    pub(crate) fn parent_and_name(&self) -> Option<(Arc<Dentry>, Box<[u8]>)> {
        let place = self.place.lock();
        place.parent.clone().map(|parent| (parent, place.name.clone()))
    }

    /// Whether its name has been removed.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Relaxed)
    }

    pub(crate) fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_mounts(&self) -> bool {
        self.mounts.load(Ordering::Acquire) != 0
    }

    pub(crate) fn count_mounts(&self, change: impl FnOnce(u32) -> u32) {
        // Mounting is serialised by the list of mounts that the caller holds.
        self.mounts.store(change(self.mounts.load(Ordering::Relaxed)), Ordering::Release);
    }

    pub(crate) fn is_named(&self, name: &[u8]) -> bool {
        *self.place.lock().name == *name
    }

    /// The entry `name` (not `.` or `..`) of this directory: ENOENT, ENOTDIR.
    pub fn child(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Dentry>> {
        #[cfg(feature = "remote")]
        if self.inode.rechecks_entries() {
            let found = self.inode.lookup(name);
            return self.used.reconcile(self, name, found);
        }
        if !self.inode.keeps_entries() {
            return Ok(Self::make(Some(self.clone()), name, self.inode.lookup(name)?));
        }
        let mut children = self.children.lock();
        let hash = name_hash(name);
        if let Some(child) = children.get(&hash)
            && child.is_named(name)
        {
            return Ok(child.clone());
        }
        let inode = self.inode.lookup(name)?;
        Ok(self.keep(&mut children, name, inode))
    }

    /// A dentry for an entry that had none.
    fn keep(self: &Arc<Self>, children: &mut Children, name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        let fresh = Self::make(Some(self.clone()), name, inode);
        #[cfg(feature = "remote")]
        if self.inode.rechecks_entries() {
            self.used.add(&fresh);
            return fresh;
        }
        children.get_or_insert_with(name_hash(name), || fresh.clone());
        fresh
    }

    /// Makes the entry `name`.
    pub(crate) fn create(self: &Arc<Self>, name: &[u8], new: &NewNode<'_>) -> Result<Arc<Dentry>> {
        let mut children = self.children.lock();
        let inode = self.inode.create(name, new)?;
        Ok(self.keep(&mut children, name, inode))
    }

    /// Makes the entry `name` for an inode that exists.
    pub(crate) fn link(self: &Arc<Self>, name: &[u8], inode: &Arc<dyn Inode>) -> Result<Arc<Dentry>> {
        let mut children = self.children.lock();
        self.inode.link(name, inode)?;
        Ok(self.keep(&mut children, name, inode.clone()))
    }

    /// ESTALE when the entry `name` is no longer `known`: somebody was faster.
    fn check(&self, children: &Children, name: &[u8], known: Option<&Arc<Dentry>>) -> Result<()> {
        if !self.inode.keeps_entries() {
            return Ok(());
        }
        let kept = children.get(&name_hash(name)).filter(|child| child.is_named(name));
        match (kept, known) {
            (Some(kept), Some(known)) if !Arc::ptr_eq(kept, known) => Err(Errno::ESTALE),
            (Some(_), None) => Err(Errno::ESTALE),
            _ => Ok(()),
        }
    }

    /// Removes the entry `name`, found to be `victim`; ESTALE when it no longer is.
    pub(crate) fn remove(&self, name: &[u8], victim: &Arc<Dentry>, kind: RemoveKind) -> Result<()> {
        let mut children = self.children.lock();
        self.check(&children, name, Some(victim))?;
        self.inode.remove(name, kind)?;
        let kept = take(&mut children, name);
        drop(children);
        drop(kept);
        victim.deleted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Renames the entry `from`, found to be `source`, to `to` in `to_dir`, found to be `target`; ESTALE when they no longer are.
    pub(crate) fn rename(
        self: &Arc<Self>,
        (from, source): (&[u8], &Arc<Dentry>),
        to_dir: &Arc<Dentry>,
        (to, target): (&[u8], Option<&Arc<Dentry>>),
        kind: RenameKind,
    ) -> Result<()> {
        // Nobody else ever holds two of these locks: the caller holds the rename lock.
        let mut here = self.children.lock();
        let mut there = if Arc::ptr_eq(self, to_dir) { None } else { Some(to_dir.children.lock()) };
        self.check(&here, from, Some(source))?;
        to_dir.check(there.as_ref().unwrap_or(&here), to, target)?;
        self.inode.rename(from, &to_dir.inode, to, kind)?;
        take(&mut here, from);
        #[cfg(feature = "remote")]
        self.used.remove(source);
        let replaced = take(there.as_mut().unwrap_or(&mut here), to);
        to_dir.put(there.as_mut().unwrap_or(&mut here), to, source);
        match target {
            Some(target) if kind == RenameKind::Exchange => self.put(&mut here, from, target),
            Some(target) => target.deleted.store(true, Ordering::Relaxed),
            None => {}
        }
        drop((here, there));
        drop(replaced);
        Ok(())
    }

    fn put(self: &Arc<Self>, children: &mut Children, name: &[u8], child: &Arc<Dentry>) {
        *child.place.lock() = Place { parent: Some(self.clone()), name: name.into() };
        #[cfg(feature = "remote")]
        if self.inode.rechecks_entries() {
            return self.used.add(child);
        }
        children.get_or_insert_with(name_hash(name), || child.clone());
    }

    /// Whether `self` is `other` or above it in the tree.
    pub(crate) fn is_ancestor_of(self: &Arc<Self>, other: &Arc<Dentry>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(self, &dentry) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// Drops what is kept below, so that an unmounted tree is freed (children hold their parents and the other way round).
    pub(crate) fn prune(&self) {
        let mut work: Vec<Arc<Dentry>> = core::mem::take(&mut *self.children.lock()).into_values().collect();
        while let Some(dentry) = work.pop() {
            work.extend(core::mem::take(&mut *dentry.children.lock()).into_values());
        }
    }
}

fn take(children: &mut Children, name: &[u8]) -> Option<Arc<Dentry>> {
    let hash = name_hash(name);
    let same = children.get(&hash).is_some_and(|child| child.is_named(name));
    if same { children.remove(&hash) } else { None }
}
