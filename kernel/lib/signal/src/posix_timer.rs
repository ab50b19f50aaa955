//! POSIX timers: timer_create(2) and its family.
//!
//! As on Linux a timer whose signal waits to be taken is not armed again until it is taken; what it missed meanwhile is its overrun count.

use crate::group::Sent;
use crate::{SigInfo, Signal, SignalGroup, Target, ThreadSignals, TimerSpec};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use spinlock::Mutex;
use time::{Clock, Periodic, Timer, TimerQueue};
use uapi::{Errno, Result};

/// Timers a process may have; beyond it timer_create gives EAGAIN.
const MAX_TIMERS: usize = 4096;
/// How often at most a timer whose signal is ignored is looked at.
const IGNORED_PERIOD_NS: u64 = 1_000_000;

/// What a timer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerClock {
    /// CLOCK_MONOTONIC, CLOCK_BOOTTIME.
    Monotonic,
    /// CLOCK_REALTIME. Absolute times are turned into monotonic ones when set; setting the clock later does not move them.
    Realtime,
    /// CLOCK_PROCESS_CPUTIME_ID.
    ProcessCpu,
    /// CLOCK_THREAD_CPUTIME_ID of the thread with this id.
    ThreadCpu(i32),
}

impl TimerClock {
    fn is_cpu(self) -> bool {
        matches!(self, TimerClock::ProcessCpu | TimerClock::ThreadCpu(_))
    }
}

/// What happens on expiration (sigevent(7)).
#[derive(Clone)]
pub enum Notify {
    /// SIGEV_NONE.
    None,
    /// SIGEV_SIGNAL (and SIGEV_THREAD, which C libraries build on SIGEV_THREAD_ID).
    Process(Signal),
    /// SIGEV_THREAD_ID.
    Thread(Signal, Weak<ThreadSignals>),
}

#[derive(Default)]
struct State {
    schedule: Periodic,
    timer: Option<Timer>,
    /// Its signal waits to be taken.
    queued: bool,
    missed: u64,
    /// timer_getoverrun(2).
    last_overrun: i32,
}

struct PosixTimer {
    id: i32,
    counts: TimerClock,
    notify: Notify,
    value: u64,
    state: Mutex<State>,
    group: Weak<SignalGroup>,
    queue: TimerQueue,
    clock: Arc<dyn Clock>,
}

impl PosixTimer {
    fn arm(self: &Arc<Self>, state: &mut State) {
        state.timer = match state.schedule.next_ns {
            Some(at) if !self.counts.is_cpu() && !state.queued && !matches!(self.notify, Notify::None) => {
                Some(self.queue.arm(at, Waker::from(self.clone())))
            }
            _ => None,
        };
    }

    /// The clock it counts has reached `now_ns`.
    fn expire(self: &Arc<Self>, now_ns: u64) {
        {
            let mut state = self.state.lock();
            let count = state.schedule.advance(now_ns);
            if count == 0 || state.queued {
                state.missed = state.missed.saturating_add(count);
                self.arm(&mut state);
                return;
            }
            state.missed = count - 1;
            state.queued = !matches!(self.notify, Notify::None);
            state.timer = None;
        }
        if self.notify() == Sent::Ignored {
            let mut state = self.state.lock();
            state.queued = false;
            if let Some(next) = state.schedule.next_ns.as_mut().filter(|_| !self.counts.is_cpu()) {
                *next = (*next).max(now_ns.saturating_add(IGNORED_PERIOD_NS));
            }
            self.arm(&mut state);
        }
    }

    fn notify(&self) -> Sent {
        let Some(group) = self.group.upgrade() else { return Sent::Ignored };
        let info = |signal| SigInfo::timer(signal, self.id, 0, self.value);
        let sent = match &self.notify {
            Notify::None => return Sent::Queued,
            Notify::Process(signal) => group.send(info(*signal), Target::Process),
            Notify::Thread(signal, thread) => match thread.upgrade() {
                Some(thread) => group.send(info(*signal), Target::Thread(&thread)),
                None => return Sent::Ignored,
            },
        };
        sent.unwrap_or(Sent::Ignored)
    }

    fn delivered(self: &Arc<Self>, info: &mut SigInfo) {
        let mut state = self.state.lock();
        state.queued = false;
        if !self.counts.is_cpu() {
            let now = self.clock.monotonic_ns();
            let more = state.schedule.advance(now);
            state.missed = state.missed.saturating_add(more);
        }
        state.last_overrun = i32::try_from(core::mem::take(&mut state.missed)).unwrap_or(i32::MAX);
        info.set_overrun(state.last_overrun);
        self.arm(&mut state);
    }
}

impl Wake for PosixTimer {
    fn wake(self: Arc<Self>) {
        self.expire(self.clock.monotonic_ns());
    }
}

/// The POSIX timers of a process, by id.
pub struct PosixTimers {
    timers: Mutex<Vec<Option<Arc<PosixTimer>>>>,
    /// How many count CPU time.
    cpu_timers: AtomicUsize,
    group: Weak<SignalGroup>,
    queue: TimerQueue,
    clock: Arc<dyn Clock>,
}

impl PosixTimers {
    pub(crate) fn new(group: Weak<SignalGroup>, queue: TimerQueue, clock: Arc<dyn Clock>) -> Self {
        Self { timers: Mutex::default(), cpu_timers: AtomicUsize::new(0), group, queue, clock }
    }

    fn get(&self, id: i32) -> Result<Arc<PosixTimer>> {
        let timers = self.timers.lock();
        let slot = usize::try_from(id).ok().and_then(|i| timers.get(i));
        slot.and_then(Clone::clone).ok_or(Errno::EINVAL)
    }

