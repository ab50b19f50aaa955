//! Timers as files (timerfd_create(2)).
//!
//! [`TimerFd`] is the whole library. How often it has expired is computed from the clock when somebody asks; the timer queue only tells
//! waiters that it is time to ask. A periodic timer is armed again when it is read, as on Linux.
//!
//! Neighbours: `time` (clock, timer queue), `file`, `syscall`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::task::Wake;
use core::any::Any;
use file::{Events, File, FileType, OpenFlags, Registration, SeekFrom, Share, Sink, Stat, WaitQueue};
use spinlock::Mutex;
use time::{Clock, Periodic, Timer, TimerQueue, realtime_to_monotonic};
use uapi::{Errno, Result};

/// The clock a timerfd counts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// CLOCK_MONOTONIC and CLOCK_BOOTTIME (the machine never sleeps), with or without `_ALARM`.
    Monotonic,
    /// CLOCK_REALTIME, CLOCK_REALTIME_ALARM.
    Realtime,
}

/// What timerfd_settime(2)'s first expiration counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From now, unmoved by settings of the clock.
    Relative,
    /// TFD_TIMER_ABSTIME.
    Absolute,
    /// TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET: reads fail once with ECANCELED when the real-time clock is set.
    AbsoluteCancelOnSet,
}

/// `struct itimerspec` in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Setting {
    /// The first (or next) expiration; 0 is disarmed.
    pub value_ns: u64,
    /// Between expirations; 0 is one-shot.
    pub interval_ns: u64,
}

#[derive(Default)]
struct State {
    schedule: Periodic,
    /// The clock that `schedule` is on: absolute real-time timers move when that clock is set, relative ones do not.
    on_realtime: bool,
    cancel_on_set: bool,
    /// [`Clock::realtime_changes`] when last looked at.
    changes_seen: u64,
    timer: Option<Timer>,
    clock_set: Option<Registration>,
}

struct Core {
    clock: Arc<dyn Clock>,
    timers: TimerQueue,
    state: Mutex<State>,
    queue: WaitQueue,
}

/// A timerfd.
pub struct TimerFd {
    core: Arc<Core>,
    base: Base,
    stat: Stat,
}

impl TimerFd {
    /// timerfd_create(2), disarmed. `inode` is what fstat(2) shows, as far as the caller knows it.
    pub fn new(base: Base, clock: Arc<dyn Clock>, timers: TimerQueue, inode: Stat) -> Arc<TimerFd> {
        let stat = Stat { kind: FileType::Anonymous, mode: 0o600, nlink: 1, block_size: 4096, ..inode };
        let core = Core { clock, timers, state: Mutex::default(), queue: WaitQueue::new() };
        Arc::new(TimerFd { core: Arc::new(core), base, stat })
    }

    /// timerfd_settime(2): forgets expirations not yet read; the previous setting.
    pub fn set(&self, start: Start, new: Setting) -> Setting {
        let core = &self.core;
        let mut fresh = State { changes_seen: core.clock.realtime_changes(), ..State::default() };
        fresh.on_realtime = self.base == Base::Realtime && start != Start::Relative;
        fresh.cancel_on_set = fresh.on_realtime && start == Start::AbsoluteCancelOnSet;
        let first = match start {
            Start::Relative => core.clock.monotonic_ns().saturating_add(new.value_ns),
            Start::Absolute | Start::AbsoluteCancelOnSet => new.value_ns,
        };
        fresh.schedule = Periodic { next_ns: (new.value_ns != 0).then_some(first), interval_ns: new.interval_ns };
        if let (true, Some(queue)) = (fresh.on_realtime, core.clock.realtime_set()) {
            let waker = Arc::new(ClockSet(core.clone())).into();
            fresh.clock_set = Some(queue.register(Events::PRI, Share::All, waker));
        }
        let (previous, old) = {
            let mut state = core.state.lock();
            let previous = core.setting(&state);
            let old = core::mem::replace(&mut *state, fresh);
            core.arm(&mut state);
            (previous, old)
        };
        drop(old);
        previous
    }

    /// timerfd_gettime(2): time until the next expiration, and the interval.
    pub fn get(&self) -> Setting {
        self.core.setting(&self.core.state.lock())
    }
}

impl Core {
    /// Now, on the clock that the schedule is on.
    fn now(&self, state: &State) -> u64 {
        if state.on_realtime { self.clock.realtime_ns() } else { self.clock.monotonic_ns() }
    }

    fn setting(&self, state: &State) -> Setting {
        let now = self.now(state);
        let mut ahead = state.schedule;
        ahead.advance(now);
        Setting { value_ns: ahead.remaining_ns(now), interval_ns: ahead.interval_ns }
    }

    fn arm(self: &Arc<Self>, state: &mut State) {
        state.timer = state.schedule.next_ns.map(|next| {
            let deadline = if state.on_realtime { realtime_to_monotonic(&*self.clock, next) } else { next };
            self.timers.arm(deadline, self.clone().into())
        });
    }

    fn cancelled(&self, state: &State) -> bool {
        state.cancel_on_set && state.changes_seen != self.clock.realtime_changes()
    }
}

/// The timer queue's waker: it is time.
impl Wake for Core {
    fn wake(self: Arc<Self>) {
        self.queue.wake(Events::READABLE);
    }
}

/// The waker for settings of the real-time clock: the deadline has moved.
struct ClockSet(Arc<Core>);

impl Wake for ClockSet {
    fn wake(self: Arc<Self>) {
        self.0.arm(&mut self.0.state.lock());
        self.0.queue.wake(Events::READABLE);
    }
}

impl File for TimerFd {
    /// The number of expirations since the last read or setting, 8 bytes. EAGAIN: none. EINVAL: room for less. ECANCELED: the clock was set.
    fn read(&self, dst: &mut dyn Sink, _flags: OpenFlags) -> Result<usize> {
        if dst.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let count = {
            let mut state = self.core.state.lock();
            if self.core.cancelled(&state) {
                state.changes_seen = self.core.clock.realtime_changes();
                return Err(Errno::ECANCELED);
            }
            let now = self.core.now(&state);
            let count = state.schedule.advance(now);
            if count == 0 {
                return Err(Errno::EAGAIN);
            }
            self.core.arm(&mut state);
            count
        };
        if dst.put(&count.to_ne_bytes())? == 8 { Ok(8) } else { Err(Errno::EFAULT) }
    }

    /// There are no offsets, and yet no complaint: Linux's noop_llseek.
    fn seek(&self, _to: SeekFrom) -> Result<u64> {
        Ok(0)
    }

    fn poll(&self) -> Events {
        let state = self.core.state.lock();
        let due = state.schedule.next_ns.is_some_and(|next| next <= self.core.now(&state));
        let mut ready = Events::empty();
        ready.set(Events::IN, due || self.core.cancelled(&state));
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.core.queue)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.stat)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for TimerFd {
    fn drop(&mut self) {
        // The armed timer and the registration own the core until this.
        let old = core::mem::take(&mut *self.core.state.lock());
        drop(old);
    }
}

#[cfg(test)]
mod tests;
