//! Inodes in memory.

#[cfg(feature = "write")]
use crate::Sealing;
use crate::directory::Directory;
use crate::fs::Shared;
use crate::load::{Contents, Meta};
use crate::name::Bytes;
#[cfg(any(feature = "write", feature = "origin"))]
use crate::xattr::Xattrs;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use file::{DirEntry, FileType, Sink, Source, Stat};
use frame::{MapObject, PAGE_BYTES};
use spinlock::Mutex;
use time::ns_to_timespec;
use uapi::general::{FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE};
use uapi::types::Timespec;
use uapi::{Errno, Result};
use vfs::{Attributes, Inode, Linkable, NewNode, Owner, PageCache, RemoveKind, RenameKind, Seals, WriteAt, XattrChange};

/// A file, directory or link in memory.
pub struct RamInode {
    pub(crate) fs: Arc<Shared>,
    ino: u64,
    kind: FileType,
    pub(crate) state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) data: Data,
    pub(crate) atime_ns: i64,
    pub(crate) mtime_ns: i64,
    pub(crate) ctime_ns: i64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) mode: u16,
    /// Has no name yet but may get one (O_TMPFILE).
    linkable: bool,
    /// Extended attributes; few files have any.
    #[cfg(any(feature = "write", feature = "origin"))]
    pub(crate) xattrs: Option<Box<Xattrs>>,
}

pub(crate) enum Data {
    /// A regular file as it lies in the archive (or empty): nobody has written or mapped it.
    Archive(&'static [u8]),
    /// The same in two parts, the first of whole pages. Boxed, like all that is rare.
    Split(Box<(&'static [u8], &'static [u8])>),
    Cached(Arc<PageCache>),
    Directory(Box<Directory>),
    /// Boxed: links are rare, and every inode is 8 bytes smaller for it.
    Symlink(Box<Bytes>),
    Node(u64),
}

impl State {
    pub(crate) fn changed(&mut self, now_ns: i64) {
        self.mtime_ns = now_ns;
        self.ctime_ns = now_ns;
    }

    /// The contents of a file that still lies in the archive, in two parts.
    fn archived(&self) -> (&'static [u8], &'static [u8]) {
        match &self.data {
            Data::Archive(bytes) => (bytes, &[]),
            Data::Split(parts) => **parts,
            _ => (&[], &[]),
        }
    }

    fn archived_len(&self) -> u64 {
        let (head, tail) = self.archived();
        head.len() as u64 + tail.len() as u64
    }

    pub(crate) fn directory(&mut self) -> Result<&mut Directory> {
        match &mut self.data {
            Data::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }
}

fn to_ns(time: Timespec) -> i64 {
    time.sec.saturating_mul(1_000_000_000).saturating_add(time.nsec)
}

fn to_time(ns: i64) -> Timespec {
    match u64::try_from(ns) {
        Ok(ns) => ns_to_timespec(ns),
        Err(_) => Timespec { sec: ns.div_euclid(1_000_000_000), nsec: ns.rem_euclid(1_000_000_000) },
    }
}

impl RamInode {
    pub(crate) fn make(fs: &Arc<Shared>, meta: &Meta, contents: Contents) -> Arc<RamInode> {
        let (kind, data) = match contents {
            Contents::File(bytes) => (FileType::Regular, Data::Archive(bytes)),
            #[cfg(feature = "origin")]
            Contents::Split(head, tail) => (FileType::Regular, Data::Split(Box::new((head, tail)))),
            #[cfg(feature = "write")]
            Contents::Memory(sealing) => {
                let cache = PageCache::new(fs.vfs.frames);
                if sealing == Sealing::Refused {
                    // A file without seals takes any.
                    let _ = cache.add_seals(Seals::SEAL);
                }
                (FileType::Regular, Data::Cached(Arc::new(cache)))
            }
            Contents::Directory => (FileType::Directory, Data::Directory(Box::default())),
            #[cfg(feature = "origin")]
            Contents::Stored(number) => (FileType::Directory, Data::Directory(Box::new(Directory::stored(number)))),
            Contents::Symlink(target) => (FileType::Symlink, Data::Symlink(Box::new(Bytes::Static(target)))),
            Contents::Node(kind, rdev) => (kind, Data::Node(rdev)),
        };
        Self::with_data(fs, meta, kind, data)
    }

