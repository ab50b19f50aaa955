//! Asking about files: stat(2), statx(2), statfs(2), access(2); truncate(2).

use crate::Cx;
use crate::codec;
use crate::cx::{AT_FDCWD, location_of};
use alloc::sync::Arc;
use file::{FileType, Stat};
use uapi::types::Statfs;
use uapi::{Errno, Result};
use vfs::{Access, Context, Follow, StatFs};

/// AT_SYMLINK_NOFOLLOW.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// AT_EACCESS.
const AT_EACCESS: u32 = 0x200;
/// AT_SYMLINK_FOLLOW.
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// AT_NO_AUTOMOUNT: nothing is mounted by looking.
const AT_NO_AUTOMOUNT: u32 = 0x800;
/// AT_EMPTY_PATH: an empty path means the descriptor itself.
pub const AT_EMPTY_PATH: u32 = 0x1000;
/// AT_STATX_FORCE_SYNC and AT_STATX_DONT_SYNC: all is local.
const AT_STATX_SYNC_TYPE: u32 = 0x6000;

/// What AT_SYMLINK_NOFOLLOW says.
pub fn follow(flags: u32) -> Follow {
    if flags & AT_SYMLINK_NOFOLLOW == 0 { Follow::Yes } else { Follow::No }
}

/// EINVAL for flags outside `known`.
pub fn check_flags(flags: u32, known: u32) -> Result<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Whether a `*at` call is about the descriptor itself: AT_EMPTY_PATH and a path that is empty (or, as later kernels allow, null).
pub fn is_empty_path(cx: &Cx<'_>, path: u64, flags: u32) -> Result<bool> {
    Ok(flags & AT_EMPTY_PATH != 0 && (path == 0 || cx.user().read::<u8>(path)? == 0))
}

fn stat_at(cx: &Cx<'_>, dir: i32, path: u64, flags: u32) -> Result<Stat> {
    // How C libraries do fstat: no path is walked.
    if is_empty_path(cx, path, flags)? {
        return match dir {
            AT_FDCWD => Ok(cx.process.fs().cwd.inode().stat()),
            fd => cx.any_file(fd)?.file.stat(),
        };
    }
    let at = cx.at(dir, path)?;
    at.fs.stat(at.dir(), &at.path, follow(flags))
}

fn write_stat(cx: &Cx<'_>, addr: u64, stat: &Stat) -> Result<u64> {
    cx.user().write(addr, &crate::arch::stat(stat))?;
    Ok(0)
}

pub fn stat(cx: &mut Cx<'_>, path: u64, addr: u64) -> Result<u64> {
    write_stat(cx, addr, &stat_at(cx, AT_FDCWD, path, 0)?)
}

pub fn lstat(cx: &mut Cx<'_>, path: u64, addr: u64) -> Result<u64> {
    write_stat(cx, addr, &stat_at(cx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW)?)
}

pub fn fstat(cx: &mut Cx<'_>, fd: i32, addr: u64) -> Result<u64> {
    write_stat(cx, addr, &cx.any_file(fd)?.file.stat()?)
}

pub fn newfstatat(cx: &mut Cx<'_>, dir: i32, path: u64, addr: u64, flags: u32) -> Result<u64> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)?;
    write_stat(cx, addr, &stat_at(cx, dir, path, flags)?)
}

pub fn statx(cx: &mut Cx<'_>, dir: i32, path: u64, flags: u32, mask: u32, addr: u64) -> Result<u64> {
    const STATX_RESERVED: u32 = 0x8000_0000;
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)?;
    if mask & STATX_RESERVED != 0 || flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE {
        return Err(Errno::EINVAL);
    }
    let stat = stat_at(cx, dir, path, flags)?;
    cx.user().write(addr, &codec::stat::statx(&stat))?;
    Ok(0)
}

fn write_statfs(cx: &Cx<'_>, addr: u64, stat: &StatFs) -> Result<u64> {
    let size = stat.block_size.cast_signed();
    let answer = Statfs {
        kind: stat.magic.cast_signed(),
        bsize: size,
        blocks: stat.blocks,
        bfree: stat.blocks_free,
        bavail: stat.blocks_free,
        files: stat.files,
        ffree: stat.files_free,
        fsid: [stat.fsid as u32 as i32, (stat.fsid >> 32) as u32 as i32],
        namelen: stat.name_max.cast_signed(),
        frsize: size,
        flags: stat.flags.cast_signed(),
        spare: [0; 4],
    };
    cx.user().write(addr, &answer)?;
    Ok(0)
}

pub fn statfs(cx: &mut Cx<'_>, path: u64, addr: u64) -> Result<u64> {
    let at = cx.path(path)?;
    write_statfs(cx, addr, &at.fs.statfs(at.dir(), &at.path)?)
}

pub fn fstatfs(cx: &mut Cx<'_>, fd: i32, addr: u64) -> Result<u64> {
    let open = cx.any_file(fd)?;
    let stat = match location_of(&open) {
        Ok(location) => location.statfs(),
        // What no path led to lives in a file system of its own kind.
        Err(_) => {
            let magic = match open.file.stat()?.kind {
                FileType::Fifo => PIPEFS_MAGIC,
                FileType::Socket => SOCKFS_MAGIC,
                _ => ANONYMOUS_MAGIC,
            };
            StatFs::of(magic, 0)
        }
    };
    write_statfs(cx, addr, &stat)
}

/// ANON_INODE_FS_MAGIC.
const ANONYMOUS_MAGIC: u64 = 0x0904_1934;
/// PIPEFS_MAGIC.
const PIPEFS_MAGIC: u64 = 0x5049_5045;
/// SOCKFS_MAGIC.
const SOCKFS_MAGIC: u64 = 0x534f_434b;

pub fn access(cx: &mut Cx<'_>, path: u64, mode: u32) -> Result<u64> {
    faccessat2(cx, AT_FDCWD, path, mode, 0)
}

pub fn faccessat(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32) -> Result<u64> {
    faccessat2(cx, dir, path, mode, 0)
}

pub fn faccessat2(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32, flags: u32) -> Result<u64> {
    check_flags(flags, AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let wanted = Access::from_bits(mode).ok_or(Errno::EINVAL)?;
    if is_empty_path(cx, path, flags)? {
        let location = cx.location(dir)?;
        asker(cx, flags).access_of(&location, wanted)?;
    } else {
        let at = cx.at(dir, path)?;
        asker(cx, flags).access(at.dir(), &at.path, wanted, follow(flags))?;
    }
    Ok(0)
}

/// Without AT_EACCESS the question is asked for the real user, not the effective one (access(2)).
fn asker(cx: &Cx<'_>, flags: u32) -> Arc<Context> {
    let fs = cx.process.fs();
    let ids = cx.credentials();
    if flags & AT_EACCESS != 0 || (ids.uid.real == fs.uid && ids.gid.real == fs.gid) {
        return fs;
    }
    Arc::new(Context { uid: ids.uid.real, gid: ids.gid.real, ..Context::clone(&fs) })
}

pub fn truncate(cx: &mut Cx<'_>, path: u64, length: i64) -> Result<u64> {
    let size = u64::try_from(length).map_err(|_| Errno::EINVAL)?;
    let at = cx.path(path)?;
    cx.check_size(size, || at.fs.stat(at.dir(), &at.path, Follow::Yes))?;
    at.fs.truncate(at.dir(), &at.path, size)?;
    Ok(0)
}
