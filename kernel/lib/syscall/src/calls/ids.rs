//! Who the process is: process, group, session, user ids.

use crate::Cx;
use alloc::vec::Vec;
use process::{CAP_SETGID, Ids};
use uapi::{Errno, Result};

/// NGROUPS_MAX.
const MAX_GROUPS: usize = 65536;
/// -1 as an id: leave it.
const KEEP: u32 = u32::MAX;

pub fn getpid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(u64::from(cx.pid().unsigned_abs()))
}

pub fn gettid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(u64::from(cx.tid().unsigned_abs()))
}

pub fn getppid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(u64::from(cx.process.ppid().unsigned_abs()))
}

pub fn getuid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(cx.credentials().uid.real.into())
}

pub fn geteuid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(cx.credentials().uid.effective.into())
}

pub fn getgid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(cx.credentials().gid.real.into())
}

pub fn getegid(cx: &mut Cx<'_>) -> Result<u64> {
    Ok(cx.credentials().gid.effective.into())
}

pub fn getresuid(cx: &mut Cx<'_>, real: u64, effective: u64, saved: u64) -> Result<u64> {
    write_triple(cx, cx.credentials().uid, [real, effective, saved])
}

pub fn getresgid(cx: &mut Cx<'_>, real: u64, effective: u64, saved: u64) -> Result<u64> {
    write_triple(cx, cx.credentials().gid, [real, effective, saved])
}

fn write_triple(cx: &Cx<'_>, ids: Ids, addrs: [u64; 3]) -> Result<u64> {
    for (addr, id) in addrs.into_iter().zip([ids.real, ids.effective, ids.saved]) {
        cx.user().write(addr, &id)?;
    }
    Ok(0)
}

/// EINVAL for -1 where it does not mean "leave it".
fn valid(id: u32) -> Result<u32> {
    if id == KEEP { Err(Errno::EINVAL) } else { Ok(id) }
}

pub fn setuid(cx: &mut Cx<'_>, id: u32) -> Result<u64> {
    let id = valid(id)?;
    cx.change_credentials(&mut |who| who.setuid(id))
}

pub fn setgid(cx: &mut Cx<'_>, id: u32) -> Result<u64> {
    let id = valid(id)?;
    cx.change_credentials(&mut |who| who.setgid(id))
}

pub fn setreuid(cx: &mut Cx<'_>, real: u32, effective: u32) -> Result<u64> {
    cx.change_credentials(&mut |who| who.setreuid(real, effective))
}

pub fn setregid(cx: &mut Cx<'_>, real: u32, effective: u32) -> Result<u64> {
    cx.change_credentials(&mut |who| who.setregid(real, effective))
}

pub fn setresuid(cx: &mut Cx<'_>, real: u32, effective: u32, saved: u32) -> Result<u64> {
    cx.change_credentials(&mut |who| who.setresuid(real, effective, saved))
}

pub fn setresgid(cx: &mut Cx<'_>, real: u32, effective: u32, saved: u32) -> Result<u64> {
    cx.change_credentials(&mut |who| who.setresgid(real, effective, saved))
}

/// Returns the old id and never fails (setfsuid(2)).
pub fn setfsuid(cx: &mut Cx<'_>, id: u32) -> Result<u64> {
    let mut old = 0;
    cx.change_credentials(&mut |who| {
        old = who.setfsuid(id);
        Ok(())
    })?;
    Ok(old.into())
}

/// As [`setfsuid`].
pub fn setfsgid(cx: &mut Cx<'_>, id: u32) -> Result<u64> {
    let mut old = 0;
    cx.change_credentials(&mut |who| {
        old = who.setfsgid(id);
        Ok(())
    })?;
    Ok(old.into())
}

pub fn getgroups(cx: &mut Cx<'_>, size: i32, list: u64) -> Result<u64> {
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    let groups = cx.credentials().groups.clone();
    if size > 0 {
        if groups.len() > size {
            return Err(Errno::EINVAL);
        }
        for (index, group) in groups.iter().enumerate() {
            cx.user().write(list + index as u64 * 4, group)?;
        }
    }
    Ok(groups.len() as u64)
}

pub fn setgroups(cx: &mut Cx<'_>, size: i32, list: u64) -> Result<u64> {
    if !cx.credentials().capable(CAP_SETGID) {
        return Err(Errno::EPERM);
    }
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_GROUPS).ok_or(Errno::EINVAL)?;
    let groups: Vec<u32> = cx.user().read_vec(list, size)?;
    cx.change_credentials(&mut |who| who.setgroups(&groups))
}

/// The process itself, named by 0 or its id; ESRCH for any other.
fn myself(cx: &Cx<'_>, pid: i32) -> Result<()> {
    if pid == 0 || pid == cx.pid() { Ok(()) } else { Err(Errno::ESRCH) }
}

/// The process leads its group and its session from the start, as the first process of a container does.
pub fn getpgid(cx: &mut Cx<'_>, pid: i32) -> Result<u64> {
    myself(cx, pid)?;
    getpid(cx)
}

pub fn getpgrp(cx: &mut Cx<'_>) -> Result<u64> {
    getpid(cx)
}

/// As [`getpgid`].
pub fn getsid(cx: &mut Cx<'_>, pid: i32) -> Result<u64> {
    getpgid(cx, pid)
}

/// EPERM: a session leader's group is fixed (setpgid(2)).
pub fn setpgid(cx: &mut Cx<'_>, pid: i32, group: i32) -> Result<u64> {
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    myself(cx, pid)?;
    Err(Errno::EPERM)
}

/// EPERM: the caller leads a group already (setsid(2)).
pub fn setsid(_cx: &mut Cx<'_>) -> Result<u64> {
    Err(Errno::EPERM)
}
