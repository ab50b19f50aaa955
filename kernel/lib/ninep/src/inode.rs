//! A file, directory or link of the server as an inode.

use crate::client::{Attr, Change, Fid, REMOVE_DIRECTORY, flags};
use crate::fs::Shared;
use crate::mapped::Pages;
use crate::node::Node;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use file::{AccessMode, DirEntry, File, FileType, OpenFlags, Sink, Source, Stat};
use frame::MapObject;
use spinlock::Mutex;
use uapi::{Errno, Result};
use vfs::{Attributes, Inode, NewNode, RemoveKind, RenameKind, StatFs, WriteAt, XattrChange};

/// The preferred size of transfers, in bytes.
const BLOCK: u32 = 128 << 10;
/// The first two offsets in a directory are its own and its parent's.
const DOTS: u64 = 2;
/// Offsets that a server makes of hashes are as large as they get, and need no room for ours.
const HASHES: u64 = 1 << 62;

/// One inode, as long as somebody holds it.
pub(crate) struct NineInode {
    me: Weak<NineInode>,
    shared: Arc<Shared>,
    kind: FileType,
    node: Node,
    pages: Pages,
    /// The entry of this directory that was last looked up: what is removed or replaced next.
    last: Mutex<Option<Looked>>,
}

/// A name and what it led to.
type Looked = (Box<[u8]>, Weak<NineInode>);

impl Drop for NineInode {
    fn drop(&mut self) {
        self.shared.forget(self.node.path, self);
        self.drop_all_pages();
    }
}

impl NineInode {
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    pub fn node(&self) -> &Node {
        &self.node
    }

    pub fn pages(&self) -> &Pages {
        &self.pages
    }

    pub fn statfs(&self) -> Result<StatFs> {
        self.node.fid().statfs()
    }

    /// The inode that `fid` stands for.
    pub fn of(shared: &Arc<Shared>, fid: Fid) -> Result<Arc<NineInode>> {
        let attr = fid.attributes()?;
        if let Some(known) = shared.find(attr.path)
            && attr.kind() == Some(known.kind)
        {
            known.node.renew(fid);
            return Ok(known);
        }
        let kind = attr.kind().ok_or(Errno::EIO)?;
        let inode = Arc::new_cyclic(|me| NineInode {
            me: me.clone(),
            shared: shared.clone(),
            kind,
            node: Node::new(fid, attr),
            pages: Pages::default(),
            last: Mutex::default(),
        });
        shared.keep(attr.path, &inode);
        Ok(inode)
    }

    fn entry(&self, name: &[u8]) -> Result<Arc<NineInode>> {
        let (fid, qid) = self.node.fid().walk(Some(name))?;
        let qid = qid.ok_or(Errno::EIO)?;
        let is_dir = |inode: &NineInode| (inode.kind == FileType::Directory) == (qid.kind & 0x80 != 0);
        let found = match self.shared.find(qid.path).filter(|known| is_dir(known)) {
            Some(known) => {
                known.node.renew(fid);
                known
            }
            None => Self::of(&self.shared, fid)?,
        };
        *self.last.lock() = Some((name.into(), Arc::downgrade(&found)));
        Ok(found)
    }

    /// `name` in this directory is no longer what was last looked up there.
    fn lost(&self, name: &[u8]) {
        let last = self.last.lock().take();
        let Some(gone) = last.filter(|(known, _)| **known == *name).and_then(|(_, inode)| inode.upgrade()) else { return };
        let names = if gone.kind == FileType::Directory { u32::MAX } else { 1 };
        if gone.node.lost_name(names) {
            self.shared.forget(gone.node.path, Arc::as_ptr(&gone));
        }
    }

    fn of_same(inode: &Arc<dyn Inode>) -> Result<&NineInode> {
        let any: &dyn Any = &**inode;
        any.downcast_ref().ok_or(Errno::EXDEV)
    }

    fn shown(&self, attr: &Attr) -> Stat {
        let options = &self.shared.options;
        Stat {
            dev: self.shared.dev,
            ino: attr.path,
            kind: self.kind,
            mode: attr.mode & 0o7777,
            nlink: attr.nlink,
            uid: options.uid(attr.uid),
            gid: options.gid(attr.gid),
            rdev: attr.rdev,
            size: attr.size,
            block_size: BLOCK,
            blocks: attr.blocks,
            atime: attr.atime,
            mtime: attr.mtime,
            ctime: attr.ctime,
            btime: attr.ctime,
        }
    }

    /// Gives what was just made the owner that it should have, where the server's user may do that.
    fn own(&self, new: &NewNode<'_>) {
        let options = &self.shared.options;
        let attr = self.node.known();
        let (uid, gid) = (options.uid(new.owner.uid), options.gid(new.owner.gid));
        let change = Change { uid: (uid != attr.uid).then_some(uid), gid: (gid != attr.gid).then_some(gid), ..Change::default() };
        if change.uid.is_some() || change.gid.is_some() {
            // Else it stays the server's user's, as the README says.
            let _ = self.node.change(&change);
        }
    }
}

impl Inode for NineInode {
    fn kind(&self) -> FileType {
        self.kind
    }

    fn stat(&self) -> Stat {
        let attr = self.node.refresh().unwrap_or_else(|_| self.node.known());
        self.shown(&attr)
    }

    fn keeps_entries(&self) -> bool {
        false
    }