    /// timer_create(2): a disarmed timer's id. `value` is `sigev_value`; `None` stands for the id (a null sigevent). EAGAIN: too many.
    pub fn create(&self, counts: TimerClock, notify: Notify, value: Option<u64>) -> Result<i32> {
        let mut timers = self.timers.lock();
        let free = timers.iter().position(Option::is_none).unwrap_or(timers.len());
        let id = i32::try_from(free).ok().filter(|_| free < MAX_TIMERS).ok_or(Errno::EAGAIN)?;
        let timer = Arc::new(PosixTimer {
            id,
            counts,
            notify,
            value: value.unwrap_or(free as u64),
            state: Mutex::default(),
            group: self.group.clone(),
            queue: self.queue.clone(),
            clock: self.clock.clone(),
        });
        match timers.get_mut(free) {
            Some(slot) => *slot = Some(timer),
            None => timers.push(Some(timer)),
        }
        if counts.is_cpu() {
            self.cpu_timers.fetch_add(1, Ordering::Relaxed);
        }
        Ok(id)
    }

    /// What the timer counts, so that the caller can look its clock up; EINVAL for an id that is none.
    pub fn clock_of(&self, id: i32) -> Result<TimerClock> {
        Ok(self.get(id)?.counts)
    }

    fn now(&self, timer: &PosixTimer, cpu_ns: u64) -> u64 {
        if timer.counts.is_cpu() { cpu_ns } else { self.clock.monotonic_ns() }
    }

    /// timer_settime(2); `absolute` is TIMER_ABSTIME's absolute time instead of `spec.value_ns`. `cpu_ns` is the CPU clock it counts, now
    /// (unused for other clocks). Returns the old setting.
    pub fn set(&self, id: i32, spec: TimerSpec, start: Start, cpu_ns: u64) -> Result<TimerSpec> {
        let timer = self.get(id)?;
        let now = self.now(&timer, cpu_ns);
        let next_ns = match (spec.value_ns, start, timer.counts) {
            (0, ..) => None,
            (value, Start::Relative, _) => Some(now.saturating_add(value)),
            (value, Start::Absolute, TimerClock::Realtime) => Some(time::realtime_to_monotonic(&*self.clock, value)),
            (value, Start::Absolute, _) => Some(value),
        };
        let old = {
            let mut state = timer.state.lock();
            let old = setting(&state, now);
            state.schedule = Periodic { next_ns, interval_ns: spec.interval_ns };
            (state.queued, state.missed, state.last_overrun) = (false, 0, 0);
            old
        };
        // A signal of the old setting that nobody has taken yet is void.
        if let Some(group) = self.group.upgrade() {
            group.discard_timer(id);
        }
        if !timer.counts.is_cpu() && next_ns.is_some_and(|at| at <= now) {
            // The signal is there when the call returns, not with the next interrupt.
            timer.expire(now);
        } else {
            let mut state = timer.state.lock();
            timer.arm(&mut state);
        }
        Ok(old)
    }

    /// timer_gettime(2).
    pub fn setting(&self, id: i32, cpu_ns: u64) -> Result<TimerSpec> {
        let timer = self.get(id)?;
        let now = self.now(&timer, cpu_ns);
        let state = timer.state.lock();
        Ok(setting(&state, now))
    }

    /// timer_getoverrun(2).
    pub fn overrun(&self, id: i32) -> Result<i32> {
        Ok(self.get(id)?.state.lock().last_overrun)
    }

    /// timer_delete(2).
    pub fn delete(&self, id: i32) -> Result<()> {
        let timer = self.get(id)?;
        if let Some(slot) = usize::try_from(id).ok().and_then(|i| self.timers.lock().get_mut(i).map(Option::take)) {
            drop(slot);
        }
        if timer.counts.is_cpu() {
            self.cpu_timers.fetch_sub(1, Ordering::Relaxed);
        }
        let armed = timer.state.lock().timer.take();
        drop(armed);
        if let Some(group) = self.group.upgrade() {
            group.discard_timer(id);
        }
        Ok(())
    }

    /// All of them (execve(2), the end of the process).
    pub fn delete_all(&self) {
        let count = self.timers.lock().len();
        for id in 0..i32::try_from(count).unwrap_or(0) {
            // Ids in between may be free.
            let _ = self.delete(id);
        }
    }

    /// Whether [`check_cpu`](Self::check_cpu) needs to be called now and then.
    pub fn cpu_armed(&self) -> bool {
        self.cpu_timers.load(Ordering::Relaxed) > 0
    }

    /// Expires timers on CPU clocks; `cpu_ns` reads one (`None`: the thread is gone).
    pub fn check_cpu(&self, cpu_ns: &dyn Fn(TimerClock) -> Option<u64>) {
        let due: Vec<_> = self.timers.lock().iter().flatten().filter(|t| t.counts.is_cpu()).cloned().collect();
        for timer in due {
            if let Some(now) = cpu_ns(timer.counts) {
                timer.expire(now);
            }
        }
    }

    /// A signal is being taken: if a timer sent it, fills in the overrun count and arms the timer again.
    pub(crate) fn delivered(&self, info: &mut SigInfo) {
        if let Some(timer) = info.timer_id().and_then(|id| self.get(id).ok()) {
            timer.delivered(info);
        }
    }
}

/// How [`PosixTimers::set`] reads the first expiration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From now.
    Relative,
    /// TIMER_ABSTIME: on the timer's clock.
    Absolute,
}

fn setting(state: &State, now_ns: u64) -> TimerSpec {
    // A copy: expirations that nobody has noticed yet stay to be counted.
    let mut schedule = state.schedule;
    schedule.advance(now_ns);
    TimerSpec { value_ns: schedule.remaining_ns(now_ns), interval_ns: schedule.interval_ns }
}
