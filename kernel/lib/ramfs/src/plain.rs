//! Entries where no file system begins as another one: all are here.

use crate::directory::Directory;
use crate::inode::{RamInode, State};
use alloc::sync::Arc;
use uapi::Result;

impl RamInode {
    /// The entry `name` of this directory. ENOTDIR.
    #[expect(clippy::unused_self, reason = "its other form asks the origin")]
    pub(crate) fn entry(&self, state: &mut State, name: &[u8]) -> Result<Option<Arc<RamInode>>> {
        Ok(state.directory()?.get(name).cloned())
    }

    /// This directory. ENOTDIR.
    #[expect(clippy::unused_self, reason = "as above")]
    pub(crate) fn complete<'a>(&self, state: &'a mut State) -> Result<&'a mut Directory> {
        state.directory()
    }
}
