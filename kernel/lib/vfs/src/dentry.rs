//! Names in the tree.

use crate::Inode;
use crate::path::name_hash;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use spin::Mutex;
use uapi::Result;

/// A name in a directory together with its inode. Each file system has one tree of these, grown as names are looked up; a name that does
/// not exist has none. Renaming moves the dentry, so an open file or working directory always knows its present path.
pub struct Dentry {
    inode: Arc<dyn Inode>,
    place: Mutex<Place>,
    children: Mutex<Children>,
    /// How many mounts are on top of it, so that a path walk asks the mount only where there is one.
    mounts: AtomicU32,
    deleted: AtomicBool,
}

struct Place {
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
}

#[derive(Default)]
struct Children {
    /// By name hash. Of two names with one hash only the first is kept here; the other is looked up anew each time.
    map: BTreeMap<u64, Arc<Dentry>>,
    /// Counts changes, so that what was looked up before a change is not put in after it.
    generation: u64,
}

impl Dentry {
    /// The top of a file system's tree, or a thing outside any tree (`name` is what its path shows).
    pub fn new_root(name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        Self::make(None, name, inode)
    }

    fn make(parent: Option<Arc<Dentry>>, name: &[u8], inode: Arc<dyn Inode>) -> Arc<Dentry> {
        Arc::new(Dentry {
            inode,
            place: Mutex::new(Place { parent, name: name.into() }),
            children: Mutex::default(),
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

    /// The entry `name` (not `.` or `..`) of this directory: ENOENT, ENOTDIR.
    pub fn child(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Dentry>> {
        if !self.inode.keeps_entries() {
            return Ok(Self::make(Some(self.clone()), name, self.inode.lookup(name)?));
        }
        let hash = name_hash(name);
        let generation = {
            let children = self.children.lock();
            match children.map.get(&hash) {
                Some(child) if *child.place.lock().name == *name => return Ok(child.clone()),
                _ => children.generation,
            }
        };
        let inode = self.inode.lookup(name)?;
        Ok(self.adopt(name, inode, generation))
    }

    pub(crate) fn generation(&self) -> u64 {
        self.children.lock().generation
    }

    /// A dentry for what was looked up or made when the generation was `generation`; kept unless the directory has changed since.
    pub(crate) fn adopt(self: &Arc<Self>, name: &[u8], inode: Arc<dyn Inode>, generation: u64) -> Arc<Dentry> {
        let fresh = Self::make(Some(self.clone()), name, inode);
        if !self.inode.keeps_entries() {
            return fresh;
        }
        let mut children = self.children.lock();
        if children.generation != generation {
            return fresh;
        }
        match children.map.get(&name_hash(name)) {
            // Somebody else was faster: theirs is the one.
            Some(other) if *other.place.lock().name == *name => return other.clone(),
            Some(_) => return fresh,
            None => {}
        }
        children.map.insert(name_hash(name), fresh.clone());
        fresh
    }

    fn take(&self, name: &[u8]) -> Option<Arc<Dentry>> {
        let mut children = self.children.lock();
        children.generation += 1;
        let hash = name_hash(name);
        let same = children.map.get(&hash).is_some_and(|child| *child.place.lock().name == *name);
        if same { children.map.remove(&hash) } else { None }
    }

    /// The entry `name` was removed from the file system.
    pub(crate) fn forget(&self, name: &[u8]) {
        if let Some(gone) = self.take(name) {
            gone.mark_deleted();
        }
    }

    /// The entry `from` was renamed to `to` in `to_dir`; with `exchange`, and the other way round.
    pub(crate) fn moved(self: &Arc<Self>, from: &[u8], to_dir: &Arc<Dentry>, to: &[u8], exchange: bool) {
        let source = self.take(from);
        let target = to_dir.take(to);
        match target {
            Some(target) if exchange => self.put(from, target),
            Some(target) => target.mark_deleted(),
            None => {}
        }
        if let Some(source) = source {
            to_dir.put(to, source);
        }
    }

    fn put(self: &Arc<Self>, name: &[u8], child: Arc<Dentry>) {
        *child.place.lock() = Place { parent: Some(self.clone()), name: name.into() };
        self.children.lock().map.entry(name_hash(name)).or_insert(child);
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
        let mut work: Vec<Arc<Dentry>> = core::mem::take(&mut *self.children.lock()).map.into_values().collect();
        while let Some(dentry) = work.pop() {
            work.extend(core::mem::take(&mut *dentry.children.lock()).map.into_values());
        }
    }
}