    fn rechecks_entries(&self) -> bool {
        true
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        if self.kind != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(self.entry(name)?)
    }

    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        let dir = self.node.fid();
        let gid = self.shared.options.gid(new.owner.gid);
        let mode = new.owner.mode & 0o7777;
        let mut opened = None;
        match new.kind {
            FileType::Regular => {
                let (fid, _) = dir.walk(None)?;
                fid.create(name, flags::RDWR | flags::EXCL, mode, gid)?;
                opened = Some(Arc::new(fid));
            }
            FileType::Directory => dir.make_dir(name, mode, gid)?,
            FileType::Symlink => dir.make_symlink(name, new.target, gid)?,
            kind => {
                let (major, minor) = ((new.rdev >> 8 & 0xfff) as u32, (new.rdev & 0xff | new.rdev >> 12 & 0xf_ff00) as u32);
                dir.make_node(name, kind.mode_bits() | mode, (major, minor), gid)?;
            }
        }
        let inode = self.entry(name)?;
        inode.own(new);
        if let Some(fid) = opened {
            // Open for whatever the open that made it wants, even where its mode would not allow that again.
            inode.node.adopt(fid, (true, true));
        }
        Ok(inode)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = Self::of_same(target)?;
        if target.node.is_unlinked() {
            return Err(Errno::ENOENT);
        }
        self.node.fid().link(&target.node.fid(), name)?;
        let _ = target.node.refresh();
        Ok(())
    }

    fn remove(&self, name: &[u8], what: RemoveKind) -> Result<()> {
        let flags = if what == RemoveKind::Directory { REMOVE_DIRECTORY } else { 0 };
        self.node.fid().unlink(name, flags)?;
        self.lost(name);
        Ok(())
    }

    fn rename(&self, from: &[u8], to_dir: &Arc<dyn Inode>, to: &[u8], kind: RenameKind) -> Result<()> {
        // The protocol's message has no flags: what it cannot promise is not promised.
        if kind != RenameKind::Replace {
            return Err(Errno::EINVAL);
        }
        let to_dir = Self::of_same(to_dir)?;
        self.node.fid().rename(from, &to_dir.node.fid(), to)?;
        to_dir.lost(to);
        Ok(())
    }

    fn read_dir(&self, offset: i64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let fid = self.node.directory()?;
        let position = u64::try_from(offset).map_err(|_| Errno::EINVAL)?.saturating_sub(DOTS);
        // Ours are the server's and two.
        let mut at = if position + DOTS < HASHES { position } else { position + DOTS };
        let mut more = true;
        while more {
            let before = at;
            let any = fid.read_dir(at, &mut |entry| {
                let next = entry.next;
                if entry.name != b"." && entry.name != b".." {
                    let ours = if next < HASHES - DOTS { next + DOTS } else { next.min(i64::MAX as u64) };
                    let kind = FileType::from_mode(u32::from(entry.kind) << 12).unwrap_or(FileType::Anonymous);
                    more = each(&DirEntry { ino: entry.path, next_offset: ours.cast_signed(), kind, name: entry.name.to_vec() });
                }
                if more {
                    at = next;
                }
                more
            })?;
            // A server that does not get on is not asked for ever.
            if !any || at == before {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        if self.kind != FileType::Symlink {
            return Err(Errno::EINVAL);
        }
        self.node.fid().read_link()
    }

    fn set_attributes(&self, change: &Attributes) -> Result<()> {
        let options = &self.shared.options;
        let known = self.node.known();
        // An owner that it has already is not asked for: the server's user may not be allowed to.
        let uid = change.uid.map(|uid| options.uid(uid)).filter(|uid| *uid != known.uid);
        let gid = change.gid.map(|gid| options.gid(gid)).filter(|gid| *gid != known.gid);
        let change = Change { mode: change.mode, uid, gid, size: None, atime: change.atime, mtime: change.mtime };
        self.node.change(&change)?;
        let _ = self.node.refresh();
        Ok(())
    }

    fn open(&self, access: AccessMode, _: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        if self.kind == FileType::Regular {
            self.revalidate()?;
            self.node.open(access)?;
        }
        Ok(None)
    }

    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        self.flush()?;
        self.node.read(dst, offset)
    }

    fn write_at(&self, src: &mut dyn Source, at: WriteAt) -> Result<(usize, u64)> {
        self.flush()?;
        let (count, end) = match at {
            WriteAt::Offset(offset) => self.node.write(src, offset).map(|count| (count, offset + count as u64))?,
            WriteAt::End => self.node.append(src)?,
        };
        self.wrote(end.saturating_sub(count as u64), end);
        Ok((count, end))
    }

    fn set_size(&self, size: u64) -> Result<()> {
        self.flush()?;
        self.node.change(&Change { size: Some(size), ..Change::default() })?;
        self.resized(size);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.flush()?;
        self.node.sync()?;
        self.pages.take_error()
    }

    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.node.fid().xattr(name)
    }

    fn xattr_names(&self) -> Vec<Vec<u8>> {
        let all = self.node.fid().xattr(b"").unwrap_or_default();
        all.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
    }

    fn change_xattr(&self, name: &[u8], change: &XattrChange<'_>) -> Result<()> {
        /// XATTR_CREATE, XATTR_REPLACE.
        const CREATE: u32 = 1;
        const REPLACE: u32 = 2;
        let fid = self.node.fid();
        match change {
            // An empty value means removal to the server.
            XattrChange::Set([]) | XattrChange::Create([]) | XattrChange::Replace([]) => Err(Errno::EOPNOTSUPP),
            XattrChange::Set(value) => fid.set_xattr(name, value, 0),
            XattrChange::Create(value) => fid.set_xattr(name, value, CREATE),
            XattrChange::Replace(value) => fid.set_xattr(name, value, REPLACE),
            XattrChange::Remove => fid.set_xattr(name, b"", REPLACE),
        }
    }

    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        if self.kind != FileType::Regular {
            return Err(Errno::ENODEV);
        }
        self.me.upgrade().ok_or(Errno::EIO)?.mapping()
    }
}
