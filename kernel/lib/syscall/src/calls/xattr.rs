//! Extended attributes (xattr(7)).

use crate::Cx;
use crate::cx::AT_FDCWD;
use alloc::vec::Vec;
use uapi::{Errno, Result};
use vfs::{Follow, Location, XattrChange};

/// XATTR_NAME_MAX.
const NAME_MAX: usize = 255;
/// XATTR_SIZE_MAX.
const SIZE_MAX: u64 = 65536;
/// XATTR_CREATE.
const CREATE: u32 = 1;
/// XATTR_REPLACE.
const REPLACE: u32 = 2;

fn place(cx: &Cx<'_>, path: u64, follow: Follow) -> Result<Location> {
    let at = cx.at(AT_FDCWD, path)?;
    at.fs.resolve(at.dir(), &at.path, follow)
}

/// Where an open file is; EOPNOTSUPP for what no path led to.
fn open_place(cx: &Cx<'_>, fd: i32) -> Result<Location> {
    cx.file(fd)?;
    cx.location(fd).map_err(|_| Errno::EOPNOTSUPP)
}

/// An attribute's name: ERANGE when it is empty or too long.
fn read_name(cx: &Cx<'_>, name: u64) -> Result<Vec<u8>> {
    match cx.user().read_path(name) {
        Ok(name) if (1..=NAME_MAX).contains(&name.len()) => Ok(name),
        Ok(_) | Err(Errno::ENAMETOOLONG | Errno::ENOENT) => Err(Errno::ERANGE),
        Err(error) => Err(error),
    }
}

/// What a set is to do, read before the file is looked for.
struct Setting {
    name: Vec<u8>,
    value: Vec<u8>,
    flags: u32,
}

impl Setting {
    fn read(cx: &Cx<'_>, name: u64, value: u64, size: u64, flags: u32) -> Result<Self> {
        // Both together is what no caller can mean.
        if !matches!(flags, 0 | CREATE | REPLACE) {
            return Err(Errno::EINVAL);
        }
        let name = read_name(cx, name)?;
        if size > SIZE_MAX {
            return Err(Errno::E2BIG);
        }
        Ok(Self { name, value: cx.user().read_vec(value, size as usize)?, flags })
    }

    fn apply(&self, cx: &Cx<'_>, at: &Location) -> Result<u64> {
        let change = match self.flags {
            0 => XattrChange::Set(&self.value),
            CREATE => XattrChange::Create(&self.value),
            _ => XattrChange::Replace(&self.value),
        };
        cx.process.fs().change_xattr_of(at, &self.name, &change)?;
        Ok(0)
    }
}

/// Copies out what was asked for and returns its length; with no room at all just that. ERANGE: it does not fit.
fn answer(cx: &Cx<'_>, bytes: &[u8], addr: u64, size: u64) -> Result<u64> {
    let len = bytes.len() as u64;
    if size > 0 {
        if len > size {
            return Err(Errno::ERANGE);
        }
        cx.user().write_bytes(addr, bytes)?;
    }
    Ok(len)
}

fn get_of(cx: &Cx<'_>, at: &Location, name: u64, value: u64, size: u64) -> Result<u64> {
    let name = read_name(cx, name)?;
    answer(cx, &cx.process.fs().xattr_of(at, &name)?, value, size)
}

fn list_of(cx: &Cx<'_>, at: &Location, list: u64, size: u64) -> Result<u64> {
    let mut names = Vec::new();
    for name in cx.process.fs().xattr_names_of(at) {
        names.extend_from_slice(&name);
        names.push(0);
    }
    answer(cx, &names, list, size)
}

fn remove_of(cx: &Cx<'_>, at: &Location, name: u64) -> Result<u64> {
    let name = read_name(cx, name)?;
    cx.process.fs().change_xattr_of(at, &name, &XattrChange::Remove)?;
    Ok(0)
}

pub fn set(cx: &mut Cx<'_>, path: u64, name: u64, value: u64, size: u64, flags: u32) -> Result<u64> {
    let setting = Setting::read(cx, name, value, size, flags)?;
    setting.apply(cx, &place(cx, path, Follow::Yes)?)
}

pub fn lset(cx: &mut Cx<'_>, path: u64, name: u64, value: u64, size: u64, flags: u32) -> Result<u64> {
    let setting = Setting::read(cx, name, value, size, flags)?;
    setting.apply(cx, &place(cx, path, Follow::No)?)
}

pub fn fset(cx: &mut Cx<'_>, fd: i32, name: u64, value: u64, size: u64, flags: u32) -> Result<u64> {
    let setting = Setting::read(cx, name, value, size, flags)?;
    setting.apply(cx, &open_place(cx, fd)?)
}

pub fn get(cx: &mut Cx<'_>, path: u64, name: u64, value: u64, size: u64) -> Result<u64> {
    get_of(cx, &place(cx, path, Follow::Yes)?, name, value, size)
}

pub fn lget(cx: &mut Cx<'_>, path: u64, name: u64, value: u64, size: u64) -> Result<u64> {
    get_of(cx, &place(cx, path, Follow::No)?, name, value, size)
}

pub fn fget(cx: &mut Cx<'_>, fd: i32, name: u64, value: u64, size: u64) -> Result<u64> {
    get_of(cx, &open_place(cx, fd)?, name, value, size)
}

pub fn list(cx: &mut Cx<'_>, path: u64, list: u64, size: u64) -> Result<u64> {
    list_of(cx, &place(cx, path, Follow::Yes)?, list, size)
}

pub fn llist(cx: &mut Cx<'_>, path: u64, list: u64, size: u64) -> Result<u64> {
    list_of(cx, &place(cx, path, Follow::No)?, list, size)
}

/// Nothing for what no path led to.
pub fn flist(cx: &mut Cx<'_>, fd: i32, list: u64, size: u64) -> Result<u64> {
    match open_place(cx, fd) {
        Ok(at) => list_of(cx, &at, list, size),
        Err(Errno::EOPNOTSUPP) => Ok(0),
        Err(error) => Err(error),
    }
}

pub fn remove(cx: &mut Cx<'_>, path: u64, name: u64) -> Result<u64> {
    remove_of(cx, &place(cx, path, Follow::Yes)?, name)
}

pub fn lremove(cx: &mut Cx<'_>, path: u64, name: u64) -> Result<u64> {
    remove_of(cx, &place(cx, path, Follow::No)?, name)
}

pub fn fremove(cx: &mut Cx<'_>, fd: i32, name: u64) -> Result<u64> {
    remove_of(cx, &open_place(cx, fd)?, name)
}