    fn with_data(fs: &Arc<Shared>, meta: &Meta, kind: FileType, data: Data) -> Arc<RamInode> {
        let state = State {
            data,
            atime_ns: meta.mtime_ns,
            mtime_ns: meta.mtime_ns,
            ctime_ns: meta.mtime_ns,
            uid: meta.uid,
            gid: meta.gid,
            nlink: if kind == FileType::Directory { 2 } else { meta.nlink },
            mode: (meta.mode & 0o7777) as u16,
            linkable: meta.nlink == 0,
            #[cfg(any(feature = "write", feature = "origin"))]
            xattrs: None,
        };
        Arc::new(RamInode { fs: fs.clone(), ino: fs.new_ino(), kind, state: Mutex::new(state) })
    }

    /// Its number in the file system.
    pub fn ino(&self) -> u64 {
        self.ino
    }

    pub(crate) fn enter(&self, name: Bytes, inode: Arc<RamInode>) -> Result<()> {
        let is_dir = inode.kind == FileType::Directory;
        let mut state = self.state.lock();
        // A directory that was removed is empty, and says so itself.
        if self.entry(&mut state, &name)?.is_some() {
            return Err(Errno::EEXIST);
        }
        state.directory()?.insert(name, inode)?;
        state.nlink += u32::from(is_dir);
        Ok(())
    }

    #[cfg(feature = "write")]
    fn new_child(&self, new: &NewNode<'_>, nlink: u32) -> Result<Arc<RamInode>> {
        let data = match new.kind {
            FileType::Regular => Data::Archive(&[]),
            FileType::Directory => Data::Directory(Box::default()),
            FileType::Symlink => Data::Symlink(Box::new(Bytes::Owned(new.target.into()))),
            FileType::Anonymous => return Err(Errno::EINVAL),
            _ => Data::Node(new.rdev),
        };
        let Owner { mode, uid, gid } = new.owner;
        let meta = Meta { mode, uid, gid, mtime_ns: self.fs.now_ns(), nlink };
        Ok(Self::with_data(&self.fs, &meta, new.kind, data))
    }

