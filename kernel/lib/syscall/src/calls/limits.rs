//! Resource limits and usage: prlimit(2), getrusage(2), times(2).

use crate::Cx;
use process::{CpuTimes, Resource, Rlimit};
use time::ns_to_timeval;
use uapi::types::{Rusage, Tms};
use uapi::{Errno, Result};

/// Nanoseconds in a clock tick (USER_HZ is 100).
const NS_PER_TICK: u64 = 10_000_000;

fn resource(number: i32) -> Result<Resource> {
    Resource::from_number(u32::try_from(number).map_err(|_| Errno::EINVAL)?)
}

pub fn getrlimit(cx: &mut Cx<'_>, number: i32, limit: u64) -> Result<u64> {
    cx.user().write(limit, &cx.process.rlimit(resource(number)?))?;
    Ok(0)
}

pub fn setrlimit(cx: &mut Cx<'_>, number: i32, limit: u64) -> Result<u64> {
    let which = resource(number)?;
    set(cx, which, cx.user().read(limit)?)
}

pub fn prlimit64(cx: &mut Cx<'_>, pid: i32, number: i32, new: u64, old: u64) -> Result<u64> {
    let which = resource(number)?;
    let new = cx.user().read_optional::<Rlimit>(new)?;
    if pid != 0 && pid != cx.pid() {
        cx.thread_by_id(pid)?;
    }
    let before = cx.process.rlimit(which);
    if let Some(new) = new {
        set(cx, which, new)?;
    }
    if old != 0 {
        cx.user().write(old, &before)?;
    }
    Ok(0)
}

/// What nobody would keep to is not taken.
#[cfg(not(feature = "limits"))]
fn set(_cx: &Cx<'_>, _which: Resource, _new: Rlimit) -> Result<u64> {
    Err(Errno::ENOSYS)
}

#[cfg(feature = "limits")]
fn set(cx: &Cx<'_>, which: Resource, new: Rlimit) -> Result<u64> {
    cx.process.set_rlimit(which, new)?;
    Ok(0)
}

pub fn getrusage(cx: &mut Cx<'_>, who: i32, usage: u64) -> Result<u64> {
    const SELF: i32 = 0;
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    let answer = match who {
        CHILDREN => Rusage::default(),
        SELF | THREAD => {
            let memory = cx.space().stats();
            let used = if who == SELF {
                cx.process.cpu_times()
            } else {
                let stats = cx.thread.task().stats(cx.now_ns());
                let (voluntary_switches, involuntary_switches) = (stats.voluntary_switches, stats.involuntary_switches);
                CpuTimes { own_ns: stats.run_ns, voluntary_switches, involuntary_switches, system_calls: cx.thread.system_calls() }
            };
            Rusage {
                // User and system time are not told apart (one privilege level): all of it is the application's.
                utime: ns_to_timeval(used.own_ns),
                maxrss: (memory.resident_peak / 1024).cast_signed(),
                minflt: memory.minor_faults.cast_signed(),
                nvcsw: used.voluntary_switches.cast_signed(),
                nivcsw: used.involuntary_switches.cast_signed(),
                ..Rusage::default()
            }
        }
        _ => return Err(Errno::EINVAL),
    };
    cx.user().write(usage, &answer)?;
    Ok(0)
}

pub fn times(cx: &mut Cx<'_>, buf: u64) -> Result<u64> {
    if buf != 0 {
        let utime = (cx.process.cpu_times().own_ns / NS_PER_TICK).cast_signed();
        cx.user().write(buf, &Tms { utime, ..Tms::default() })?;
    }
    Ok(cx.now_ns() / NS_PER_TICK)
}
