//! The entries of a directory.

use crate::inode::RamInode;
use crate::name::Bytes;
use alloc::sync::Arc;
use sortedmap::ChunkedMap;
use uapi::{Errno, Result};
use vfs::name_hash;

pub(crate) struct Entry {
    pub(crate) name: Bytes,
    pub(crate) inode: Arc<RamInode>,
}

/// Entries by key: 54 bits of the name's hash, 8 bits that tell names with one hash apart. The key is also the entry's offset for getdents(2): it stays
/// the same as long as the entry does. Bit 8 is always set, so that no key is below 256.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) entries: ChunkedMap<Entry>,
    /// Whether two names ever had one hash, so that a look-up has to go on searching.
    collided: bool,
    /// It was removed: nothing may be made in it any more.
    pub(crate) dead: bool,
    /// Its number where the file system came from, as long as there may be entries that were not taken over.
    #[cfg(feature = "origin")]
    pub(crate) origin: Option<u64>,
}

/// The first key for a name.
fn first_key(name: &[u8]) -> u64 {
    (name_hash(name) & ((1 << 54) - 1) | 1) << 8
}

impl Directory {
    /// The directory `number` of the file system's origin, with nothing taken over yet.
    #[cfg(feature = "origin")]
    pub(crate) fn stored(number: u64) -> Directory {
        Directory { origin: Some(number), ..Directory::default() }
    }

    fn find(&self, name: &[u8]) -> Option<(u64, &Entry)> {
        let first = first_key(name);
        if !self.collided {
            return self.entries.get(first).filter(|entry| *entry.name == *name).map(|entry| (first, entry));
        }
        let mut same_hash = self.entries.range(first..first + 256);
        same_hash.find(|(_, entry)| *entry.name == *name)
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&Arc<RamInode>> {
        self.find(name).map(|(_, entry)| &entry.inode)
    }

    /// ENOENT when the directory was removed, EEXIST, ENOSPC when 256 names have one hash.
    pub(crate) fn insert(&mut self, name: Bytes, inode: Arc<RamInode>) -> Result<()> {
        if self.dead {
            return Err(Errno::ENOENT);
        }
        if self.get(&name).is_some() {
            return Err(Errno::EEXIST);
        }
        let first = first_key(&name);
        let key = (first..first + 256).find(|key| !self.entries.contains_key(*key)).ok_or(Errno::ENOSPC)?;
        self.collided |= key != first;
        self.entries.insert(key, Entry { name, inode });
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> Option<Entry> {
        let key = self.find(name)?.0;
        self.entries.remove(key)
    }

    /// Puts another inode behind a name; returns the old one.
    #[cfg(feature = "write")]
    pub(crate) fn replace(&mut self, name: &[u8], inode: Arc<RamInode>) -> Option<Arc<RamInode>> {
        let key = self.find(name)?.0;
        let entry = self.entries.get_mut(key)?;
        Some(core::mem::replace(&mut entry.inode, inode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ramfs;
    use vfs::Vfs;

    #[test]
    fn names_with_one_hash_live_side_by_side() {
        let vfs = Vfs::new(Arc::new(time::testing::ManualClock::default()), frame::testing::arena(1 << 20), None);
        let inode = || Ramfs::new(&vfs, 0o755).top().clone();
        let mut directory = Directory::default();
        let (a, b) = (inode(), inode());
        // As if `other` had the hash of `name`.
        let key = first_key(b"name");
        directory.entries.insert(key, Entry { name: Bytes::Static(b"other"), inode: a.clone() });
        assert!(directory.get(b"name").is_none());
        directory.insert(Bytes::Static(b"name"), b.clone()).unwrap();
        assert!(directory.get(b"name").is_some_and(|found| Arc::ptr_eq(found, &b)));
        assert_eq!(directory.insert(Bytes::Static(b"name"), a.clone()), Err(Errno::EEXIST));
        assert!(directory.replace(b"name", a.clone()).is_some_and(|old| Arc::ptr_eq(&old, &b)));
        // The first of them goes: the other is still found.
        directory.entries.remove(key);
        assert!(directory.get(b"name").is_some());
        assert!(directory.remove(b"name").is_some() && directory.entries.is_empty());
        for extra in 0..256 {
            directory.entries.insert(key + extra, Entry { name: Bytes::Static(b"other"), inode: a.clone() });
        }
        assert_eq!(directory.insert(Bytes::Static(b"name"), a), Err(Errno::ENOSPC));
    }
}