    /// The contents as a page cache, made now if the file still lies in the archive.
    fn cache(&self) -> Result<Arc<PageCache>> {
        let mut state = self.state.lock();
        match &state.data {
            Data::Cached(cache) => Ok(cache.clone()),
            Data::Archive(_) | Data::Split(_) => {
                let (bytes, tail) = state.archived();
                let cache = PageCache::over(self.fs.vfs.frames, bytes);
                #[cfg(feature = "origin")]
                if !tail.is_empty() {
                    let mut source: &[u8] = tail;
                    cache.write(&mut source, WriteAt::End)?;
                }
                #[cfg(not(feature = "origin"))]
                let _ = tail;
                // Only memfds can be sealed.
                #[cfg(feature = "write")]
                let _ = cache.add_seals(Seals::SEAL);
                let cache = Arc::new(cache);
                state.data = Data::Cached(cache.clone());
                Ok(cache)
            }
            Data::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    #[cfg(feature = "write")]
    fn touch(&self) {
        let now = self.fs.now_ns();
        self.state.lock().changed(now);
    }

    #[cfg(feature = "write")]
    pub(crate) fn lost_name(&self, now_ns: i64) {
        let mut state = self.state.lock();
        state.ctime_ns = now_ns;
        state.nlink = state.nlink.saturating_sub(if self.kind == FileType::Directory { 2 } else { 1 });
        if let Data::Directory(directory) = &mut state.data {
            directory.dead = true;
        }
    }

    /// Whether `self` may be replaced or removed as a `what`; the caller holds the file system's change lock, and its own directory's.
    #[cfg(feature = "write")]
    pub(crate) fn removable(&self, what: RemoveKind) -> Result<()> {
        match (what, self.kind == FileType::Directory) {
            (RemoveKind::File, true) => Err(Errno::EISDIR),
            (RemoveKind::Directory, false) => Err(Errno::ENOTDIR),
            (RemoveKind::File, false) => Ok(()),
            (RemoveKind::Directory, true) => {
                let empty = self.complete(&mut self.state.lock())?.entries.is_empty();
                if empty { Ok(()) } else { Err(Errno::ENOTEMPTY) }
            }
        }
    }

    pub(crate) fn kind_of(&self) -> FileType {
        self.kind
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.kind == FileType::Directory
    }
}

#[cfg(feature = "write")]
fn as_ram(inode: &Arc<dyn Inode>) -> Result<Arc<RamInode>> {
    let any: Arc<dyn Any + Send + Sync> = inode.clone();
    any.downcast().map_err(|_| Errno::EXDEV)
}

impl Inode for RamInode {
    fn kind(&self) -> FileType {
        self.kind
    }

    fn stat(&self) -> Stat {
        let state = self.state.lock();
        let (size, bytes, rdev) = match &state.data {
            Data::Archive(_) | Data::Split(_) => (state.archived_len(), state.archived_len(), 0),
            Data::Cached(cache) => (cache.size(), cache.used_bytes(), 0),
            Data::Directory(directory) => (40 + 20 * directory.entries.len() as u64, 0, 0),
            Data::Symlink(target) => (target.len() as u64, 0, 0),
            Data::Node(rdev) => (0, 0, *rdev),
        };
        Stat {
            dev: self.fs.dev,
            ino: self.ino,
            kind: self.kind,
            mode: u32::from(state.mode),
            nlink: state.nlink,
            uid: state.uid,
            gid: state.gid,
            rdev,
            size,
            block_size: 4096,
            blocks: bytes.div_ceil(PAGE_BYTES) * (PAGE_BYTES / 512),
            atime: to_time(state.atime_ns),
            mtime: to_time(state.mtime_ns),
            ctime: to_time(state.ctime_ns),
            btime: Timespec::default(),
        }
    }

    fn owner(&self) -> Owner {
        let state = self.state.lock();
        Owner { mode: u32::from(state.mode), uid: state.uid, gid: state.gid }
    }

    fn size(&self) -> u64 {
        let state = self.state.lock();
        match &state.data {
            Data::Archive(_) | Data::Split(_) => state.archived_len(),
            Data::Cached(cache) => cache.size(),
            Data::Symlink(target) => target.len() as u64,
            _ => 0,
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let found = self.entry(&mut self.state.lock(), name)?;
        Ok(found.ok_or(Errno::ENOENT)?)
    }

    #[cfg(feature = "write")]
    fn create(&self, name: &[u8], new: &NewNode<'_>) -> Result<Arc<dyn Inode>> {
        let inode = self.new_child(new, 1)?;
        self.enter(Bytes::Owned(name.into()), inode.clone())?;
        self.touch();
        Ok(inode)
    }

    #[cfg(feature = "write")]
    fn create_unnamed(&self, new: &NewNode<'_>, linkable: Linkable) -> Result<Arc<dyn Inode>> {
        let inode = self.new_child(new, 0)?;
        inode.state.lock().linkable = linkable == Linkable::Yes;
        Ok(inode)
    }

    #[cfg(feature = "write")]
    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = as_ram(target)?;
        let _change = self.fs.change.lock();
        let now = self.fs.now_ns();
        {
            let state = target.state.lock();
            if state.nlink == 0 && !state.linkable {
                return Err(Errno::ENOENT);
            }
        }
        self.enter(Bytes::Owned(name.into()), target.clone())?;
        let mut state = target.state.lock();
        state.nlink += 1;
        state.linkable = false;
        state.ctime_ns = now;
        drop(state);
        self.state.lock().changed(now);
        Ok(())
    }

    #[cfg(feature = "write")]
    fn remove(&self, name: &[u8], what: RemoveKind) -> Result<()> {
        let _change = self.fs.change.lock();
        let now = self.fs.now_ns();
        let mut state = self.state.lock();
        let directory = self.complete(&mut state)?;
        directory.get(name).ok_or(Errno::ENOENT)?.removable(what)?;
        let entry = directory.remove(name).ok_or(Errno::ENOENT)?;
        state.nlink -= u32::from(entry.inode.is_dir());
        state.changed(now);
        drop(state);
        entry.inode.lost_name(now);
        Ok(())
    }

    #[cfg(feature = "write")]
    fn rename(&self, from: &[u8], to_dir: &Arc<dyn Inode>, to: &[u8], kind: RenameKind) -> Result<()> {
        self.rename_to(from, &*as_ram(to_dir)?, to, kind)
    }

    #[cfg(feature = "directories")]
    fn read_dir(&self, offset: i64, each: &mut dyn FnMut(&DirEntry) -> bool) -> Result<()> {
        let mut next = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        // `each` copies to the application, which may fault: entries are taken out of the lock a few at a time.
        const BATCH: usize = 16;
        let mut batch: Vec<DirEntry> = Vec::new();
        loop {
            batch.clear();
            {
                let mut state = self.state.lock();
                for (key, entry) in self.complete(&mut state)?.entries.range(next..).take(BATCH) {
                    let next_offset = i64::try_from(key + 1).map_err(|_| Errno::EIO)?;
                    batch.push(DirEntry { ino: entry.inode.ino, next_offset, kind: entry.inode.kind, name: entry.name.to_vec() });
                }
            }
            for entry in &batch {
                if !each(entry) {
                    return Ok(());
                }
                next = entry.next_offset.unsigned_abs();
            }
            if batch.len() < BATCH {
                return Ok(());
            }
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.state.lock().data {
            Data::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    #[cfg(feature = "write")]
    fn set_attributes(&self, change: &Attributes) -> Result<()> {
        let now = self.fs.now_ns();
        let mut state = self.state.lock();
        if let Some(mode) = change.mode {
            state.mode = (mode & 0o7777) as u16;
        }
        state.uid = change.uid.unwrap_or(state.uid);
        state.gid = change.gid.unwrap_or(state.gid);
        state.atime_ns = change.atime.map_or(state.atime_ns, to_ns);
        state.mtime_ns = change.mtime.map_or(state.mtime_ns, to_ns);
        state.ctime_ns = now;
        Ok(())
    }

    #[cfg(feature = "write")]
    fn accessed(&self) {
        let stale = {
            let state = self.state.lock();
            state.atime_ns <= state.mtime_ns || state.atime_ns <= state.ctime_ns
        };
        if stale {
            let now = self.fs.now_ns();
            self.state.lock().atime_ns = now;
        }
    }

    fn read_at(&self, dst: &mut dyn Sink, offset: u64) -> Result<usize> {
        let state = self.state.lock();
        match &state.data {
            Data::Archive(bytes) => {
                let bytes = *bytes;
                drop(state);
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                if start == bytes.len() { Ok(0) } else { dst.put(&bytes[start..]) }
            }
            Data::Cached(cache) => {
                let cache = cache.clone();
                drop(state);
                cache.read(dst, offset)
            }
            Data::Split(_) => {
                drop(state);
                self.cache()?.read(dst, offset)
            }
            Data::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    #[cfg(feature = "write")]
    fn write_at(&self, src: &mut dyn Source, at: WriteAt) -> Result<(usize, u64)> {
        let written = self.cache()?.write(src, at)?;
        if written.0 > 0 {
            self.touch();
        }
        Ok(written)
    }

    #[cfg(feature = "write")]
    fn set_size(&self, size: u64) -> Result<()> {
        self.cache()?.set_size(size)?;
        self.touch();
        Ok(())
    }

    #[cfg(feature = "write")]
    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        let keep = mode & FALLOC_FL_KEEP_SIZE != 0;
        let action = mode & !FALLOC_FL_KEEP_SIZE;
        let cache = self.cache()?;
        let end = offset.checked_add(len).ok_or(Errno::EFBIG)?;
        match action {
            0 => cache.reserve(offset, len)?,
            FALLOC_FL_PUNCH_HOLE if keep => cache.zero(offset, len)?,
            FALLOC_FL_ZERO_RANGE => {
                cache.zero(offset, len)?;
                cache.reserve(offset, len)?;
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        if !keep && end > cache.size() {
            cache.set_size(end)?;
        }
        self.touch();
        Ok(())
    }

    #[cfg(feature = "write")]
    fn next_data(&self, offset: u64) -> Result<u64> {
        self.cache()?.next_data(offset)
    }

    #[cfg(feature = "write")]
    fn next_hole(&self, offset: u64) -> Result<u64> {
        self.cache()?.next_hole(offset)
    }

    #[cfg(any(feature = "write", feature = "origin"))]
    fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let state = self.state.lock();
        let value = state.xattrs.as_ref().and_then(|xattrs| xattrs.get(name));
        value.map(<[u8]>::to_vec).ok_or(Errno::ENODATA)
    }

    #[cfg(any(feature = "write", feature = "origin"))]
    fn xattr_names(&self) -> Vec<Vec<u8>> {
        self.state.lock().xattrs.as_ref().map_or(Vec::new(), |xattrs| xattrs.names())
    }

    #[cfg(any(feature = "write", feature = "origin"))]
    fn change_xattr(&self, name: &[u8], change: &XattrChange<'_>) -> Result<()> {
        let now = self.fs.now_ns();
        let mut state = self.state.lock();
        state.xattrs.get_or_insert_default().change(name, change)?;
        state.ctime_ns = now;
        Ok(())
    }

    fn map_object(&self) -> Result<Arc<dyn MapObject>> {
        match self.cache() {
            Ok(cache) => Ok(cache),
            Err(_) => Err(Errno::ENODEV),
        }
    }

    #[cfg(feature = "write")]
    fn seals(&self) -> Result<Seals> {
        match &self.state.lock().data {
            Data::Cached(cache) => Ok(cache.seals()),
            Data::Archive(_) | Data::Split(_) => Ok(Seals::SEAL),
            _ => Err(Errno::EINVAL),
        }
    }

    #[cfg(feature = "write")]
    fn add_seals(&self, seals: Seals) -> Result<()> {
        if self.kind != FileType::Regular {
            return Err(Errno::EINVAL);
        }
        self.cache()?.add_seals(seals)
    }
}
