//! Threads: clone(2), exit(2), set_tid_address(2), robust lists; wait4(2), which finds no children.

use crate::Cx;
#[cfg(feature = "threads")]
use process::CloneArgs;
use process::End;
use uapi::types::RobustListHead;
use uapi::{Errno, Result};

#[cfg(feature = "threads")]
pub fn clone(cx: &mut Cx<'_>, flags: u64, stack: u64, parent_tid: u64, child_tid: u64, tls: u64) -> Result<u64> {
    let args = CloneArgs::from_clone(flags, stack, parent_tid, child_tid, tls);
    let tid = process::clone(cx.thread, cx.regs, &args)?;
    Ok(u64::from(tid.unsigned_abs()))
}

#[cfg(feature = "threads")]
pub fn clone3(cx: &mut Cx<'_>, args: u64, size: u64) -> Result<u64> {
    /// CLONE_ARGS_SIZE_VER0.
    const FIRST_VERSION: u64 = 64;
    const KNOWN: u64 = size_of::<CloneArgs>() as u64;
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    if size < FIRST_VERSION {
        return Err(Errno::EINVAL);
    }
    let mut bytes = [0u8; size_of::<CloneArgs>()];
    cx.user().read_bytes(args, &mut bytes[..size.min(KNOWN) as usize])?;
    // Fields of a later version must not be used.
    for at in KNOWN..size {
        if cx.user().read::<u8>(args + at)? != 0 {
            return Err(Errno::E2BIG);
        }
    }
    let args: CloneArgs = zerocopy::transmute!(bytes);
    let tid = process::clone(cx.thread, cx.regs, &args.from_clone3()?)?;
    Ok(u64::from(tid.unsigned_abs()))
}

/// The thread leaves on its way back to the application.
pub fn exit(cx: &mut Cx<'_>, status: i32) -> Result<u64> {
    process::exit_thread(cx.thread, status & 0xff);
    Ok(0)
}

pub fn exit_group(cx: &mut Cx<'_>, status: i32) -> Result<u64> {
    process::exit_group(cx.thread, End::Exit((status & 0xff) as u8));
    Ok(0)
}

pub fn set_tid_address(cx: &mut Cx<'_>, tid: u64) -> Result<u64> {
    cx.thread.set_clear_child_tid(tid);
    Ok(u64::from(cx.tid().unsigned_abs()))
}

pub fn set_robust_list(cx: &mut Cx<'_>, head: u64, len: u64) -> Result<u64> {
    if len != size_of::<RobustListHead>() as u64 {
        return Err(Errno::EINVAL);
    }
    cx.thread.set_robust_list(head);
    Ok(0)
}

pub fn get_robust_list(cx: &mut Cx<'_>, tid: i32, head: u64, len: u64) -> Result<u64> {
    let thread = cx.thread_by_id(tid)?;
    cx.user().write(len, &size_of::<RobustListHead>())?;
    cx.user().write(head, &thread.robust_list())?;
    Ok(0)
}

pub fn wait4(_cx: &mut Cx<'_>, _pid: i32, _status: u64, options: u32, _usage: u64) -> Result<u64> {
    /// WNOHANG, WUNTRACED, WCONTINUED, __WNOTHREAD, __WALL, __WCLONE.
    const OPTIONS: u32 = 0xe000_000b;
    if options & !OPTIONS != 0 {
        return Err(Errno::EINVAL);
    }
    Err(Errno::ECHILD)
}

pub fn waitid(_cx: &mut Cx<'_>, kind: i32, _id: i32, _info: u64, options: u32, _usage: u64) -> Result<u64> {
    /// WNOHANG, WSTOPPED, WEXITED, WCONTINUED, WNOWAIT, __WNOTHREAD, __WALL, __WCLONE.
    const OPTIONS: u32 = 0xe100_000f;
    /// One of WSTOPPED, WEXITED, WCONTINUED has to be there.
    const STATES: u32 = 0xe;
    if options & !OPTIONS != 0 || options & STATES == 0 || !(0..=3).contains(&kind) {
        return Err(Errno::EINVAL);
    }
    Err(Errno::ECHILD)
}

/// Nothing here leaves a half-done call behind to be taken up.
pub fn restart_syscall(_cx: &mut Cx<'_>) -> Result<u64> {
    Err(Errno::EINTR)
}
