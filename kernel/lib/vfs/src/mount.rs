//! Mounts, places seen through them, and the tree they make.

use crate::{Dentry, FileSystem, Inode, Vfs};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use file::FileType;
use spinlock::Mutex;
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// Options of a mount, with mount(2)'s bit values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct MountFlags: u32 {
        /// MS_RDONLY.
        const RDONLY = 1;
        /// MS_NOSUID.
        const NOSUID = 2;
        /// MS_NODEV: device nodes cannot be opened.
        const NODEV = 4;
        /// MS_NOEXEC.
        const NOEXEC = 8;
        /// MS_NOATIME.
        const NOATIME = 1024;
    }
}

/// A file system (or a part of one, for a bind mount) at a place in the tree.
pub struct Mount {
    pub(crate) vfs: Arc<Vfs>,
    fs: Arc<dyn FileSystem>,
    root: Arc<Dentry>,
    id: u32,
    source: Box<[u8]>,
    flags: AtomicU32,
    #[cfg(feature = "mounts")]
    parent: Mutex<Option<Location>>,
    #[cfg(feature = "mounts")]
    children: Mutex<Vec<(Arc<Dentry>, Arc<Mount>)>>,
}

impl Mount {
    fn new(vfs: &Arc<Vfs>, fs: Arc<dyn FileSystem>, root: Arc<Dentry>, flags: MountFlags, source: &[u8]) -> Arc<Mount> {
        let flags = if cfg!(feature = "write") { flags } else { flags | MountFlags::RDONLY };
        Arc::new(Mount {
            vfs: vfs.clone(),
            fs,
            root,
            id: vfs.new_mount_id(),
            source: source.into(),
            flags: AtomicU32::new(flags.bits()),
            #[cfg(feature = "mounts")]
            parent: Mutex::new(None),
            #[cfg(feature = "mounts")]
            children: Mutex::default(),
        })
    }

    /// A mount that is in no tree: for files that have no name in any (memfd_create, O_TMPFILE on nothing).
    pub fn detached(vfs: &Arc<Vfs>, fs: Arc<dyn FileSystem>) -> Arc<Mount> {
        let root = Dentry::new_root(b"", fs.root());
        Self::new(vfs, fs, root, MountFlags::empty(), b"none")
    }

    /// The mounted file system.
    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// What the mount's file systems share.
    pub fn vfs(&self) -> &Arc<Vfs> {
        &self.vfs
    }

