//! fcntl(2).

use super::fd;
#[cfg(feature = "locks")]
use super::lock::{self, Owner, Patience};
use crate::Cx;
use file::{AccessMode, OpenFlags};
use process::{Description, OnExec};
#[cfg(feature = "signals")]
use uapi::types::FOwnerEx;
use uapi::{Errno, Result};
use vfs::opened;
#[cfg(feature = "writable-files")]
use vfs::{OpenFile, Seals};

const F_DUPFD: i32 = 0;
const F_GETFD: i32 = 1;
const F_SETFD: i32 = 2;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;
const F_GETLK: i32 = 5;
#[cfg(feature = "locks")]
const F_SETLK: i32 = 6;
const F_SETLKW: i32 = 7;
const F_SETOWN: i32 = 8;
#[cfg(feature = "signals")]
const F_GETOWN: i32 = 9;
#[cfg(feature = "signals")]
const F_SETSIG: i32 = 10;
const F_GETSIG: i32 = 11;
const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;
const F_OFD_GETLK: i32 = 36;
#[cfg(feature = "locks")]
const F_OFD_SETLK: i32 = 37;
const F_OFD_SETLKW: i32 = 38;
const F_DUPFD_CLOEXEC: i32 = 1030;
#[cfg(feature = "pipe")]
const F_SETPIPE_SZ: i32 = 1031;
#[cfg(feature = "pipe")]
const F_GETPIPE_SZ: i32 = 1032;
#[cfg(feature = "writable-files")]
const F_ADD_SEALS: i32 = 1033;
#[cfg(feature = "writable-files")]
const F_GET_SEALS: i32 = 1034;
/// FD_CLOEXEC.
const FD_CLOEXEC: u64 = 1;
/// O_LARGEFILE, which every open on a 64-bit machine implies and F_GETFL shows.
const O_LARGEFILE: u32 = 0o100000;
/// F_OWNER_PID and F_OWNER_PGRP.
#[cfg(feature = "signals")]
const OWNER_PID: i32 = 1;
#[cfg(feature = "signals")]
const OWNER_GROUP: i32 = 2;

