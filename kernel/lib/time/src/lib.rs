//! Clocks and timer queues.
//!
//! [`Clock`] is what every library that needs the time is handed; [`Timekeeper`] is the one the machine builds, from a cycle counter and
//! a [`Rate`]. [`TimerQueue`] keeps deadlines and wakes a [`core::task::Waker`] when one has passed; the machine calls
//! [`TimerQueue::expire`] from its timer interrupt and programs [`TimerQueue::next_deadline`]. [`convert`] turns the application's
//! structures into nanoseconds and back, [`Periodic`] counts what an interval timer has missed. [`calibrate`] and [`pvclock`] are
//! pure arithmetic for finding the counter's rate.
//!
//! Every time in here is in nanoseconds: monotonic since boot, real time since 1970-01-01 UTC, 64 bits (584 years).
//!
//! Neighbours: `sched` (sleeps), `timerfd`, `signal` (POSIX timers), `arch` and `plat` (counters), `vfs` (time stamps).
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calibrate;
pub mod convert;
mod keeper;
mod periodic;
pub mod pvclock;
mod queue;

pub use calibrate::Rate;
pub use convert::{NS_PER_SEC, ns_to_timespec, ns_to_timeval, timespec_to_ns, timeval_to_ns};
pub use keeper::{Counter, Parameters, Timekeeper};
pub use periodic::Periodic;
pub use queue::{Timer, TimerQueue};

use uapi::types::Timespec;
use wait::WaitQueue;

/// The machine's clocks.
pub trait Clock: Send + Sync {
    /// CLOCK_MONOTONIC: nanoseconds since boot. Never goes backwards on any CPU.
    fn monotonic_ns(&self) -> u64;

    /// CLOCK_REALTIME: nanoseconds since 1970-01-01 UTC.
    fn realtime_ns(&self) -> u64;

    /// clock_settime(2) for CLOCK_REALTIME.
    fn set_realtime_ns(&self, ns: u64);

    /// How often the real-time clock has been set (TFD_TIMER_CANCEL_ON_SET compares it).
    fn realtime_changes(&self) -> u64 {
        0
    }

    /// Woken (with [`wait::Events::PRI`]) when the real-time clock has been set; `None` when that never happens. Sleepers until an
    /// absolute real time look again.
    fn realtime_set(&self) -> Option<&WaitQueue> {
        None
    }

    /// [`realtime_ns`](Self::realtime_ns) as the structure that inodes carry.
    fn now(&self) -> Timespec {
        ns_to_timespec(self.realtime_ns())
    }
}

/// The monotonic time at which the real-time clock will show `realtime_ns` if nobody sets it; what has passed already is `now`.
pub fn realtime_to_monotonic(clock: &dyn Clock, realtime_ns: u64) -> u64 {
    let ahead = realtime_ns.saturating_sub(clock.realtime_ns());
    clock.monotonic_ns().saturating_add(ahead)
}

#[cfg(any(test, feature = "testing"))]
pub mod testing;
