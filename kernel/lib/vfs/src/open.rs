//! open(2), openat2(2), and making the file that an open asks for.

#[cfg(feature = "write")]
use crate::Linkable;
use crate::context::Want;
use crate::open_file::Body;
#[cfg(feature = "write")]
use crate::walk::Last;
use crate::walk::Walk;
use crate::{Context, EventMask, Follow, Inode, Location, MountFlags, NewNode, OpenFile};
use alloc::sync::Arc;
use file::{AccessMode, File, FileType, OpenFlags};
use uapi::general::{
    O_ACCMODE, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, RESOLVE_BENEATH, RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV,
};
use uapi::{Errno, Result};

/// O_TMPFILE without the O_DIRECTORY bit that it contains.
const TMPFILE_BIT: u32 = 0o20000000;

bitflags::bitflags! {
    /// Limits on a path walk (openat2(2)).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Resolve: u32 {
        /// RESOLVE_NO_XDEV: no mount is crossed (EXDEV).
        const NO_XDEV = RESOLVE_NO_XDEV;
        /// RESOLVE_NO_MAGICLINKS: no link of the /proc/self/fd kind is followed (ELOOP).
        const NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS;
        /// RESOLVE_NO_SYMLINKS: no symbolic link is followed (ELOOP).
        const NO_SYMLINKS = RESOLVE_NO_SYMLINKS;
        /// RESOLVE_BENEATH: the walk may not leave the directory it starts in (EXDEV).
        const BENEATH = RESOLVE_BENEATH;
        /// RESOLVE_IN_ROOT: the directory it starts in is its root.
        const IN_ROOT = RESOLVE_IN_ROOT;
    }
}

/// What an open asks for: open(2)'s flags as they are, the mode of a new file, openat2(2)'s limits. Bits of `flags` that mean nothing here
/// (O_CLOEXEC, O_NOCTTY, O_LARGEFILE, unknown ones) are ignored, as open(2) does.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// O_* flags.
    pub flags: u32,
    /// Permission bits of a file that is made, before the umask.
    pub mode: u32,
    /// Limits on the walk.
    pub resolve: Resolve,
}

impl OpenHow {
    /// Plain O_RDONLY.
    pub fn read() -> OpenHow {
        OpenHow { flags: O_RDONLY, ..OpenHow::default() }
    }

    /// open(2)'s arguments.
    pub fn new(flags: u32, mode: u32) -> OpenHow {
        OpenHow { flags, mode, resolve: Resolve::empty() }
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// What the descriptor may do: [`AccessMode::None`] for O_PATH and for access mode 3.
    pub fn access(&self) -> AccessMode {
        match self.flags & O_ACCMODE {
            _ if self.has(O_PATH) => AccessMode::None,
            O_RDONLY => AccessMode::Read,
            O_WRONLY => AccessMode::Write,
            O_RDWR => AccessMode::ReadWrite,
            _ => AccessMode::None,
        }
    }

    /// The flags that stay with the description (F_GETFL).
    pub fn status_flags(&self) -> OpenFlags {
        OpenFlags::from_bits_truncate(self.flags)
    }

    fn wants(&self) -> Want {
        let mut want = match self.flags & O_ACCMODE {
            O_RDONLY => Want::READ,
            O_WRONLY => Want::WRITE,
            _ => Want::READ | Want::WRITE,
        };
        if self.has(O_TRUNC) {
            want |= Want::WRITE;
        }
        want
    }
}

impl Context {
    /// Opens (and with O_CREAT makes) what `path` leads to. Errors as in open(2). An open of a fifo does not wait for its other side.
    pub fn open(&self, dir: Option<&Location>, path: &[u8], how: &OpenHow) -> Result<Arc<dyn File>> {
        if how.has(O_PATH) {
            return self.open_place(dir, path, how);
        }
        if how.has(TMPFILE_BIT) {
            #[cfg(feature = "write")]
            return self.open_unnamed(dir, path, how);
            #[cfg(not(feature = "write"))]
            return Err(Errno::EROFS);
        }
        if how.has(O_CREAT) {
            if how.has(O_DIRECTORY) {
                return Err(Errno::EINVAL);
            }
            #[cfg(feature = "write")]
            {
                let (location, made) = self.find_or_create(dir, path, how)?;
                return self.open_found(location, how, made);
            }
            #[cfg(not(feature = "write"))]
            return self.open_made(dir, path, how);
        }
        let follow = if how.has(O_NOFOLLOW) { Follow::No } else { Follow::Yes };
        let location = Walk::new(self, dir, how.resolve).lookup(path, follow)?;
        self.open_found(location, how, false)
    }