pub fn fcntl(cx: &mut Cx<'_>, fd: i32, command: i32, arg: u64) -> Result<u64> {
    let open = cx.any_file(fd)?;
    match command {
        F_DUPFD | F_DUPFD_CLOEXEC => {
            let on_exec = if command == F_DUPFD { OnExec::Keep } else { OnExec::Close };
            let from = i32::try_from(arg).map_err(|_| Errno::EINVAL)?;
            return fd::result(cx.process.files().insert(open, on_exec, from)?);
        }
        F_GETFD => return Ok(if cx.process.files().on_exec(fd)? == OnExec::Close { FD_CLOEXEC } else { 0 }),
        F_SETFD => {
            let on_exec = if arg & FD_CLOEXEC != 0 { OnExec::Close } else { OnExec::Keep };
            cx.process.files().set_on_exec(fd, on_exec)?;
            return Ok(0);
        }
        F_GETFL => return Ok(status(&open).into()),
        // Everything else is for files that are really open.
        _ if open.flags().contains(OpenFlags::PATH) => return Err(Errno::EBADF),
        _ => {}
    }
    match command {
        F_SETFL => open.set_flags(OpenFlags::from_bits_truncate(arg as u32)),
        #[cfg(feature = "locks")]
        F_GETLK => return lock::get(cx, &open, Owner::Process, arg),
        #[cfg(feature = "locks")]
        F_SETLK => return lock::set(cx, &open, Owner::Process, Patience::Try, arg),
        #[cfg(feature = "locks")]
        F_SETLKW => return lock::set(cx, &open, Owner::Process, Patience::Wait, arg),
        #[cfg(feature = "locks")]
        F_OFD_GETLK => return lock::get(cx, &open, Owner::Description, arg),
        #[cfg(feature = "locks")]
        F_OFD_SETLK => return lock::set(cx, &open, Owner::Description, Patience::Try, arg),
        #[cfg(feature = "locks")]
        F_OFD_SETLKW => return lock::set(cx, &open, Owner::Description, Patience::Wait, arg),
        #[cfg(not(feature = "signals"))]
        F_SETOWN..=F_GETSIG | F_SETOWN_EX | F_GETOWN_EX => return Err(Errno::ENOSYS),
        #[cfg(not(feature = "locks"))]
        F_GETLK..=F_SETLKW | F_OFD_GETLK..=F_OFD_SETLKW => return Err(Errno::ENOSYS),
        #[cfg(feature = "signals")]
        F_SETOWN => set_owner(cx, &open, arg as u32 as i32)?,
        // A negative result is a process group, as on Linux.
        #[cfg(feature = "signals")]
        F_GETOWN => return Ok(i64::from(open.owner()).cast_unsigned()),
        #[cfg(feature = "signals")]
        F_SETSIG => {
            let signal = i32::try_from(arg).ok().filter(|signal| (0..=64).contains(signal)).ok_or(Errno::EINVAL)?;
            open.set_signal(signal);
        }
        #[cfg(feature = "signals")]
        F_GETSIG => return Ok(u64::from(open.signal().unsigned_abs())),
        #[cfg(feature = "signals")]
        F_SETOWN_EX => {
            let raw: FOwnerEx = cx.user().read(arg)?;
            let owner = match raw.kind {
                OWNER_PID => raw.pid,
                OWNER_GROUP => raw.pid.checked_neg().ok_or(Errno::EINVAL)?,
                _ => return Err(Errno::EINVAL),
            };
            set_owner(cx, &open, owner)?;
        }
        #[cfg(feature = "signals")]
        F_GETOWN_EX => {
            let owner = open.owner();
            let kind = if owner < 0 { OWNER_GROUP } else { OWNER_PID };
            cx.user().write(arg, &FOwnerEx { kind, pid: owner.saturating_abs() })?;
        }
        #[cfg(feature = "pipe")]
        F_SETPIPE_SZ => return set_pipe_size(cx, &open, arg),
        #[cfg(feature = "pipe")]
        F_GETPIPE_SZ => return Ok(pipe_end(&open)?.capacity() as u64),
        #[cfg(feature = "writable-files")]
        F_ADD_SEALS => {
            let seals = u32::try_from(arg).ok().and_then(Seals::from_bits).ok_or(Errno::EINVAL)?;
            sealable(&open)?.add_seals(seals)?;
        }
        #[cfg(feature = "writable-files")]
        F_GET_SEALS => return Ok(sealable(&open)?.seals()?.bits().into()),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// F_GETFL: access mode and status flags as open(2) took them.
fn status(open: &Description) -> u32 {
    let mode = match open.access() {
        AccessMode::Read => 0,
        AccessMode::Write => 1,
        AccessMode::ReadWrite => 2,
        AccessMode::None if open.flags().contains(OpenFlags::PATH) => 0,
        AccessMode::None => 3,
    };
    let by_path = opened(&*open.file).is_some() && !open.flags().contains(OpenFlags::PATH);
    mode | open.flags().bits() | if by_path { O_LARGEFILE } else { 0 }
}

/// Only this process can be told: ESRCH for any other.
#[cfg(feature = "signals")]
fn set_owner(cx: &Cx<'_>, open: &Description, owner: i32) -> Result<()> {
    let known = match owner {
        0 => true,
        owner if owner > 0 => owner == cx.pid() || cx.thread_by_id(owner).is_ok(),
        group => group.checked_neg() == Some(cx.pid()),
    };
    if !known {
        return Err(Errno::ESRCH);
    }
    open.set_owner(owner);
    Ok(())
}

/// The pipe behind a description; EBADF.
#[cfg(feature = "pipe")]
pub(super) fn pipe_end(open: &Description) -> Result<&pipe::PipeEnd> {
    let direct = open.file.as_any().downcast_ref();
    let inner = || opened(&*open.file)?.inner()?.as_any().downcast_ref();
    direct.or_else(inner).ok_or(Errno::EBADF)
}

#[cfg(feature = "pipe")]
fn set_pipe_size(cx: &Cx<'_>, open: &Description, bytes: u64) -> Result<u64> {
    let end = pipe_end(open)?;
    let bytes = usize::try_from(bytes).map_err(|_| Errno::EINVAL)?;
    if bytes > pipe::MAX_CAPACITY && !cx.credentials().capable(process::CAP_SYS_RESOURCE) {
        return Err(Errno::EPERM);
    }
    Ok(end.set_capacity(bytes)? as u64)
}

#[cfg(feature = "writable-files")]
fn sealable(open: &Description) -> Result<&OpenFile> {
    opened(&*open.file).ok_or(Errno::EINVAL)
}
