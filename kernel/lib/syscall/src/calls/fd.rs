//! Descriptors: close(2), dup(2), ioctl(2).

use crate::Cx;
use file::OpenFlags;
use process::{Description, OnExec};
use uapi::{Errno, Result};

/// O_CLOEXEC.
pub const O_CLOEXEC: u32 = 0o2000000;

bitflags::bitflags! {
    /// CLOSE_RANGE_* flags.
    struct CloseRange: u32 {
        const UNSHARE = 2;
        const CLOEXEC = 4;
    }
}

/// What O_CLOEXEC (or a flag of the same value) in `flags` means.
pub fn on_exec(flags: u32) -> OnExec {
    if flags & O_CLOEXEC != 0 { OnExec::Close } else { OnExec::Keep }
}

/// A descriptor as a call's result.
pub fn result(fd: i32) -> Result<u64> {
    Ok(u64::from(fd.unsigned_abs()))
}

pub fn close(cx: &mut Cx<'_>, fd: i32) -> Result<u64> {
    cx.close(fd)?;
    Ok(0)
}

pub fn close_range(cx: &mut Cx<'_>, first: u32, last: u32, flags: u32) -> Result<u64> {
    let flags = CloseRange::from_bits(flags).ok_or(Errno::EINVAL)?;
    // A table of its own is what a single thread has already; several share theirs for good.
    if first > last || (flags.contains(CloseRange::UNSHARE) && cx.process.thread_count() > 1) {
        return Err(Errno::EINVAL);
    }
    if flags.contains(CloseRange::CLOEXEC) {
        cx.process.files().close_range_on_exec(first, last);
    } else {
        for open in cx.process.files().close_range(first, last) {
            cx.closed(&open);
        }
    }
    Ok(0)
}

pub fn dup(cx: &mut Cx<'_>, fd: i32) -> Result<u64> {
    let open = cx.any_file(fd)?;
    result(cx.install_description(open, OnExec::Keep)?)
}

pub fn dup2(cx: &mut Cx<'_>, old: i32, new: i32) -> Result<u64> {
    if old == new {
        cx.any_file(old)?;
        return result(new);
    }
    replace(cx, old, new, OnExec::Keep)
}

pub fn dup3(cx: &mut Cx<'_>, old: i32, new: i32, flags: u32) -> Result<u64> {
    if flags & !O_CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    replace(cx, old, new, on_exec(flags))
}

fn replace(cx: &Cx<'_>, old: i32, new: i32, on_exec: OnExec) -> Result<u64> {
    let open = cx.any_file(old)?;
    if let Some(before) = cx.process.files().replace(new, open, on_exec)? {
        cx.closed(&before);
    }
    result(new)
}

/// F_SETFL's effect through an ioctl.
fn set_flag(cx: &Cx<'_>, open: &Description, arg: u64, flag: OpenFlags) -> Result<u64> {
    let on: i32 = cx.user().read(arg)?;
    let mut flags = open.flags();
    flags.set(flag, on != 0);
    open.set_flags(flags);
    Ok(0)
}

pub fn ioctl(cx: &mut Cx<'_>, fd: i32, command: u32, arg: u64) -> Result<u64> {
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIONBIO: u32 = 0x5421;
    const FIOASYNC: u32 = 0x5452;
    let open = cx.file(fd)?;
    match command {
        FIOCLEX | FIONCLEX => {
            let on_exec = if command == FIOCLEX { OnExec::Close } else { OnExec::Keep };
            cx.process.files().set_on_exec(fd, on_exec)?;
            Ok(0)
        }
        FIONBIO => set_flag(cx, &open, arg, OpenFlags::NONBLOCK),
        FIOASYNC => set_flag(cx, &open, arg, OpenFlags::ASYNC),
        _ => match open.file.ioctl(command, arg, cx.user()) {
            #[cfg(feature = "sockets")]
            Err(Errno::ENOTTY) if open.file.as_socket().is_some() => {
                cx.system.sockets.as_deref().map_or(Err(Errno::ENOTTY), |families| families.interface_ioctl(command, arg, cx.user()))
            }
            other => other,
        },
    }
}
