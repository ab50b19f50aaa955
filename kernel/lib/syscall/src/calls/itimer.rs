//! Interval timers: setitimer(2), alarm(2).

use crate::Cx;
use signal::{ItimerKind, ItimerValue};
use time::{NS_PER_SEC, ns_to_timeval, timeval_to_ns};
use uapi::types::Itimerval;
use uapi::{Errno, Result};

fn itimer_kind(which: i32) -> Result<ItimerKind> {
    match which {
        0 => Ok(ItimerKind::Real),
        1 => Ok(ItimerKind::Virtual),
        2 => Ok(ItimerKind::Prof),
        _ => Err(Errno::EINVAL),
    }
}

fn to_itimerval(value: ItimerValue) -> Itimerval {
    // What is left is rounded up: a running timer never shows zero.
    let left = value.value_ns.saturating_add(999);
    Itimerval { interval: ns_to_timeval(value.interval_ns), value: ns_to_timeval(if value.value_ns == 0 { 0 } else { left }) }
}

pub fn getitimer(cx: &mut Cx<'_>, which: i32, value: u64) -> Result<u64> {
    let now = cx.signals().interval_timers().get(itimer_kind(which)?, cx.process.cpu_times().own_ns);
    cx.user().write(value, &to_itimerval(now))?;
    Ok(0)
}

pub fn setitimer(cx: &mut Cx<'_>, which: i32, value: u64, old: u64) -> Result<u64> {
    // A null value disarms (setitimer(2), BUGS).
    let new = match cx.user().read_optional::<Itimerval>(value)? {
        Some(raw) => ItimerValue { value_ns: timeval_to_ns(raw.value)?, interval_ns: timeval_to_ns(raw.interval)? },
        None => ItimerValue::default(),
    };
    let before = cx.signals().interval_timers().set(itimer_kind(which)?, new, cx.process.cpu_times().own_ns);
    cx.cpu_timers_changed();
    cx.user().write_optional(old, &to_itimerval(before))?;
    Ok(0)
}

pub fn alarm(cx: &mut Cx<'_>, seconds: u32) -> Result<u64> {
    let new = ItimerValue { value_ns: u64::from(seconds) * NS_PER_SEC, interval_ns: 0 };
    let before = cx.signals().interval_timers().set(ItimerKind::Real, new, 0).value_ns;
    // Rounded to the nearest second, but an alarm that is set never reads as zero.
    let rounded = (before + NS_PER_SEC / 2) / NS_PER_SEC;
    Ok(if before > 0 { rounded.max(1) } else { 0 })
}
