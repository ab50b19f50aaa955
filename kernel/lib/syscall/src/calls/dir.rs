//! Directories: getdents(2), mkdir(2), chdir(2), getcwd(2), mknod(2), umask(2), chroot(2).

use crate::Cx;
use crate::codec::dirent::{Layout, Writer};
use crate::cx::AT_FDCWD;
use uapi::{Errno, Result};

pub fn getdents(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u32) -> Result<u64> {
    list(cx, fd, buf, count, Layout::Old)
}

pub fn getdents64(cx: &mut Cx<'_>, fd: i32, buf: u64, count: u32) -> Result<u64> {
    list(cx, fd, buf, count, Layout::New)
}

fn list(cx: &Cx<'_>, fd: i32, buf: u64, count: u32, layout: Layout) -> Result<u64> {
    let open = cx.file(fd)?;
    let mut writer = Writer::new(cx.user(), buf, count.into(), layout);
    open.file.read_dir(&mut |entry| writer.put(entry))?;
    writer.finish()
}

/// Returns the length with the NUL; ERANGE when the buffer is shorter.
pub fn getcwd(cx: &mut Cx<'_>, buf: u64, size: u64) -> Result<u64> {
    let mut path = cx.process.fs().working_path()?;
    path.push(0);
    if path.len() as u64 > size {
        return Err(Errno::ERANGE);
    }
    cx.user().write_bytes(buf, &path)?;
    Ok(path.len() as u64)
}

pub fn chdir(cx: &mut Cx<'_>, path: u64) -> Result<u64> {
    let at = cx.path(path)?;
    let place = at.fs.resolve_dir(None, &at.path)?;
    let old = cx.process.change_fs(|fs| core::mem::replace(&mut fs.cwd, place));
    drop(old);
    Ok(0)
}

pub fn fchdir(cx: &mut Cx<'_>, fd: i32) -> Result<u64> {
    cx.any_file(fd)?;
    let place = cx.location(fd).map_err(|_| Errno::ENOTDIR)?;
    cx.process.fs().check_dir(&place)?;
    let old = cx.process.change_fs(|fs| core::mem::replace(&mut fs.cwd, place));
    drop(old);
    Ok(0)
}

pub fn chroot(cx: &mut Cx<'_>, path: u64) -> Result<u64> {
    let at = cx.path(path)?;
    let place = at.fs.resolve_dir(None, &at.path)?;
    cx.require_root()?;
    let old = cx.process.change_fs(|fs| core::mem::replace(&mut fs.root, place));
    drop(old);
    Ok(0)
}

pub fn mkdir(cx: &mut Cx<'_>, path: u64, mode: u32) -> Result<u64> {
    mkdirat(cx, AT_FDCWD, path, mode)
}

pub fn mkdirat(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32) -> Result<u64> {
    let at = cx.at(dir, path)?;
    at.fs.mkdir(at.dir(), &at.path, mode)?;
    Ok(0)
}

pub fn rmdir(cx: &mut Cx<'_>, path: u64) -> Result<u64> {
    let at = cx.path(path)?;
    at.fs.rmdir(at.dir(), &at.path)?;
    Ok(0)
}

pub fn mknod(cx: &mut Cx<'_>, path: u64, mode: u32, dev: u64) -> Result<u64> {
    mknodat(cx, AT_FDCWD, path, mode, dev)
}

/// Device numbers come in the kernel's 32-bit encoding, which for small ones is also the 64-bit one.
pub fn mknodat(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32, dev: u64) -> Result<u64> {
    let at = cx.at(dir, path)?;
    at.fs.mknod(at.dir(), &at.path, mode, dev & u64::from(u32::MAX))?;
    Ok(0)
}

pub fn umask(cx: &mut Cx<'_>, mask: u32) -> Result<u64> {
    let old = cx.process.change_fs(|fs| core::mem::replace(&mut fs.umask, mask & 0o777));
    Ok(old.into())
}