    /// Opens a place already found: /proc/self/fd, execve, `open("", AT_EMPTY_PATH)`. O_CREAT and O_PATH mean nothing here.
    pub fn open_location(&self, location: &Location, how: &OpenHow) -> Result<Arc<dyn File>> {
        self.open_found(location.clone(), how, false)
    }

    fn open_place(&self, dir: Option<&Location>, path: &[u8], how: &OpenHow) -> Result<Arc<dyn File>> {
        let follow = if how.has(O_NOFOLLOW) { Follow::No } else { Follow::Yes };
        let location = Walk::new(self, dir, how.resolve).lookup(path, follow)?;
        if how.has(O_DIRECTORY) && location.inode().kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        Ok(OpenFile::make(location, AccessMode::None, Body::Place))
    }

    #[cfg(feature = "write")]
    fn open_unnamed(&self, dir: Option<&Location>, path: &[u8], how: &OpenHow) -> Result<Arc<dyn File>> {
        if !how.has(O_DIRECTORY) || !how.access().writable() {
            return Err(Errno::EINVAL);
        }
        let dir = Walk::new(self, dir, how.resolve).lookup(path, Follow::Yes)?;
        if dir.inode().kind() != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.may_create(&dir)?;
        let owner = self.new_owner(&dir, FileType::Regular, how.mode);
        let linkable = if how.has(O_EXCL) { Linkable::No } else { Linkable::Yes };
        let inode = dir.inode().create_unnamed(&NewNode { kind: FileType::Regular, owner, rdev: 0, target: b"" }, linkable)?;
        let location = Location::unnamed(&dir.mount, &crate::path::unnamed_name(inode.stat().ino), inode);
        Ok(OpenFile::make(location, how.access(), Body::Data))
    }

    #[cfg(feature = "write")]
    /// O_CREAT: the place, and whether it was made just now. A dangling symbolic link at the end makes its target, unless O_EXCL.
    fn find_or_create(&self, dir: Option<&Location>, path: &[u8], how: &OpenHow) -> Result<(Location, bool)> {
        let mut walk = Walk::new(self, dir, how.resolve);
        let exclusive = how.has(O_EXCL);
        let mut text = path.to_vec();
        loop {
            let parent = walk.parent(&text)?;
            let name = match parent.last {
                Last::Name(name) if !parent.slash => name,
                _ => return Err(if exclusive && parent.last != Last::Root && !parent.slash { Errno::EEXIST } else { Errno::EISDIR }),
            };
            let found = match walk.child(&name) {
                Ok(found) => found,
                Err(Errno::ENOENT) => match self.create_in(&parent.dir, &name, FileType::Regular, how.mode, 0, b"") {
                    // Somebody else made it in between: it is there to be opened.
                    Err(Errno::EEXIST) if !exclusive => walk.child(&name)?,
                    made => return made.map(|location| (location, true)),
                },
                Err(e) => return Err(e),
            };
            if exclusive {
                return Err(Errno::EEXIST);
            }
            if found.inode().kind() != FileType::Symlink {
                return Ok((found, false));
            }
            if how.has(O_NOFOLLOW) {
                return Err(Errno::ELOOP);
            }
            match walk.follow(&found)? {
                Some(target) => text = target,
                None => return Ok((walk.into_here(), false)),
            }
        }
    }

