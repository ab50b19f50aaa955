//! Changing what files say about themselves: chmod(2), chown(2), utimensat(2).

use super::meta::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, follow, is_empty_path};
use crate::Cx;
use crate::cx::AT_FDCWD;
use time::{ns_to_timespec, timeval_to_ns};
use uapi::types::{Timespec, Timeval, Utimbuf};
use uapi::{Errno, Result};
use vfs::SetTime;

pub fn chmod(cx: &mut Cx<'_>, path: u64, mode: u32) -> Result<u64> {
    fchmodat2(cx, AT_FDCWD, path, mode, 0)
}

pub fn fchmod(cx: &mut Cx<'_>, fd: i32, mode: u32) -> Result<u64> {
    cx.file(fd)?;
    cx.process.fs().chmod_of(&cx.location(fd)?, mode)?;
    Ok(0)
}

pub fn fchmodat(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32) -> Result<u64> {
    fchmodat2(cx, dir, path, mode, 0)
}

pub fn fchmodat2(cx: &mut Cx<'_>, dir: i32, path: u64, mode: u32, flags: u32) -> Result<u64> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    if is_empty_path(cx, path, flags)? {
        cx.process.fs().chmod_of(&cx.location(dir)?, mode)?;
    } else {
        let at = cx.at(dir, path)?;
        at.fs.chmod(at.dir(), &at.path, mode, follow(flags))?;
    }
    Ok(0)
}

/// -1 leaves an id alone.
fn id(id: u32) -> Option<u32> {
    (id != u32::MAX).then_some(id)
}

pub fn chown(cx: &mut Cx<'_>, path: u64, uid: u32, gid: u32) -> Result<u64> {
    fchownat(cx, AT_FDCWD, path, uid, gid, 0)
}

pub fn lchown(cx: &mut Cx<'_>, path: u64, uid: u32, gid: u32) -> Result<u64> {
    fchownat(cx, AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)
}

pub fn fchown(cx: &mut Cx<'_>, fd: i32, uid: u32, gid: u32) -> Result<u64> {
    cx.file(fd)?;
    cx.process.fs().chown_of(&cx.location(fd)?, id(uid), id(gid))?;
    Ok(0)
}

pub fn fchownat(cx: &mut Cx<'_>, dir: i32, path: u64, uid: u32, gid: u32, flags: u32) -> Result<u64> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    if is_empty_path(cx, path, flags)? {
        cx.process.fs().chown_of(&cx.location(dir)?, id(uid), id(gid))?;
    } else {
        let at = cx.at(dir, path)?;
        at.fs.chown(at.dir(), &at.path, id(uid), id(gid), follow(flags))?;
    }
    Ok(0)
}

/// Access and modification time.
type Times = (SetTime, SetTime);
const BOTH_NOW: Times = (SetTime::Now, SetTime::Now);

/// One time of utimensat(2). EINVAL: nanoseconds that are neither in range nor one of the two special values.
fn set_time(time: Timespec) -> Result<SetTime> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    match time.nsec {
        UTIME_NOW => Ok(SetTime::Now),
        UTIME_OMIT => Ok(SetTime::Omit),
        0..=999_999_999 => Ok(SetTime::At(time)),
        _ => Err(Errno::EINVAL),
    }
}

fn apply(cx: &Cx<'_>, dir: i32, path: u64, times: Times, flags: u32) -> Result<u64> {
    let at = cx.at(dir, path)?;
    at.fs.set_times(at.dir(), &at.path, times.0, times.1, follow(flags))?;
    Ok(0)
}

pub fn utimensat(cx: &mut Cx<'_>, dir: i32, path: u64, times: u64, flags: u32) -> Result<u64> {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let times = match cx.user().read_optional::<[[i64; 2]; 2]>(times)? {
        None => BOTH_NOW,
        Some([access, change]) => {
            let time = |[sec, nsec]: [i64; 2]| set_time(Timespec { sec, nsec });
            (time(access)?, time(change)?)
        }
    };
    // A null path is futimens(3).
    if path == 0 && flags == 0 || is_empty_path(cx, path, flags)? {
        cx.process.fs().set_times_of(&cx.location(dir)?, times.0, times.1)?;
        return Ok(0);
    }
    apply(cx, dir, path, times, flags)
}

pub fn futimesat(cx: &mut Cx<'_>, dir: i32, path: u64, times: u64) -> Result<u64> {
    let times = match cx.user().read_optional::<[[i64; 2]; 2]>(times)? {
        None => BOTH_NOW,
        Some([access, change]) => {
            let time = |[sec, usec]: [i64; 2]| -> Result<SetTime> {
                let ns = timeval_to_ns(Timeval { sec, usec })?;
                Ok(SetTime::At(ns_to_timespec(ns)))
            };
            (time(access)?, time(change)?)
        }
    };
    if path == 0 && dir != AT_FDCWD {
        cx.process.fs().set_times_of(&cx.location(dir)?, times.0, times.1)?;
        return Ok(0);
    }
    apply(cx, dir, path, times, 0)
}

pub fn utimes(cx: &mut Cx<'_>, path: u64, times: u64) -> Result<u64> {
    futimesat(cx, AT_FDCWD, path, times)
}

pub fn utime(cx: &mut Cx<'_>, path: u64, times: u64) -> Result<u64> {
    let times = match cx.user().read_optional::<Utimbuf>(times)? {
        None => BOTH_NOW,
        Some(raw) => {
            let time = |sec| SetTime::At(Timespec { sec, nsec: 0 });
            (time(raw.actime), time(raw.modtime))
        }
    };
    apply(cx, AT_FDCWD, path, times, 0)
}
