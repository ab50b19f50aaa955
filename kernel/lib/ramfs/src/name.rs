//! Bytes that are either our own or lie in memory that is never freed.

use alloc::boxed::Box;
use core::ops::Deref;

/// A name or link target.
pub(crate) enum Bytes {
    /// In an archive.
    Static(&'static [u8]),
    /// On the heap.
    Owned(Box<[u8]>),
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Static(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
        }
    }
}
