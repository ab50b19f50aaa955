//! prctl(2), arch_prctl(2).

use crate::Cx;
use core::sync::atomic::Ordering::Relaxed;
use process::{CAP_LAST, CAP_SETPCAP, SECBIT_KEEP_CAPS};
use uapi::prctl::*;
use uapi::{Errno, Result};

/// The kernel's default timer slack (PR_GET_TIMERSLACK).
const DEFAULT_SLACK_NS: u64 = 50_000;

/// A switch: 0 or 1, anything else is EINVAL.
fn switch(value: u64) -> Result<u32> {
    match value {
        0 => Ok(0),
        1 => Ok(1),
        _ => Err(Errno::EINVAL),
    }
}

/// EINVAL unless the arguments that the option does not use are 0.
fn unused(args: &[u64]) -> Result<()> {
    if args.iter().all(|arg| *arg == 0) { Ok(()) } else { Err(Errno::EINVAL) }
}

pub fn prctl(cx: &mut Cx<'_>, option: i32, arg2: u64, arg3: u64, arg4: u64, arg5: u64) -> Result<u64> {
    let kept = &cx.system.prctl;
    match option.cast_unsigned() {
        PR_SET_NAME => {
            // Cut to what fits, as long names are.
            let mut name = [0u8; 16];
            let got = cx.user().copy_in(arg2, &mut name[..15]);
            if got < 15 && !name[..got].contains(&0) {
                return Err(Errno::EFAULT);
            }
            cx.thread.set_name(&name);
        }
        PR_GET_NAME => cx.user().write(arg2, &cx.thread.name())?,
        PR_SET_PDEATHSIG => {
            let signal = u32::try_from(arg2).ok().filter(|signal| *signal <= 64).ok_or(Errno::EINVAL)?;
            kept.parent_death_signal.store(signal, Relaxed);
        }
        PR_GET_PDEATHSIG => cx.user().write(arg2, &kept.parent_death_signal.load(Relaxed))?,
        PR_SET_DUMPABLE => cx.process.set_dumpable(switch(arg2)?),
        PR_GET_DUMPABLE => return Ok(cx.process.dumpable().into()),
        PR_SET_KEEPCAPS => {
            let on = switch(arg2)?;
            return cx.change_credentials(&mut |who| {
                who.securebits = (who.securebits & !SECBIT_KEEP_CAPS) | (on * SECBIT_KEEP_CAPS);
                Ok(())
            });
        }
        PR_GET_KEEPCAPS => return Ok(u64::from(cx.credentials().securebits & SECBIT_KEEP_CAPS != 0)),
        PR_SET_SECUREBITS => return set_securebits(cx, arg2),
        PR_GET_SECUREBITS => return Ok(cx.credentials().securebits.into()),
        PR_CAPBSET_READ => return Ok(u64::from(cx.credentials().caps.bounding & capability(arg2)? != 0)),
        PR_CAPBSET_DROP => {
            let bit = capability(arg2)?;
            return cx.change_credentials(&mut |who| {
                if !who.capable(CAP_SETPCAP) {
                    return Err(Errno::EPERM);
                }
                who.caps.bounding &= !bit;
                Ok(())
            });
        }
        PR_CAP_AMBIENT => return ambient(cx, arg2, arg3, [arg4, arg5]),
        PR_SET_NO_NEW_PRIVS => {
            unused(&[arg3, arg4, arg5])?;
            if arg2 != 1 {
                return Err(Errno::EINVAL);
            }
            return cx.change_credentials(&mut |who| {
                who.no_new_privs = true;
                Ok(())
            });
        }
        PR_GET_NO_NEW_PRIVS => {
            unused(&[arg2, arg3, arg4, arg5])?;
            return Ok(cx.credentials().no_new_privs.into());
        }
        PR_SET_THP_DISABLE => {
            unused(&[arg3, arg4, arg5])?;
            kept.huge_pages_disabled.store(u32::from(arg2 != 0), Relaxed);
        }
        PR_GET_THP_DISABLE => {
            unused(&[arg2, arg3, arg4, arg5])?;
            return Ok(kept.huge_pages_disabled.load(Relaxed).into());
        }
        PR_SET_CHILD_SUBREAPER => kept.child_subreaper.store(u32::from(arg2 != 0), Relaxed),
        PR_GET_CHILD_SUBREAPER => cx.user().write(arg2, &kept.child_subreaper.load(Relaxed))?,
        PR_SET_TIMERSLACK => {
            // Zero or less goes back to the default.
            let slack = if arg2.cast_signed() <= 0 { DEFAULT_SLACK_NS } else { arg2 };
            kept.timer_slack_ns.store(slack, Relaxed);
        }
        PR_GET_TIMERSLACK => {
            let slack = kept.timer_slack_ns.load(Relaxed);
            return Ok(if slack == 0 { DEFAULT_SLACK_NS } else { slack });
        }
        PR_GET_TIMING => return Ok(u64::from(PR_TIMING_STATISTICAL)),
        PR_SET_TIMING if arg2 == u64::from(PR_TIMING_STATISTICAL) => {}
        // No filter is installed, and none can be.
        PR_GET_SECCOMP => return Ok(0),
        PR_GET_TSC => cx.user().write(arg2, &PR_TSC_ENABLE)?,
        PR_SET_TSC if arg2 == u64::from(PR_TSC_ENABLE) => {}
        PR_MCE_KILL_GET => return Ok(PR_MCE_KILL_DEFAULT.into()),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn capability(number: u64) -> Result<u64> {
    if number <= u64::from(CAP_LAST) { Ok(1 << number) } else { Err(Errno::EINVAL) }
}

fn set_securebits(cx: &Cx<'_>, bits: u64) -> Result<u64> {
    /// SECBIT_* up to NO_CAP_AMBIENT_RAISE_LOCKED; every other bit of the eight locks the one below it.
    const ALL: u32 = 0xff;
    const LOCKS: u32 = 0xaa;
    let new = u32::try_from(bits).ok().filter(|bits| bits & !ALL == 0).ok_or(Errno::EPERM)?;
    cx.change_credentials(&mut |who| {
        let old = who.securebits;
        let locked = ((old & LOCKS) >> 1) | (old & LOCKS);
        if (old ^ new) & locked != 0 || !who.capable(CAP_SETPCAP) {
            return Err(Errno::EPERM);
        }
        who.securebits = new;
        Ok(())
    })
}

/// PR_CAP_AMBIENT (capabilities(7)).
fn ambient(cx: &Cx<'_>, what: u64, number: u64, rest: [u64; 2]) -> Result<u64> {
    /// SECBIT_NO_CAP_AMBIENT_RAISE.
    const NO_RAISE: u32 = 1 << 6;
    unused(&rest)?;
    let what = u32::try_from(what).map_err(|_| Errno::EINVAL)?;
    if what == PR_CAP_AMBIENT_CLEAR_ALL {
        unused(&[number])?;
        return cx.change_credentials(&mut |who| {
            who.caps.ambient = 0;
            Ok(())
        });
    }
    let bit = capability(number)?;
    match what {
        PR_CAP_AMBIENT_IS_SET => Ok(u64::from(cx.credentials().caps.ambient & bit != 0)),
        PR_CAP_AMBIENT_LOWER => cx.change_credentials(&mut |who| {
            who.caps.ambient &= !bit;
            Ok(())
        }),
        PR_CAP_AMBIENT_RAISE => cx.change_credentials(&mut |who| {
            if who.caps.permitted & who.caps.inheritable & bit == 0 || who.securebits & NO_RAISE != 0 {
                return Err(Errno::EPERM);
            }
            who.caps.ambient |= bit;
            Ok(())
        }),
        _ => Err(Errno::EINVAL),
    }
}

pub fn arch_prctl(cx: &mut Cx<'_>, code: i32, addr: u64) -> Result<u64> {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    const GET_CPUID: i32 = 0x1011;
    const SET_CPUID: i32 = 0x1012;
    let platform = cx.platform();
    match code {
        SET_FS | SET_GS if addr >= mm::USER_END => return Err(Errno::EPERM),
        SET_FS => platform.set_fs_base(addr),
        SET_GS => platform.set_gs_base(addr),
        GET_FS => cx.user().write(addr, &platform.fs_base())?,
        GET_GS => cx.user().write(addr, &platform.gs_base())?,
        // The instruction works always; making it fault needs a CPU feature nobody asks for.
        GET_CPUID => return Ok(1),
        SET_CPUID if addr != 0 => {}
        SET_CPUID => return Err(Errno::ENODEV),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