    /// Its options now.
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_truncate(self.flags.load(Ordering::Relaxed))
    }

    /// Changes its options (MS_REMOUNT).
    pub fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::Relaxed);
    }

    /// EROFS when it is mounted read-only.
    pub fn check_writable(&self) -> Result<()> {
        if cfg!(not(feature = "write")) || self.flags().contains(MountFlags::RDONLY) { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// Its topmost place.
    pub fn top(self: &Arc<Self>) -> Location {
        Location { mount: self.clone(), dentry: self.root.clone() }
    }

    /// What it is mounted on; nothing for the root.
    fn below(&self) -> Option<Location> {
        #[cfg(feature = "mounts")]
        return self.parent.lock().clone();
        #[cfg(not(feature = "mounts"))]
        None
    }

    #[cfg(feature = "mounts")]
    fn mounted_on(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        let children = self.children.lock();
        // The last one mounted is on top.
        children.iter().rev().find(|(at, _)| Arc::ptr_eq(at, dentry)).map(|(_, mount)| mount.clone())
    }
}

/// A dentry seen through a mount: what a path leads to.
#[derive(Clone)]
pub struct Location {
    /// Through which mount.
    pub mount: Arc<Mount>,
    /// Which dentry.
    pub dentry: Arc<Dentry>,
}

impl Location {
    /// The inode there.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    /// Whether both are the same place.
    pub fn same(&self, other: &Location) -> bool {
        Arc::ptr_eq(&self.dentry, &other.dentry) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// A place outside the tree, for something without a name; its path is `name`.
    pub fn unnamed(mount: &Arc<Mount>, name: &[u8], inode: Arc<dyn Inode>) -> Location {
        let dentry = Dentry::new_root(name, inode);
        dentry.mark_deleted();
        Location { mount: mount.clone(), dentry }
    }

    /// Onto the top of what is mounted here, if anything is.
    pub(crate) fn enter_mounts(&mut self) {
        #[cfg(feature = "mounts")]
        while self.dentry.has_mounts() {
            let Some(mount) = self.mount.mounted_on(&self.dentry) else { return };
            self.dentry = mount.root.clone();
            self.mount = mount;
        }
    }

    /// From the top of a mount down to what it is mounted on; from elsewhere, nothing.
    fn leave_mounts(&mut self) {
        while Arc::ptr_eq(&self.dentry, &self.mount.root) {
            let Some(below) = self.mount.below() else { return };
            *self = below;
        }
    }

    /// One directory up, not past `root`.
    pub(crate) fn ascend(&mut self, root: &Location) {
        if self.same(root) {
            return;
        }
        self.leave_mounts();
        if self.same(root) {
            return;
        }
        if let Some(parent) = self.dentry.parent() {
            self.dentry = parent;
        }
        self.enter_mounts();
    }

    /// Its path as seen from `root`: `(path, reachable)`. A place that is not below `root` gives its path from the top it has.
    fn path(&self, root: &Location) -> (Vec<u8>, bool) {
        let mut parts: Vec<Box<[u8]>> = Vec::new();
        let mut at = self.clone();
        let reachable = loop {
            if at.same(root) {
                break true;
            }
            if let Some((parent, name)) = at.dentry.parent_and_name()
                && !Arc::ptr_eq(&at.dentry, &at.mount.root)
            {
                parts.push(name);
                at.dentry = parent;
                continue;
            }
            if !Arc::ptr_eq(&at.dentry, &at.mount.root) {
                // Never had a place in the tree: its name is its path.
                parts.push(at.dentry.name());
                break true;
            }
            match at.mount.below() {
                Some(below) => at = below,
                None => break false,
            }
        };
        (joined(&parts), reachable)
    }

    /// The path that /proc shows: with ` (deleted)` behind it when the name is gone.
    pub fn display_path(&self, root: &Location) -> Vec<u8> {
        let (mut path, _) = self.path(root);
        if self.dentry.is_deleted() {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// getcwd(2): ENOENT when it was removed, `(unreachable)` in front when it is outside `root`.
    pub fn working_path(&self, root: &Location) -> Result<Vec<u8>> {
        if self.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let (path, reachable) = self.path(root);
        Ok(if reachable { path } else { [b"(unreachable)", path.as_slice()].concat() })
    }
}

/// One line of /proc/self/mountinfo.
pub struct MountInfo {
    /// The mount; id, options and file system are asked of it.
    pub mount: Arc<Mount>,
    /// Number of the mount.
    pub id: u32,
    /// Number of the mount it is on (its own at the top).
    pub parent_id: u32,
    /// What of the file system is mounted (`/` unless it is a bind mount).
    pub root: Vec<u8>,
    /// Where, as seen from the asked root.
    pub mount_point: Vec<u8>,
    /// What was given as the source.
    pub source: Vec<u8>,
}

/// The tree of mounts.
pub struct Namespace {
    vfs: Arc<Vfs>,
    root: Arc<Mount>,
    /// Held over every change of the tree of mounts.
    change: Mutex<()>,
    /// What is still to be mounted, and whether there is something.
    #[cfg(feature = "mounts")]
    deferred: Mutex<Option<Deferred>>,
    #[cfg(feature = "mounts")]
    is_deferred: AtomicBool,
}

/// Completes a tree of mounts.
type Deferred = Box<dyn FnOnce() + Send>;

impl Namespace {
    /// A tree with `fs` at its top.
    pub fn new(vfs: Arc<Vfs>, fs: Arc<dyn FileSystem>, flags: MountFlags, source: &[u8]) -> Arc<Namespace> {
        let top = Dentry::new_root(b"", fs.root());
        let root = Mount::new(&vfs, fs, top, flags, source);
        Arc::new(Namespace {
            vfs,
            root,
            change: Mutex::new(()),
            #[cfg(feature = "mounts")]
            deferred: Mutex::new(None),
            #[cfg(feature = "mounts")]
            is_deferred: AtomicBool::new(false),
        })
    }

    /// What its file systems share.
    pub fn vfs(&self) -> &Arc<Vfs> {
        &self.vfs
    }

    /// Puts off mounts until somebody walks a path: a program that never opens a file does not wait for them.
    #[cfg(feature = "mounts")]
    pub fn defer(&self, mounts: Deferred) {
        *self.deferred.lock() = Some(mounts);
        self.is_deferred.store(true, Ordering::Release);
    }

    /// Makes what was deferred, which may itself walk.
    #[inline]
    pub(crate) fn complete(&self) {
        #[cfg(feature = "mounts")]
        if self.is_deferred.load(Ordering::Acquire) {
            self.make_deferred();
        }
    }

    #[cfg(feature = "mounts")]
    #[cold]
    fn make_deferred(&self) {
        self.is_deferred.store(false, Ordering::Release);
        let mounts = self.deferred.lock().take();
        if let Some(mounts) = mounts {
            mounts();
        }
    }

    /// The top of the tree (with anything mounted over it).
    pub fn root(&self) -> Location {
        let mut root = self.root.top();
        root.enter_mounts();
        root
    }

    /// Puts `fs` on the directory `at`. ENOTDIR.
    #[cfg(feature = "mounts")]
    pub fn mount(&self, fs: Arc<dyn FileSystem>, at: &Location, flags: MountFlags, source: &[u8]) -> Result<Arc<Mount>> {
        let top = Dentry::new_root(b"", fs.root());
        self.attach(Mount::new(&self.vfs, fs, top, flags, source), at)
    }

    /// Shows `source` again at `at` (MS_BIND). ENOTDIR unless both are directories or neither is.
    #[cfg(feature = "mounts")]
    pub fn bind(&self, source: &Location, at: &Location, flags: MountFlags) -> Result<Arc<Mount>> {
        let mount = Mount::new(&self.vfs, source.mount.fs.clone(), source.dentry.clone(), flags, &source.mount.source);
        self.attach(mount, at)
    }

    #[cfg(feature = "mounts")]
    fn attach(&self, mount: Arc<Mount>, at: &Location) -> Result<Arc<Mount>> {
        let is_dir = |dentry: &Dentry| dentry.inode().kind() == FileType::Directory;
        if is_dir(&mount.root) != is_dir(&at.dentry) {
            return Err(Errno::ENOTDIR);
        }
        let _change = self.change.lock();
        if at.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let mut at = at.clone();
        at.enter_mounts();
        *mount.parent.lock() = Some(at.clone());
        at.mount.children.lock().push((at.dentry.clone(), mount.clone()));
        at.dentry.count_mounts(|n| n + 1);
        Ok(mount)
    }

    /// Takes away the mount whose top is `at`: EINVAL when it is not the top of one or is the root, EBUSY when something is mounted below it
    /// or, unless `lazy`, it is in use (umount2(2), MNT_DETACH).
    #[cfg(feature = "mounts")]
    pub fn unmount(&self, at: &Location, lazy: bool) -> Result<()> {
        let _change = self.change.lock();
        let mount = &at.mount;
        if !Arc::ptr_eq(&at.dentry, &mount.root) {
            return Err(Errno::EINVAL);
        }
        let below = mount.parent.lock().clone().ok_or(Errno::EINVAL)?;
        // One reference in the list below, one in `at`.
        if !lazy && (!mount.children.lock().is_empty() || Arc::strong_count(mount) > 2) {
            return Err(Errno::EBUSY);
        }
        let mut children = below.mount.children.lock();
        let index = children.iter().position(|(_, m)| Arc::ptr_eq(m, mount)).ok_or(Errno::EINVAL)?;
        let removed = children.remove(index);
        drop(children);
        below.dentry.count_mounts(|n| n.saturating_sub(1));
        *mount.parent.lock() = None;
        if !lazy && mount.root.parent().is_none() {
            mount.root.prune();
        }
        drop(removed);
        Ok(())
    }

    /// All mounts below (and at) `root`, parents before children.
    #[cfg(feature = "mounts")]
    pub fn mounts(&self, root: &Location) -> Vec<MountInfo> {
        let mut found: Vec<MountInfo> = Vec::new();
        let mut work = alloc::vec![self.root.clone()];
        while let Some(mount) = work.pop() {
            work.extend(mount.children.lock().iter().rev().map(|(_, child)| child.clone()));
            let parent_id = mount.parent.lock().as_ref().map_or(mount.id, |below| below.mount.id);
            let (mount_point, reachable) = mount.top().path(root);
            if reachable {
                let whole = Location { mount: mount.clone(), dentry: mount.root.clone() };
                found.push(MountInfo {
                    id: mount.id,
                    parent_id,
                    root: whole.path_in_fs(),
                    mount_point,
                    source: mount.source.to_vec(),
                    mount,
                });
            }
        }
        found
    }
}

impl Location {
    /// Path from the top of the file system, whatever is mounted.
    fn path_in_fs(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = self.dentry.clone();
        while let Some((parent, name)) = at.parent_and_name() {
            parts.push(name);
            at = parent;
        }
        joined(&parts)
    }
}

/// The absolute path with these names, the last one first.
fn joined(parts: &[Box<[u8]>]) -> Vec<u8> {
    let mut path = Vec::new();
    for part in parts.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}
