//! Timers: timer_create(2) and its family.

#[cfg(feature = "posix-timers")]
use super::clock::{self, ClockId};
use crate::Cx;
#[cfg(feature = "posix-timers")]
use alloc::sync::Arc;
use signal::TimerSpec;
#[cfg(feature = "posix-timers")]
use signal::{Notify, Signal, Start, TimerClock};
use time::{ns_to_timespec, timespec_to_ns};
#[cfg(feature = "posix-timers")]
use uapi::Errno;
use uapi::Result;
use uapi::types::Itimerspec;
#[cfg(feature = "posix-timers")]
use uapi::types::Sigevent;

/// TIMER_ABSTIME, TFD_TIMER_ABSTIME.
pub(super) const ABSOLUTE: u32 = 1;

pub(super) fn to_itimerspec(spec: TimerSpec) -> Itimerspec {
    Itimerspec { interval: ns_to_timespec(spec.interval_ns), value: ns_to_timespec(spec.value_ns) }
}

pub(super) fn read_spec(cx: &Cx<'_>, addr: u64) -> Result<TimerSpec> {
    let raw: Itimerspec = cx.user().read(addr)?;
    Ok(TimerSpec { value_ns: timespec_to_ns(raw.value)?, interval_ns: timespec_to_ns(raw.interval)? })
}

#[cfg(feature = "posix-timers")]
pub fn timer_create(cx: &mut Cx<'_>, clock: i32, event: u64, id: u64) -> Result<u64> {
    const SIGEV_SIGNAL: i32 = 0;
    const SIGEV_NONE: i32 = 1;
    const SIGEV_THREAD: i32 = 2;
    const SIGEV_THREAD_ID: i32 = 4;
    let counts = match clock::decode(cx, clock)? {
        ClockId::Realtime => TimerClock::Realtime,
        ClockId::RealtimeAlarm => TimerClock::Realtime,
        ClockId::Monotonic => TimerClock::Monotonic,
        ClockId::RealtimeCoarse | ClockId::MonotonicCoarse => return Err(Errno::EOPNOTSUPP),
        ClockId::ProcessCpu => TimerClock::ProcessCpu,
        ClockId::ThreadCpu(0) => TimerClock::ThreadCpu(cx.tid()),
        ClockId::ThreadCpu(tid) => TimerClock::ThreadCpu(tid),
    };
    let (notify, value) = match cx.user().read_optional::<Sigevent>(event)? {
        None => (Notify::Process(Signal::ALRM), None),
        Some(raw) => {
            let notify = match raw.notify {
                SIGEV_NONE => Notify::None,
                SIGEV_SIGNAL | SIGEV_THREAD => Notify::Process(Signal::new(raw.signo)?),
                SIGEV_THREAD_ID => {
                    let thread = cx.thread_by_id(raw.tid).map_err(|_| Errno::EINVAL)?;
                    Notify::Thread(Signal::new(raw.signo)?, Arc::downgrade(thread.signals()))
                }
                _ => return Err(Errno::EINVAL),
            };
            (notify, Some(raw.value))
        }
    };
    let timers = cx.signals().timers();
    let new = timers.create(counts, notify, value)?;
    if let Err(fault) = cx.user().write(id, &new) {
        timers.delete(new)?;
        return Err(fault);
    }
    Ok(0)
}

/// The time of the CPU clock that a timer counts; 0 for the others, which need none.
#[cfg(feature = "posix-timers")]
fn cpu_ns(cx: &Cx<'_>, id: i32) -> Result<u64> {
    match cx.signals().timers().clock_of(id)? {
        TimerClock::ProcessCpu => Ok(cx.process.cpu_times().own_ns),
        TimerClock::ThreadCpu(tid) => Ok(cx.thread_by_id(tid).map_or(0, |thread| thread.cpu_ns())),
        TimerClock::Monotonic | TimerClock::Realtime => Ok(0),
    }
}

#[cfg(feature = "posix-timers")]
pub fn timer_settime(cx: &mut Cx<'_>, id: i32, flags: u32, value: u64, old: u64) -> Result<u64> {
    let spec = read_spec(cx, value)?;
    let cpu = cpu_ns(cx, id)?;
    let start = if flags & ABSOLUTE == 0 { Start::Relative } else { Start::Absolute };
    let before = cx.signals().timers().set(id, spec, start, cpu)?;
    cx.cpu_timers_changed();
    if old != 0 {
        cx.user().write(old, &to_itimerspec(before))?;
    }
    Ok(0)
}

#[cfg(feature = "posix-timers")]
pub fn timer_gettime(cx: &mut Cx<'_>, id: i32, value: u64) -> Result<u64> {
    let now = cx.signals().timers().setting(id, cpu_ns(cx, id)?)?;
    cx.user().write(value, &to_itimerspec(now))?;
    Ok(0)
}

#[cfg(feature = "posix-timers")]
pub fn timer_getoverrun(cx: &mut Cx<'_>, id: i32) -> Result<u64> {
    Ok(u64::from(cx.signals().timers().overrun(id)?.unsigned_abs()))
}

#[cfg(feature = "posix-timers")]
pub fn timer_delete(cx: &mut Cx<'_>, id: i32) -> Result<u64> {
    cx.signals().timers().delete(id)?;
    cx.cpu_timers_changed();
    Ok(0)
}
