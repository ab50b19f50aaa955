//! Clocks: clock_gettime(2), gettimeofday(2), time(2), setting them.

use crate::Cx;
use time::{ns_to_timespec, ns_to_timeval, timespec_to_ns, timeval_to_ns};
use uapi::types::{Timespec, Timeval, Timex, Timezone};
use uapi::{Errno, Result};

/// What the coarse clocks step by, as a Linux with 250 ticks a second; the vDSO does the same.
const COARSE_NS: u64 = 4_000_000;

/// A clock id, decoded (clock_getres(2), pthread_getcpuclockid(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockId {
    /// CLOCK_REALTIME; CLOCK_TAI too: no leap seconds are known.
    Realtime,
    /// CLOCK_REALTIME_COARSE.
    RealtimeCoarse,
    /// CLOCK_REALTIME_ALARM: as the real-time clock; there is no suspend to wake from.
    RealtimeAlarm,
    /// CLOCK_MONOTONIC, its raw form, and CLOCK_BOOTTIME: the machine is never suspended.
    Monotonic,
    /// CLOCK_MONOTONIC_COARSE.
    MonotonicCoarse,
    /// CPU time of the process.
    ProcessCpu,
    /// CPU time of the thread with this id; 0 is the caller.
    ThreadCpu(i32),
}

/// EINVAL for an id that is no clock, or the CPU clock of another process.
pub fn decode(cx: &Cx<'_>, id: i32) -> Result<ClockId> {
    Ok(match id {
        0 | 11 => ClockId::Realtime,
        5 => ClockId::RealtimeCoarse,
        1 | 4 | 7 | 9 => ClockId::Monotonic,
        6 => ClockId::MonotonicCoarse,
        2 => ClockId::ProcessCpu,
        3 => ClockId::ThreadCpu(0),
        8 => ClockId::RealtimeAlarm,
        // Linux's encoding of CPU clocks: ~id in the upper bits, bit 2 for a thread's, the rest which of its times.
        id if id < 0 && id & 3 != 3 => {
            let of = !(id >> 3);
            if id & 4 != 0 {
                cx.thread_by_id(of).map_err(|_| Errno::EINVAL)?;
                ClockId::ThreadCpu(of)
            } else if of == 0 || of == cx.pid() {
                ClockId::ProcessCpu
            } else {
                return Err(Errno::EINVAL);
            }
        }
        _ => return Err(Errno::EINVAL),
    })
}

/// The clock's time in nanoseconds.
pub fn now_ns(cx: &Cx<'_>, clock: ClockId) -> Result<u64> {
    Ok(match clock {
        ClockId::Realtime | ClockId::RealtimeAlarm => cx.clock().realtime_ns(),
        ClockId::Monotonic => cx.now_ns(),
        ClockId::RealtimeCoarse => {
            let fine = cx.clock().realtime_ns();
            fine - fine % COARSE_NS
        }
        ClockId::MonotonicCoarse => {
            let fine = cx.now_ns();
            fine - fine % COARSE_NS
        }
        ClockId::ProcessCpu => cx.process.cpu_times().own_ns,
        ClockId::ThreadCpu(0) => cx.thread.cpu_ns(),
        ClockId::ThreadCpu(tid) => cx.thread_by_id(tid)?.cpu_ns(),
    })
}

pub fn clock_gettime(cx: &mut Cx<'_>, clock: i32, time: u64) -> Result<u64> {
    let ns = match clock {
        // The two that are asked thousands of times a second.
        1 => cx.now_ns(),
        0 => cx.clock().realtime_ns(),
        _ => now_ns(cx, decode(cx, clock)?)?,
    };
    cx.user().write(time, &ns_to_timespec(ns))?;
    Ok(0)
}

pub fn clock_getres(cx: &mut Cx<'_>, clock: i32, resolution: u64) -> Result<u64> {
    let nsec = match decode(cx, clock)? {
        ClockId::RealtimeCoarse | ClockId::MonotonicCoarse => COARSE_NS.cast_signed(),
        _ => 1,
    };
    cx.user().write_optional(resolution, &Timespec { sec: 0, nsec })?;
    Ok(0)
}

pub fn clock_settime(cx: &mut Cx<'_>, clock: i32, time: u64) -> Result<u64> {
    if decode(cx, clock)? != ClockId::Realtime || clock != 0 {
        return Err(Errno::EINVAL);
    }
    let ns = timespec_to_ns(cx.user().read(time)?)?;
    set_realtime(cx, ns)
}

pub fn gettimeofday(cx: &mut Cx<'_>, time: u64, zone: u64) -> Result<u64> {
    if time != 0 {
        cx.user().write(time, &ns_to_timeval(cx.clock().realtime_ns()))?;
    }
    cx.user().write_optional(zone, &Timezone::default())?;
    Ok(0)
}

pub fn settimeofday(cx: &mut Cx<'_>, time: u64, zone: u64) -> Result<u64> {
    let time = cx.user().read_optional::<Timeval>(time)?.map(timeval_to_ns).transpose()?;
    if let Some(zone) = cx.user().read_optional::<Timezone>(zone)? {
        // The machine's clock is UTC, and nothing here would use another zone.
        if zone != Timezone::default() {
            return Err(Errno::EINVAL);
        }
    }
    match time {
        Some(ns) => set_realtime(cx, ns),
        None => Ok(0),
    }
}

fn set_realtime(cx: &Cx<'_>, ns: u64) -> Result<u64> {
    cx.require_root()?;
    cx.clock().set_realtime_ns(ns);
    Ok(0)
}

pub fn time(cx: &mut Cx<'_>, time: u64) -> Result<u64> {
    let seconds = cx.clock().realtime_ns() / time::NS_PER_SEC;
    cx.user().write_optional(time, &seconds)?;
    Ok(seconds)
}

pub fn adjtimex(cx: &mut Cx<'_>, buf: u64) -> Result<u64> {
    clock_adjtime(cx, 0, buf)
}

pub fn clock_adjtime(cx: &mut Cx<'_>, clock: i32, buf: u64) -> Result<u64> {
    /// STA_UNSYNC, and the state that goes with it, TIME_ERROR.
    const STA_UNSYNC: i32 = 0x40;
    const TIME_ERROR: u64 = 5;
    if clock != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let asked: Timex = cx.user().read(buf)?;
    // ADJ_OFFSET_SS_READ only reads, as does 0.
    if asked.modes != 0 && asked.modes != 0xa001 {
        return Err(Errno::EPERM);
    }
    let answer = Timex {
        modes: asked.modes,
        status: STA_UNSYNC,
        time: ns_to_timeval(cx.clock().realtime_ns()),
        maxerror: 16_000_000,
        esterror: 16_000_000,
        precision: 1,
        tolerance: 32_768_000,
        tick: 10_000,
        constant: 2,
        ..Timex::default()
    };
    cx.user().write(buf, &answer)?;
    Ok(TIME_ERROR)
}
