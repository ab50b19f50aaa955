//! Scheduling: sched_yield(2), affinity, priorities, policies, getcpu(2).

use crate::Cx;
use time::ns_to_timespec;
use uapi::types::SchedAttr;
use uapi::{Errno, Result};

/// SCHED_OTHER.
const OTHER: i32 = 0;
/// Policies that exist: OTHER, FIFO, RR, BATCH, IDLE, DEADLINE.
const POLICIES: [i32; 6] = [0, 1, 2, 3, 5, 6];
/// CAP_SYS_NICE.
const CAP_SYS_NICE: u32 = 23;
/// SCHED_RESET_ON_FORK: there is no fork to be reset on.
const RESET_ON_FORK: i32 = 0x4000_0000;

pub fn sched_yield(cx: &mut Cx<'_>) -> Result<u64> {
    cx.process.services().scheduler.yield_now();
    Ok(0)
}

pub fn getcpu(cx: &mut Cx<'_>, cpu: u64, node: u64) -> Result<u64> {
    let here = cx.thread.task().cpu() as u32;
    cx.user().write_optional(cpu, &here)?;
    cx.user().write_optional(node, &0u32)?;
    Ok(0)
}

/// The CPUs that exist, as a mask.
fn existing(cx: &Cx<'_>) -> u64 {
    match cx.process.services().scheduler.cpu_count() {
        64.. => u64::MAX,
        count => (1 << count) - 1,
    }
}

pub fn sched_getaffinity(cx: &mut Cx<'_>, tid: i32, size: u32, mask: u64) -> Result<u64> {
    // The kernel's mask is one word: the size has to be a multiple of that and is cut to it.
    if size == 0 || !size.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let allowed = cx.thread_by_id(tid)?.task().affinity() & existing(cx);
    cx.user().write(mask, &allowed)?;
    Ok(8)
}

pub fn sched_setaffinity(cx: &mut Cx<'_>, tid: i32, size: u32, mask: u64) -> Result<u64> {
    let thread = cx.thread_by_id(tid)?;
    let mut bytes = [0u8; 8];
    let len = bytes.len().min(size as usize);
    cx.user().read_bytes(mask, &mut bytes[..len])?;
    cx.process.services().scheduler.set_affinity(thread.task(), u64::from_le_bytes(bytes))?;
    Ok(0)
}

/// Runs `each` on the threads that `which` and `who` name. ESRCH: none.
fn for_each_named(cx: &Cx<'_>, which: i32, who: i32, each: &mut dyn FnMut(&process::Thread) -> Result<()>) -> Result<()> {
    const PROCESS: i32 = 0;
    const GROUP: i32 = 1;
    const USER: i32 = 2;
    match which {
        PROCESS => return each(&*cx.thread_by_id(who)?),
        GROUP if who == 0 || who == cx.pid() => {}
        USER if who == 0 || who.cast_unsigned() == cx.uid() => {}
        GROUP | USER => return Err(Errno::ESRCH),
        _ => return Err(Errno::EINVAL),
    }
    cx.process.threads().iter().try_for_each(|thread| each(thread))
}

/// Returns 20 - nice: 1 to 40, so that no result looks like an error.
pub fn getpriority(cx: &mut Cx<'_>, which: i32, who: i32) -> Result<u64> {
    let mut best = i8::MAX;
    for_each_named(cx, which, who, &mut |thread| {
        best = best.min(thread.task().nice());
        Ok(())
    })?;
    Ok(u64::from((20 - i32::from(best)).unsigned_abs()))
}

pub fn setpriority(cx: &mut Cx<'_>, which: i32, who: i32, nice: i32) -> Result<u64> {
    let nice = nice.clamp(-20, 19) as i8;
    for_each_named(cx, which, who, &mut |thread| set_nice(cx, thread, nice))?;
    Ok(0)
}

/// EACCES for a lower value without CAP_SYS_NICE.
fn set_nice(cx: &Cx<'_>, thread: &process::Thread, nice: i8) -> Result<()> {
    if nice < thread.task().nice() && !cx.credentials().capable(CAP_SYS_NICE) {
        return Err(Errno::EACCES);
    }
    thread.task().set_nice(nice);
    Ok(())
}

