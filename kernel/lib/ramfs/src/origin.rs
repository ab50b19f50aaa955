//! Entries that are still where the file system came from: taken over one by one, as they are asked for.

use crate::directory::Directory;
use crate::fs::Shared;
use crate::inode::{RamInode, State};
use crate::load::{Contents, Meta};
use crate::name::Bytes;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use file::FileType;
use sortedmap::SortedMap;
use spinlock::Mutex;
use uapi::Result;
use vfs::XattrChange;

/// A read-only file system in memory that a [`Ramfs`](crate::Ramfs) begins as. Its inodes have numbers. What is wrong in it is EUCLEAN, as on Linux.
pub trait Origin: Send + Sync {
    /// The inode `number`.
    fn inode(&self, number: u64) -> Result<Stored>;
    /// The entry `name` of the directory `number`: the name as it is stored, and an inode number.
    fn find(&self, directory: u64, name: &[u8]) -> Result<Option<Entry>>;
    /// All entries of the directory `number` but `.` and `..`, until `each` fails.
    fn list(&self, directory: u64, each: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()>;
}

/// A name in memory that is never freed, and the inode that it names.
pub type Entry = (&'static [u8], u64);

/// An inode of an [`Origin`].
pub struct Stored {
    /// Metadata, number of names included.
    pub meta: Meta,
    /// A directory is [`Contents::Stored`].
    pub contents: Contents,
    /// Extended attributes, by full name.
    pub xattrs: Vec<(Vec<u8>, &'static [u8])>,
}

/// The origin of one file system, and those of its inodes that have several names, once they were met.
pub(crate) struct Source {
    pub(crate) origin: Box<dyn Origin>,
    pub(crate) links: Mutex<SortedMap<u64, Arc<RamInode>>>,
}

impl RamInode {
    /// The inode of ours that stands for `number` of the origin.
    pub(crate) fn from_origin(fs: &Arc<Shared>, source: &Source, number: u64) -> Result<Arc<RamInode>> {
        if let Some(known) = source.links.lock().get(&number) {
            return Ok(known.clone());
        }
        let Stored { meta, contents, xattrs } = source.origin.inode(number)?;
        let inode = Self::make(fs, &meta, contents);
        {
            let mut state = inode.state.lock();
            state.nlink = meta.nlink;
            for (name, value) in &xattrs {
                state.xattrs.get_or_insert_default().change(name, &XattrChange::Set(value))?;
            }
        }
        if meta.nlink > 1 && inode.kind_of() != FileType::Directory {
            return Ok(source.links.lock().get_or_insert_with(number, || inode).clone());
        }
        Ok(inode)
    }

    /// The entry `name` of this directory, taken over from the origin if it is still there. ENOTDIR.
    pub(crate) fn entry(&self, state: &mut State, name: &[u8]) -> Result<Option<Arc<RamInode>>> {
        let directory = state.directory()?;
        if let Some(found) = directory.get(name) {
            return Ok(Some(found.clone()));
        }
        let (Some(number), Some(source)) = (directory.origin, &self.fs.source) else { return Ok(None) };
        match source.origin.find(number, name)? {
            Some(entry) => self.take_over(source, directory, entry).map(Some),
            None => Ok(None),
        }
    }

    fn take_over(&self, source: &Source, directory: &mut Directory, (name, number): Entry) -> Result<Arc<RamInode>> {
        let inode = Self::from_origin(&self.fs, source, number)?;
        directory.insert(Bytes::Static(name), inode.clone())?;
        Ok(inode)
    }

    /// This directory with all its entries taken over: what lists it or takes names away needs them. ENOTDIR.
    pub(crate) fn complete<'a>(&self, state: &'a mut State) -> Result<&'a mut Directory> {
        let directory = state.directory()?;
        if let (Some(number), Some(source)) = (directory.origin, &self.fs.source) {
            source.origin.list(number, &mut |entry| match directory.get(entry.0) {
                Some(_) => Ok(()),
                None => self.take_over(source, directory, entry).map(drop),
            })?;
            directory.origin = None;
        }
        Ok(directory)
    }
}
