//! Path walk (path_resolution(7)).

use crate::context::Want;
use crate::path::{NAME_MAX, PATH_MAX, only_slashes, split_first};
use crate::{Context, Follow, LinkTarget, Location, Resolve};
use alloc::vec::Vec;
use file::FileType;
use uapi::{Errno, Result};

/// Symbolic links followed in one walk.
const MAX_LINKS: u32 = 40;

/// One resolution of a path, with its limits.
pub(crate) struct Walk<'c> {
    ctx: &'c Context,
    root: &'c Location,
    here: Location,
    resolve: Resolve,
    links: u32,
}

/// The last component of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// An ordinary name.
    Name(Vec<u8>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// There is none: the path is `/`.
    Root,
}

/// A path up to its last component.
pub(crate) struct Parent {
    /// The directory.
    pub dir: Location,
    /// What it says about the entry.
    pub last: Last,
    /// Whether slashes follow, so that only a directory will do.
    pub slash: bool,
}

enum Goal {
    Whole(Follow),
    Parent,
}

impl<'c> Walk<'c> {
    pub(crate) fn new(ctx: &'c Context, dir: Option<&'c Location>, resolve: Resolve) -> Self {
        ctx.namespace.complete();
        let start = dir.unwrap_or(&ctx.cwd);
        let resolve = if cfg!(feature = "resolve") { resolve } else { Resolve::empty() };
        let root = if resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT) { start } else { &ctx.root };
        Walk { ctx, root, here: start.clone(), resolve, links: 0 }
    }

    /// Whether the walk has one of these limits.
    fn limited_by(&self, limits: Resolve) -> bool {
        cfg!(feature = "resolve") && self.resolve.intersects(limits)
    }

    /// Follows the whole path.
    pub(crate) fn lookup(mut self, path: &[u8], follow: Follow) -> Result<Location> {
        self.walk(path, Goal::Whole(follow))?;
        Ok(self.here)
    }

    /// Follows the path up to its last component, which is not looked at.
    pub(crate) fn parent(&mut self, path: &[u8]) -> Result<Parent> {
        let (last, slash) = self.walk(path, Goal::Parent)?;
        Ok(Parent { dir: self.here.clone(), last, slash })
    }

    /// Follows `link`, found in the directory where the walk stands, which must be a symbolic link: its text is to be walked next, or
    /// `None` when it led straight to where the walk now stands.
    pub(crate) fn follow(&mut self, link: &Location) -> Result<Option<Vec<u8>>> {
        self.links += 1;
        if self.links > MAX_LINKS || self.limited_by(Resolve::NO_SYMLINKS) {
            return Err(Errno::ELOOP);
        }
        match link.inode().follow()? {
            LinkTarget::Path(text) if text.is_empty() => Err(Errno::ENOENT),
            LinkTarget::Path(text) => {
                if text[0] == b'/' {
                    self.go_to_root()?;
                }
                Ok(Some(text))
            }
            LinkTarget::Location(place) => {
                if self.limited_by(Resolve::NO_MAGICLINKS) {
                    return Err(Errno::ELOOP);
                }
                if self.limited_by(Resolve::BENEATH | Resolve::IN_ROOT) {
                    return Err(Errno::EXDEV);
                }
                self.arrive(place)?;
                Ok(None)
            }
        }
    }

    fn go_to_root(&mut self) -> Result<()> {
        if self.limited_by(Resolve::BENEATH) {
            return Err(Errno::EXDEV);
        }
        self.arrive(self.root.clone())
    }

    fn arrive(&mut self, place: Location) -> Result<()> {
        if self.limited_by(Resolve::NO_XDEV) && !alloc::sync::Arc::ptr_eq(&place.mount, &self.here.mount) {
            return Err(Errno::EXDEV);
        }
        self.here = place;
        Ok(())
    }

    /// The entry `name` of the directory where the walk stands, seen through mounts.
    pub(crate) fn child(&self, name: &[u8]) -> Result<Location> {
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut child = Location { mount: self.here.mount.clone(), dentry: self.here.dentry.child(name)? };
        child.enter_mounts();
        Ok(child)
    }

    fn walk(&mut self, path: &[u8], goal: Goal) -> Result<(Last, bool)> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() > PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if path[0] == b'/' {
            self.go_to_root()?;
        }
        // The text still to walk: the caller's until the first symbolic link, then our own.
        let mut own: Option<Vec<u8>> = None;
        let mut at = 0;
        loop {
            let text = own.as_deref().unwrap_or(path);
            let Some((name, rest)) = split_first(&text[at..]) else {
                return Ok((Last::Root, false));
            };
            let last = only_slashes(rest);
            let slash = last && !rest.is_empty();
            if self.here.inode().kind() != FileType::Directory {
                return Err(Errno::ENOTDIR);
            }
            self.ctx.permit(self.here.inode(), Want::EXEC)?;
            if last && matches!(goal, Goal::Parent) {
                let last = match name {
                    b"." => Last::Dot,
                    b".." => Last::DotDot,
                    name => Last::Name(name.to_vec()),
                };
                return Ok((last, slash));
            }
            match name {
                b"." => {}
                b".." => self.ascend()?,
                name => {
                    let child = self.child(name)?;
                    let stay = last && !slash && matches!(goal, Goal::Whole(Follow::No));
                    if child.inode().kind() == FileType::Symlink && !stay {
                        if let Some(mut target) = self.follow(&child)? {
                            target.extend_from_slice(rest);
                            own = Some(target);
                            at = 0;
                            continue;
                        }
                    } else {
                        self.arrive(child)?;
                    }
                    if slash && self.here.inode().kind() != FileType::Directory {
                        return Err(Errno::ENOTDIR);
                    }
                }
            }
            if last {
                return Ok((Last::Root, slash));
            }
            at = text.len() - rest.len();
        }
    }

    fn ascend(&mut self) -> Result<()> {
        if self.here.same(self.root) && self.limited_by(Resolve::BENEATH) {
            return Err(Errno::EXDEV);
        }
        let mut up = self.here.clone();
        up.ascend(self.root);
        self.arrive(up)
    }

    /// Where the walk stands.
    pub(crate) fn into_here(self) -> Location {
        self.here
    }
}