/// Everybody runs under SCHED_OTHER: EPERM for the other policies, as Linux answers those without the right to them.
fn check_policy(policy: i32, priority: i32) -> Result<()> {
    match policy & !RESET_ON_FORK {
        OTHER if priority == 0 => Ok(()),
        OTHER => Err(Errno::EINVAL),
        other if POLICIES.contains(&other) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

pub fn sched_setscheduler(cx: &mut Cx<'_>, tid: i32, policy: i32, param: u64) -> Result<u64> {
    cx.thread_by_id(tid)?;
    check_policy(policy, cx.user().read(param)?)?;
    Ok(0)
}

pub fn sched_getscheduler(cx: &mut Cx<'_>, tid: i32) -> Result<u64> {
    cx.thread_by_id(tid)?;
    Ok(u64::from(OTHER.unsigned_abs()))
}

pub fn sched_setparam(cx: &mut Cx<'_>, tid: i32, param: u64) -> Result<u64> {
    sched_setscheduler(cx, tid, OTHER, param)
}

pub fn sched_getparam(cx: &mut Cx<'_>, tid: i32, param: u64) -> Result<u64> {
    cx.thread_by_id(tid)?;
    cx.user().write(param, &0i32)?;
    Ok(0)
}

pub fn sched_get_priority_max(_cx: &mut Cx<'_>, policy: i32) -> Result<u64> {
    match policy {
        1 | 2 => Ok(99),
        policy if POLICIES.contains(&policy) => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub fn sched_get_priority_min(_cx: &mut Cx<'_>, policy: i32) -> Result<u64> {
    match policy {
        1 | 2 => Ok(1),
        policy if POLICIES.contains(&policy) => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub fn sched_rr_get_interval(cx: &mut Cx<'_>, tid: i32, interval: u64) -> Result<u64> {
    cx.thread_by_id(tid)?;
    cx.user().write(interval, &ns_to_timespec(sched::SLICE_NS))?;
    Ok(0)
}

pub fn sched_setattr(cx: &mut Cx<'_>, tid: i32, attr: u64, flags: u32) -> Result<u64> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let raw: SchedAttr = cx.user().read(attr)?;
    // 0 stands for the first version.
    if raw.size != 0 && raw.size < size_of::<SchedAttr>() as u32 {
        return Err(Errno::EINVAL);
    }
    let thread = cx.thread_by_id(tid)?;
    check_policy(raw.policy.cast_signed(), raw.priority.cast_signed())?;
    set_nice(cx, &thread, raw.nice.clamp(-20, 19) as i8)?;
    Ok(0)
}

pub fn sched_getattr(cx: &mut Cx<'_>, tid: i32, attr: u64, size: u32, flags: u32) -> Result<u64> {
    const SIZE: u32 = size_of::<SchedAttr>() as u32;
    if flags != 0 || !(SIZE..=4096).contains(&size) {
        return Err(Errno::EINVAL);
    }
    let nice = cx.thread_by_id(tid)?.task().nice();
    cx.user().write(attr, &SchedAttr { size: SIZE, nice: nice.into(), ..SchedAttr::default() })?;
    Ok(0)
}

/// Class and level in one number (ioprio_set(2)).
fn check_ioprio(which: i32, priority: i32) -> Result<()> {
    if (1..=3).contains(&which) && (0..=3).contains(&(priority >> 13)) { Ok(()) } else { Err(Errno::EINVAL) }
}

pub fn ioprio_set(cx: &mut Cx<'_>, which: i32, who: i32, priority: i32) -> Result<u64> {
    check_ioprio(which, priority)?;
    // The three kinds are setpriority's, counted from one.
    for_each_named(cx, which - 1, who, &mut |_| Ok(()))?;
    Ok(0)
}

/// IOPRIO_CLASS_NONE always: nothing here waits for a disk.
pub fn ioprio_get(cx: &mut Cx<'_>, which: i32, who: i32) -> Result<u64> {
    check_ioprio(which, 0)?;
    for_each_named(cx, which - 1, who, &mut |_| Ok(()))?;
    Ok(0)
}
