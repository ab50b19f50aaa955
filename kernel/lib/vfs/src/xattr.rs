//! Extended attributes: who may have, see and change which (xattr(7)).

use crate::context::Want;
use crate::{Context, EventMask, Location, XattrChange};
use alloc::vec::Vec;
use file::FileType;
use uapi::{Errno, Result};

/// The name spaces that files can have attributes in. POSIX ACLs (`system.`) are not among them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    /// Anybody's, by the file's permission bits; of regular files and directories only.
    User,
    /// Root's alone.
    Trusted,
    /// For all to see, for root to change.
    Security,
}

/// The name space of a name: EOPNOTSUPP for an unknown one, EINVAL for a name that is only that.
fn space(name: &[u8]) -> Result<Space> {
    for (prefix, space) in [(&b"user."[..], Space::User), (b"trusted.", Space::Trusted), (b"security.", Space::Security)] {
        if let Some(rest) = name.strip_prefix(prefix) {
            return if rest.is_empty() { Err(Errno::EINVAL) } else { Ok(space) };
        }
    }
    Err(Errno::EOPNOTSUPP)
}

fn takes_user_attributes(at: &Location) -> bool {
    matches!(at.inode().kind(), FileType::Regular | FileType::Directory)
}

impl Context {
    /// getxattr(2). ENODATA, EOPNOTSUPP, EACCES.
    pub fn xattr_of(&self, at: &Location, name: &[u8]) -> Result<Vec<u8>> {
        match space(name)? {
            Space::User if !takes_user_attributes(at) => return Err(Errno::ENODATA),
            Space::User => self.permit(at.inode(), Want::READ)?,
            Space::Trusted if self.uid != 0 => return Err(Errno::ENODATA),
            Space::Trusted | Space::Security => {}
        }
        at.inode().xattr(name)
    }

    /// listxattr(2): names that the caller may know of.
    pub fn xattr_names_of(&self, at: &Location) -> Vec<Vec<u8>> {
        let mut names = at.inode().xattr_names();
        names.retain(|name| self.uid == 0 || !matches!(space(name), Ok(Space::Trusted)));
        names
    }

    /// setxattr(2), removexattr(2). EROFS, EOPNOTSUPP, EPERM, EACCES, EEXIST, ENODATA, ENOSPC.
    pub fn change_xattr_of(&self, at: &Location, name: &[u8], change: &XattrChange<'_>) -> Result<()> {
        at.mount.check_writable()?;
        match space(name)? {
            Space::User if !takes_user_attributes(at) => return Err(Errno::EPERM),
            Space::User => self.permit(at.inode(), Want::WRITE)?,
            Space::Trusted | Space::Security if self.uid != 0 => return Err(Errno::EPERM),
            Space::Trusted | Space::Security => {}
        }
        at.inode().change_xattr(name, change)?;
        at.emit(EventMask::ATTRIB);
        Ok(())
    }
}