    fn open_found(&self, location: Location, how: &OpenHow, made: bool) -> Result<Arc<dyn File>> {
        let inode = location.inode();
        let kind = inode.kind();
        if how.has(O_DIRECTORY) && kind != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        let want = how.wants();
        match kind {
            FileType::Symlink => return Err(Errno::ELOOP),
            FileType::Socket => return Err(Errno::ENXIO),
            FileType::Directory if want.contains(Want::WRITE) || how.has(O_CREAT) => return Err(Errno::EISDIR),
            FileType::CharDevice | FileType::BlockDevice if location.mount.flags().contains(MountFlags::NODEV) => {
                return Err(Errno::EACCES);
            }
            _ => {}
        }
        let flags = how.status_flags();
        if !made {
            self.permit(inode, want)?;
            if want.contains(Want::WRITE) && kind == FileType::Regular {
                location.mount.check_writable()?;
            }
        }
        if flags.contains(OpenFlags::NOATIME) {
            self.owns(inode)?;
        }
        let access = how.access();
        let body = self.body(inode, access, flags)?;
        #[cfg(feature = "write")]
        if how.has(O_TRUNC) && kind == FileType::Regular && matches!(body, Body::Data) && !made {
            inode.set_size(0)?;
            location.emit(EventMask::MODIFY);
        }
        let file = OpenFile::make(location, access, body);
        file.emit(EventMask::OPEN);
        Ok(file)
    }

    fn body(&self, inode: &Arc<dyn Inode>, access: AccessMode, flags: OpenFlags) -> Result<Body> {
        let kind = inode.kind();
        if kind == FileType::Directory {
            return Ok(Body::Directory);
        }
        let other = match (inode.open(access, flags)?, kind) {
            (Some(file), _) => file,
            #[cfg(not(feature = "special"))]
            (None, FileType::CharDevice | FileType::BlockDevice | FileType::Fifo) => return Err(Errno::ENXIO),
            #[cfg(feature = "special")]
            (None, FileType::CharDevice | FileType::BlockDevice) => self.vfs().devices.open(kind, inode.stat().rdev, access, flags)?,
            #[cfg(feature = "special")]
            (None, FileType::Fifo) => {
                let factory = self.vfs().fifos().ok_or(Errno::ENXIO)?;
                self.vfs().attachments.fifo(inode, factory).open(access, flags)?
            }
            (None, _) => return Ok(Body::Data),
        };
        Ok(Body::Other(other))
    }

    /// O_CREAT where nothing can be made: opens what is there.
    #[cfg(not(feature = "write"))]
    fn open_made(&self, dir: Option<&Location>, path: &[u8], how: &OpenHow) -> Result<Arc<dyn File>> {
        let follow = if how.has(O_NOFOLLOW | O_EXCL) { Follow::No } else { Follow::Yes };
        match Walk::new(self, dir, how.resolve).lookup(path, follow) {
            Ok(_) if how.has(O_EXCL) => Err(Errno::EEXIST),
            Ok(location) => self.open_found(location, how, false),
            Err(Errno::ENOENT) => Err(Errno::EROFS),
            Err(errno) => Err(errno),
        }
    }

    /// Makes an entry that is known not to be there; permission, owner and the event are seen to here.
    pub(crate) fn create_in(&self, dir: &Location, name: &[u8], kind: FileType, mode: u32, rdev: u64, target: &[u8]) -> Result<Location> {
        self.may_create(dir)?;
        let owner = self.new_owner(dir, kind, mode);
        let dentry = dir.dentry.create(name, &NewNode { kind, owner, rdev, target })?;
        let location = Location { mount: dir.mount.clone(), dentry };
        location.emit(EventMask::CREATE);
        Ok(location)
    }
}
