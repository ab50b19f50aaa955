//! nanosleep(2), clock_nanosleep(2).

use super::clock::{self, ClockId};
use crate::Cx;
use crate::wait::Woke;
use file::{Events, Share};
use time::{ns_to_timespec, realtime_to_monotonic, timespec_to_ns};
use uapi::{Errno, Result};

/// Between looks at a CPU clock that a thread sleeps on.
const CPU_CLOCK_STEP_NS: u64 = 1_000_000;
/// TIMER_ABSTIME.
const ABSOLUTE: u32 = 1;

pub fn nanosleep(cx: &mut Cx<'_>, request: u64, remain: u64) -> Result<u64> {
    let ns = timespec_to_ns(cx.user().read(request)?)?;
    relative(cx, ClockId::Monotonic, ns, remain)
}

pub fn clock_nanosleep(cx: &mut Cx<'_>, clock: i32, flags: u32, request: u64, remain: u64) -> Result<u64> {
    let clock = clock::decode(cx, clock)?;
    // A thread that sleeps uses no CPU time of its own.
    if matches!(clock, ClockId::ThreadCpu(0)) {
        return Err(Errno::EINVAL);
    }
    if matches!(clock, ClockId::RealtimeCoarse | ClockId::MonotonicCoarse) {
        return Err(Errno::EOPNOTSUPP);
    }
    let ns = timespec_to_ns(cx.user().read(request)?)?;
    if flags & ABSOLUTE == 0 { relative(cx, clock, ns, remain) } else { absolute(cx, clock, ns) }
}

fn relative(cx: &Cx<'_>, clock: ClockId, ns: u64, remain: u64) -> Result<u64> {
    let until = clock::now_ns(cx, clock_of_relative(clock))?.saturating_add(ns);
    match absolute(cx, clock_of_relative(clock), until) {
        Err(Errno::ERESTARTNOHAND) => {
            let left = until.saturating_sub(clock::now_ns(cx, clock_of_relative(clock))?);
            cx.user().write_optional(remain, &ns_to_timespec(left))?;
            Err(Errno::ERESTARTNOHAND)
        }
        other => other,
    }
}

/// Setting the real-time clock does not change how long a relative sleep lasts (clock_nanosleep(2)).
fn clock_of_relative(clock: ClockId) -> ClockId {
    if clock == ClockId::Realtime { ClockId::Monotonic } else { clock }
}

/// Sleeps until the clock shows `until_ns`. ERESTARTNOHAND: a signal came.
fn absolute(cx: &Cx<'_>, clock: ClockId, until_ns: u64) -> Result<u64> {
    cx.prepare_to_block();
    let realtime = matches!(clock, ClockId::Realtime | ClockId::RealtimeAlarm);
    let _jumps = match cx.clock().realtime_set() {
        Some(queue) if realtime => Some(queue.register(Events::PRI, Share::All, cx.waker())),
        _ => None,
    };
    loop {
        if clock::now_ns(cx, clock)? >= until_ns {
            return Ok(0);
        }
        if cx.interrupted() {
            return Err(Errno::ERESTARTNOHAND);
        }
        let deadline = match clock {
            ClockId::Monotonic | ClockId::MonotonicCoarse => until_ns,
            ClockId::Realtime | ClockId::RealtimeAlarm | ClockId::RealtimeCoarse => realtime_to_monotonic(cx.clock(), until_ns),
            ClockId::ProcessCpu | ClockId::ThreadCpu(_) => cx.now_ns() + CPU_CLOCK_STEP_NS,
        };
        let _: Woke = cx.block(Some(deadline));
    }
}
