//! Extended attributes of one inode (xattr(7)).

use alloc::vec::Vec;
use sortedmap::SortedMap;
use uapi::{Errno, Result};
use vfs::XattrChange;

/// Most bytes of names and values that one inode may have, as on Linux's tmpfs.
const MAX_BYTES: usize = 128 << 10;

/// Names and values.
#[derive(Default)]
pub(crate) struct Xattrs {
    by_name: SortedMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Xattrs {
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    pub fn names(&self) -> Vec<Vec<u8>> {
        self.by_name.iter().map(|(name, _)| name.clone()).collect()
    }

    /// EEXIST, ENODATA as the change says; ENOSPC past [`MAX_BYTES`].
    pub fn change(&mut self, name: &[u8], change: &XattrChange<'_>) -> Result<()> {
        let old = self.by_name.get(name).map(|value| name.len() + value.len());
        let value = match (change, old) {
            (XattrChange::Create(_), Some(_)) => return Err(Errno::EEXIST),
            (XattrChange::Replace(_) | XattrChange::Remove, None) => return Err(Errno::ENODATA),
            (XattrChange::Remove, Some(_)) => None,
            (XattrChange::Set(value) | XattrChange::Create(value) | XattrChange::Replace(value), _) => Some(*value),
        };
        let bytes = self.bytes - old.unwrap_or(0) + value.map_or(0, |value| name.len() + value.len());
        if bytes > MAX_BYTES && value.is_some() {
            return Err(Errno::ENOSPC);
        }
        match value {
            Some(value) => self.by_name.insert(name.to_vec(), value.to_vec()),
            None => self.by_name.remove(name),
        };
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_made_replaced_and_removed_as_asked() {
        let mut x = Xattrs::default();
        assert_eq!(x.change(b"user.a", &XattrChange::Replace(b"1")), Err(Errno::ENODATA));
        assert_eq!(x.change(b"user.a", &XattrChange::Create(b"1")), Ok(()));
        assert_eq!(x.change(b"user.a", &XattrChange::Create(b"2")), Err(Errno::EEXIST));
        assert_eq!(x.change(b"user.a", &XattrChange::Set(b"23")), Ok(()));
        assert_eq!((x.get(b"user.a"), x.bytes), (Some(&b"23"[..]), 8));
        assert_eq!(x.change(b"user.b", &XattrChange::Set(&[0; MAX_BYTES])), Err(Errno::ENOSPC));
        assert_eq!(x.names(), [b"user.a"]);
        assert_eq!(x.change(b"user.a", &XattrChange::Remove), Ok(()));
        assert_eq!(x.change(b"user.a", &XattrChange::Remove), Err(Errno::ENODATA));
        assert_eq!((x.get(b"user.a"), x.bytes), (None, 0));
    }
}
