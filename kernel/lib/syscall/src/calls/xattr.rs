//! Extended attributes: no file system here has any (xattr(7)). Files have to exist all the same.

use crate::Cx;
use crate::cx::AT_FDCWD;
use uapi::{Errno, Result};
use vfs::Follow;

fn exists(cx: &Cx<'_>, path: u64, follow: Follow) -> Result<()> {
    let at = cx.at(AT_FDCWD, path)?;
    at.fs.resolve(at.dir(), &at.path, follow).map(drop)
}

/// Checks the file that a path names, then EOPNOTSUPP.
fn unsupported(cx: &Cx<'_>, path: u64, follow: Follow) -> Result<u64> {
    exists(cx, path, follow)?;
    Err(Errno::EOPNOTSUPP)
}

fn unsupported_open(cx: &Cx<'_>, fd: i32) -> Result<u64> {
    cx.file(fd)?;
    Err(Errno::EOPNOTSUPP)
}

pub fn set(cx: &mut Cx<'_>, path: u64, _name: u64, _value: u64, _size: u64, _flags: u32) -> Result<u64> {
    unsupported(cx, path, Follow::Yes)
}

pub fn lset(cx: &mut Cx<'_>, path: u64, _name: u64, _value: u64, _size: u64, _flags: u32) -> Result<u64> {
    unsupported(cx, path, Follow::No)
}

pub fn fset(cx: &mut Cx<'_>, fd: i32, _name: u64, _value: u64, _size: u64, _flags: u32) -> Result<u64> {
    unsupported_open(cx, fd)
}

pub fn get(cx: &mut Cx<'_>, path: u64, _name: u64, _value: u64, _size: u64) -> Result<u64> {
    unsupported(cx, path, Follow::Yes)
}

pub fn lget(cx: &mut Cx<'_>, path: u64, _name: u64, _value: u64, _size: u64) -> Result<u64> {
    unsupported(cx, path, Follow::No)
}

pub fn fget(cx: &mut Cx<'_>, fd: i32, _name: u64, _value: u64, _size: u64) -> Result<u64> {
    unsupported_open(cx, fd)
}

/// An empty list.
pub fn list(cx: &mut Cx<'_>, path: u64, _list: u64, _size: u64) -> Result<u64> {
    exists(cx, path, Follow::Yes)?;
    Ok(0)
}

/// As [`list`].
pub fn llist(cx: &mut Cx<'_>, path: u64, _list: u64, _size: u64) -> Result<u64> {
    exists(cx, path, Follow::No)?;
    Ok(0)
}

/// As [`list`].
pub fn flist(cx: &mut Cx<'_>, fd: i32, _list: u64, _size: u64) -> Result<u64> {
    cx.file(fd)?;
    Ok(0)
}

pub fn remove(cx: &mut Cx<'_>, path: u64, _name: u64) -> Result<u64> {
    unsupported(cx, path, Follow::Yes)
}

pub fn lremove(cx: &mut Cx<'_>, path: u64, _name: u64) -> Result<u64> {
    unsupported(cx, path, Follow::No)
}

pub fn fremove(cx: &mut Cx<'_>, fd: i32, _name: u64) -> Result<u64> {
    unsupported_open(cx, fd)
}
