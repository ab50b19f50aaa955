//! Names of files: rename(2), link(2), unlink(2), symlink(2), readlink(2).

use super::meta::{AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, check_flags, is_empty_path};
use crate::Cx;
use crate::cx::AT_FDCWD;
use uapi::{Errno, Result};
use vfs::{Follow, RenameKind};

pub fn rename(cx: &mut Cx<'_>, old: u64, new: u64) -> Result<u64> {
    renameat2(cx, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub fn renameat(cx: &mut Cx<'_>, old_dir: i32, old: u64, new_dir: i32, new: u64) -> Result<u64> {
    renameat2(cx, old_dir, old, new_dir, new, 0)
}

pub fn renameat2(cx: &mut Cx<'_>, old_dir: i32, old: u64, new_dir: i32, new: u64, flags: u32) -> Result<u64> {
    let kind = match flags {
        0 => RenameKind::Replace,
        1 => RenameKind::NoReplace,
        2 => RenameKind::Exchange,
        _ => return Err(Errno::EINVAL),
    };
    let (from, to) = (cx.at(old_dir, old)?, cx.at(new_dir, new)?);
    from.fs.rename(from.dir(), &from.path, to.dir(), &to.path, kind)?;
    Ok(0)
}

pub fn link(cx: &mut Cx<'_>, old: u64, new: u64) -> Result<u64> {
    linkat(cx, AT_FDCWD, old, AT_FDCWD, new, 0)
}

pub fn linkat(cx: &mut Cx<'_>, old_dir: i32, old: u64, new_dir: i32, new: u64, flags: u32) -> Result<u64> {
    check_flags(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)?;
    if is_empty_path(cx, old, flags)? {
        let source = cx.location(old_dir)?;
        let to = cx.at(new_dir, new)?;
        to.fs.link_location(&source, to.dir(), &to.path)?;
        return Ok(0);
    }
    let follow = if flags & AT_SYMLINK_FOLLOW != 0 { Follow::Yes } else { Follow::No };
    let (from, to) = (cx.at(old_dir, old)?, cx.at(new_dir, new)?);
    from.fs.link(from.dir(), &from.path, follow, to.dir(), &to.path)?;
    Ok(0)
}

pub fn unlink(cx: &mut Cx<'_>, path: u64) -> Result<u64> {
    unlinkat(cx, AT_FDCWD, path, 0)
}

pub fn unlinkat(cx: &mut Cx<'_>, dir: i32, path: u64, flags: u32) -> Result<u64> {
    const AT_REMOVEDIR: u32 = 0x200;
    check_flags(flags, AT_REMOVEDIR)?;
    let at = cx.at(dir, path)?;
    if flags & AT_REMOVEDIR != 0 {
        at.fs.rmdir(at.dir(), &at.path)?;
    } else {
        at.fs.unlink(at.dir(), &at.path)?;
    }
    Ok(0)
}

pub fn symlink(cx: &mut Cx<'_>, target: u64, path: u64) -> Result<u64> {
    symlinkat(cx, target, AT_FDCWD, path)
}

pub fn symlinkat(cx: &mut Cx<'_>, target: u64, dir: i32, path: u64) -> Result<u64> {
    let target = cx.user().read_path(target)?;
    let at = cx.at(dir, path)?;
    at.fs.symlink(&target, at.dir(), &at.path)?;
    Ok(0)
}

pub fn readlink(cx: &mut Cx<'_>, path: u64, buf: u64, size: i32) -> Result<u64> {
    readlinkat(cx, AT_FDCWD, path, buf, size)
}

pub fn readlinkat(cx: &mut Cx<'_>, dir: i32, path: u64, buf: u64, size: i32) -> Result<u64> {
    let size = usize::try_from(size).ok().filter(|size| *size > 0).ok_or(Errno::EINVAL)?;
    // An empty path is the link that the descriptor stands for (O_PATH with O_NOFOLLOW).
    let target = if is_empty_path(cx, path, AT_EMPTY_PATH)? && dir != AT_FDCWD {
        cx.location(dir)?.inode().read_link().map_err(|_| Errno::ENOENT)?
    } else {
        let at = cx.at(dir, path)?;
        at.fs.read_link(at.dir(), &at.path)?
    };
    let len = target.len().min(size);
    cx.user().write_bytes(buf, &target[..len])?;
    Ok(len as u64)
}
