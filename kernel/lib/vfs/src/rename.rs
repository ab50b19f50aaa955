//! rename(2) and renameat2(2).

use crate::entries::retry_stale;
use crate::walk::{Last, Parent, Walk};
use crate::{Context, EventMask, FsEvent, Location, RenameKind, Resolve};
use alloc::sync::Arc;
use file::FileType;
use uapi::{Errno, Result};

impl Context {
    /// Moves `old` to `new`. EXDEV across mounts, EINVAL when a directory would go below itself, EBUSY for mount points, `.` and `..`, ENOTEMPTY,
    /// EISDIR and ENOTDIR when the types of source and target do not go together.
    pub fn rename(&self, old_dir: Option<&Location>, old: &[u8], new_dir: Option<&Location>, new: &[u8], kind: RenameKind) -> Result<()> {
        let from = Walk::new(self, old_dir, Resolve::empty()).parent(old)?;
        let to = Walk::new(self, new_dir, Resolve::empty()).parent(new)?;
        if !Arc::ptr_eq(&from.dir.mount, &to.dir.mount) {
            return Err(Errno::EXDEV);
        }
        let (Last::Name(from_name), Last::Name(to_name)) = (&from.last, &to.last) else {
            return Err(if kind == RenameKind::NoReplace && !matches!(to.last, Last::Name(_)) { Errno::EEXIST } else { Errno::EBUSY });
        };
        if to_name.len() > crate::path::NAME_MAX || from_name.len() > crate::path::NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let vfs = self.vfs().clone();
        let _still = vfs.rename_lock.lock();
        retry_stale(|| self.rename_entry(&from, from_name, &to, to_name, kind))
    }

    fn rename_entry(&self, from: &Parent, from_name: &[u8], to: &Parent, to_name: &[u8], kind: RenameKind) -> Result<()> {
        let source = from.dir.dentry.child(from_name)?;
        let target = match to.dir.dentry.child(to_name) {
            Ok(target) => Some(target),
            Err(Errno::ENOENT) => None,
            Err(e) => return Err(e),
        };
        match (&target, kind) {
            (Some(_), RenameKind::NoReplace) => return Err(Errno::EEXIST),
            (None, RenameKind::Exchange) => return Err(Errno::ENOENT),
            _ => {}
        }
        let is_dir = |dentry: &crate::Dentry| dentry.inode().kind() == FileType::Directory;
        let exchange = kind == RenameKind::Exchange;
        let target_dir = target.as_deref().is_some_and(is_dir);
        if !is_dir(&source) && (from.slash || (to.slash && !(exchange && target_dir))) {
            return Err(Errno::ENOTDIR);
        }
        if exchange && to.slash && !target_dir {
            return Err(Errno::ENOTDIR);
        }
        if is_dir(&source) && source.is_ancestor_of(&to.dir.dentry) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = &target
            && target.is_ancestor_of(&from.dir.dentry)
            && is_dir(target)
        {
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if let Some(target) = &target
            && Arc::ptr_eq(source.inode(), target.inode())
        {
            // Two names of one inode: nothing happens (rename(2)).
            return Ok(());
        }
        self.may_delete(&from.dir, source.inode())?;
        match &target {
            Some(target) => self.may_delete(&to.dir, target.inode())?,
            None => self.may_create(&to.dir)?,
        }
        if target.is_some() && !exchange {
            match (is_dir(&source), target_dir) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                _ => {}
            }
        }
        // A directory that moves gets another `..`: its owner's write permission is needed.
        if is_dir(&source) && !Arc::ptr_eq(&from.dir.dentry, &to.dir.dentry) {
            self.permit(source.inode(), crate::context::Want::WRITE)?;
        }
        if source.has_mounts() || target.as_deref().is_some_and(crate::Dentry::has_mounts) {
            return Err(Errno::EBUSY);
        }
        from.dir.dentry.rename((from_name, &source), &to.dir.dentry, (to_name, target.as_ref()), kind)?;
        let source = Location { mount: from.dir.mount.clone(), dentry: source };
        let target = target.map(|dentry| Location { mount: to.dir.mount.clone(), dentry });
        self.renamed(from, from_name, to, to_name, &source, target.as_ref().filter(|_| !exchange));
        if exchange && let Some(target) = &target {
            self.renamed(to, to_name, from, from_name, target, None);
        }
        Ok(())
    }

    fn renamed(&self, from: &Parent, from_name: &[u8], to: &Parent, to_name: &[u8], moved: &Location, replaced: Option<&Location>) {
        let events = &self.vfs().events;
        if !events.watched() {
            return;
        }
        let cookie = events.new_cookie();
        let inode = moved.inode();
        events.emit(&FsEvent { mask: EventMask::MOVED_FROM, cookie, inode, entry: Some((from.dir.inode(), from_name)), unlinked: false });
        events.emit(&FsEvent { mask: EventMask::MOVED_TO, cookie, inode, entry: Some((to.dir.inode(), to_name)), unlinked: false });
        events.emit(&FsEvent { mask: EventMask::MOVE_SELF, cookie: 0, inode, entry: None, unlinked: false });
        if let Some(gone) = replaced {
            let own = |mask| events.emit(&FsEvent { mask, cookie: 0, inode: gone.inode(), entry: None, unlinked: false });
            own(EventMask::ATTRIB);
            if gone.inode().stat().nlink == 0 {
                own(EventMask::DELETE_SELF);
            }
        }
    }
}
