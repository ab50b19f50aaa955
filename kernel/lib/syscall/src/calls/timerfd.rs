//! timerfd_create(2) and its family.

use super::clock::{self, ClockId};
use super::fd::{O_CLOEXEC, on_exec, result};
use super::timers::{ABSOLUTE, read_spec, to_itimerspec};
use crate::Cx;
use ::timerfd::{Base, Setting, Start, TimerFd};
use file::{AccessMode, FileType, OpenFlags};
use process::Description;
use signal::TimerSpec;
use uapi::types::Itimerspec;
use uapi::{Errno, Result};

/// The timerfd behind a descriptor; EINVAL for anything else.
fn timer_file(open: &Description) -> Result<&TimerFd> {
    open.file.as_any().downcast_ref().ok_or(Errno::EINVAL)
}

fn to_setting(spec: Setting) -> Itimerspec {
    to_itimerspec(TimerSpec { value_ns: spec.value_ns, interval_ns: spec.interval_ns })
}

pub fn timerfd_create(cx: &mut Cx<'_>, clock: i32, flags: u32) -> Result<u64> {
    const NONBLOCK: u32 = 0o4000;
    if flags & !(NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let base = match clock::decode(cx, clock)? {
        ClockId::Realtime | ClockId::RealtimeAlarm if clock == 0 || clock == 8 => Base::Realtime,
        ClockId::Monotonic if matches!(clock, 1 | 7 | 9) => Base::Monotonic,
        _ => return Err(Errno::EINVAL),
    };
    let services = cx.process.services();
    let stat = cx.anonymous_stat(FileType::Anonymous);
    let file = TimerFd::new(base, services.clock.clone(), services.timers.clone(), stat);
    result(cx.install(file, AccessMode::ReadWrite, OpenFlags::from_bits_truncate(flags), on_exec(flags))?)
}

pub fn timerfd_settime(cx: &mut Cx<'_>, fd: i32, flags: u32, value: u64, old: u64) -> Result<u64> {
    const CANCEL_ON_SET: u32 = 2;
    let start = match flags {
        0 | CANCEL_ON_SET => Start::Relative,
        ABSOLUTE => Start::Absolute,
        flags if flags == ABSOLUTE | CANCEL_ON_SET => Start::AbsoluteCancelOnSet,
        _ => return Err(Errno::EINVAL),
    };
    let spec = read_spec(cx, value)?;
    let open = cx.file(fd)?;
    let new = Setting { value_ns: spec.value_ns, interval_ns: spec.interval_ns };
    let before = timer_file(&open)?.set(start, new);
    if old != 0 {
        cx.user().write(old, &to_setting(before))?;
    }
    Ok(0)
}

pub fn timerfd_gettime(cx: &mut Cx<'_>, fd: i32, value: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    cx.user().write(value, &to_setting(timer_file(&open)?.get()))?;
    Ok(0)
}
