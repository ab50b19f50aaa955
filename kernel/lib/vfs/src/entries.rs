//! Making and removing entries: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2).

use crate::path::PATH_MAX;
use crate::walk::{Last, Parent, Walk};
use crate::{Context, EventMask, Follow, FsEvent, Location, RemoveKind, Resolve};
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::FileType;
use uapi::{Errno, Result};

/// Does it again while another thread changed the entry between looking at it and acting on it.
pub(crate) fn retry_stale(mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    loop {
        match attempt() {
            Err(Errno::ESTALE) => {}
            done => return done,
        }
    }
}

impl Context {
    fn parent(&self, dir: Option<&Location>, path: &[u8]) -> Result<Parent> {
        Walk::new(self, dir, Resolve::empty()).parent(path)
    }

    /// The directory and name for something new: EEXIST when it is there; ENOENT for a name that ends in a slash unless a directory is made.
    fn place_for(&self, dir: Option<&Location>, path: &[u8], kind: FileType) -> Result<(Location, Vec<u8>)> {
        let parent = self.parent(dir, path)?;
        let Last::Name(name) = parent.last else { return Err(Errno::EEXIST) };
        if name.len() > crate::path::NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        match parent.dir.dentry.child(&name) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) if parent.slash && kind != FileType::Directory => Err(Errno::ENOENT),
            Err(Errno::ENOENT) => Ok((parent.dir, name)),
            Err(e) => Err(e),
        }
    }

    /// mkdir(2).
    pub fn mkdir(&self, dir: Option<&Location>, path: &[u8], mode: u32) -> Result<()> {
        let (parent, name) = self.place_for(dir, path, FileType::Directory)?;
        self.create_in(&parent, &name, FileType::Directory, mode & 0o1777, 0, b"").map(drop)
    }

    /// mknod(2) with the type in `mode` (none is a regular file). Devices are for root alone: EPERM. EINVAL for other types.
    pub fn mknod(&self, dir: Option<&Location>, path: &[u8], mode: u32, rdev: u64) -> Result<Location> {
        let kind = match FileType::from_mode(mode) {
            Some(FileType::Anonymous) => FileType::Regular,
            Some(FileType::Directory) => return Err(Errno::EPERM),
            Some(FileType::Symlink) | None => return Err(Errno::EINVAL),
            Some(kind) => kind,
        };
        let device = matches!(kind, FileType::CharDevice | FileType::BlockDevice);
        if device && self.uid != 0 {
            return Err(Errno::EPERM);
        }
        let (parent, name) = self.place_for(dir, path, kind)?;
        self.create_in(&parent, &name, kind, mode, if device { rdev } else { 0 }, b"")
    }

    /// symlink(2): ENOENT for an empty target.
    pub fn symlink(&self, target: &[u8], dir: Option<&Location>, path: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() > PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let (parent, name) = self.place_for(dir, path, FileType::Symlink)?;
        // A link's own permission bits are always 0777, whatever the umask.
        let open = Context { umask: 0, ..self.clone() };
        open.create_in(&parent, &name, FileType::Symlink, 0o777, 0, target).map(drop)
    }

    /// link(2) and linkat(2); `follow` is AT_SYMLINK_FOLLOW.
    pub fn link(&self, old_dir: Option<&Location>, old: &[u8], follow: Follow, new_dir: Option<&Location>, new: &[u8]) -> Result<()> {
        let source = self.resolve(old_dir, old, follow)?;
        self.link_location(&source, new_dir, new)
    }

    /// Gives what is at `source` another name (linkat(2) with AT_EMPTY_PATH, O_TMPFILE). EPERM for directories, EXDEV across mounts.
    pub fn link_location(&self, source: &Location, new_dir: Option<&Location>, new: &[u8]) -> Result<()> {
        let (parent, name) = self.place_for(new_dir, new, source.inode().kind())?;
        if !Arc::ptr_eq(&source.mount, &parent.mount) {
            return Err(Errno::EXDEV);
        }
        self.may_create(&parent)?;
        if source.inode().kind() == FileType::Directory {
            return Err(Errno::EPERM);
        }
        let dentry = parent.dentry.link(&name, source.inode())?;
        source.emit(EventMask::ATTRIB);
        Location { mount: parent.mount.clone(), dentry }.emit(EventMask::CREATE);
        Ok(())
    }

    /// unlink(2): EISDIR for a directory.
    pub fn unlink(&self, dir: Option<&Location>, path: &[u8]) -> Result<()> {
        let parent = self.parent(dir, path)?;
        let Last::Name(name) = &parent.last else { return Err(Errno::EISDIR) };
        retry_stale(|| {
            let victim = self.victim(&parent, name)?;
            let is_dir = victim.inode().kind() == FileType::Directory;
            if parent.slash {
                return Err(if is_dir { Errno::EISDIR } else { Errno::ENOTDIR });
            }
            self.may_delete(&parent.dir, victim.inode())?;
            if is_dir {
                return Err(Errno::EISDIR);
            }
            self.remove(&parent, name, &victim, RemoveKind::File)
        })
    }

    /// rmdir(2): ENOTDIR, ENOTEMPTY, EINVAL for `.`, EBUSY for a mount point or `/`.
    pub fn rmdir(&self, dir: Option<&Location>, path: &[u8]) -> Result<()> {
        let parent = self.parent(dir, path)?;
        let name = match &parent.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::EINVAL),
            Last::DotDot => return Err(Errno::ENOTEMPTY),
            Last::Root => return Err(Errno::EBUSY),
        };
        retry_stale(|| {
            let victim = self.victim(&parent, name)?;
            self.may_delete(&parent.dir, victim.inode())?;
            if victim.inode().kind() != FileType::Directory {
                return Err(Errno::ENOTDIR);
            }
            self.remove(&parent, name, &victim, RemoveKind::Directory)
        })
    }

    fn victim(&self, parent: &Parent, name: &[u8]) -> Result<Location> {
        let dentry = parent.dir.dentry.child(name)?;
        Ok(Location { mount: parent.dir.mount.clone(), dentry })
    }

    fn remove(&self, parent: &Parent, name: &[u8], victim: &Location, kind: RemoveKind) -> Result<()> {
        if victim.dentry.has_mounts() {
            return Err(Errno::EBUSY);
        }
        parent.dir.dentry.remove(name, &victim.dentry, kind)?;
        self.removed(&parent.dir, name, victim);
        Ok(())
    }

    /// Tells watchers that an entry went away.
    pub(crate) fn removed(&self, dir: &Location, name: &[u8], victim: &Location) {
        let events = &self.vfs().events;
        if !events.watched() {
            return;
        }
        let inode = victim.inode();
        let directory = inode.kind() == FileType::Directory;
        let own = |mask| events.emit(&FsEvent { mask, cookie: 0, inode, entry: None, unlinked: false });
        // A file's link count changes even when it was the last; rmdir does not tell of it.
        if !directory {
            own(EventMask::ATTRIB);
        }
        if directory || inode.stat().nlink == 0 {
            own(EventMask::DELETE_SELF);
        }
        events.emit(&FsEvent { mask: EventMask::DELETE, cookie: 0, inode, entry: Some((dir.inode(), name)), unlinked: false });
    }
}
