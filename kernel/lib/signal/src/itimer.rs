//! Interval timers: setitimer(2), alarm(2).

use crate::{SigInfo, Signal, SignalGroup, Target};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use spinlock::Mutex;
use time::{Clock, Periodic, Timer, TimerQueue};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItimerKind {
    /// ITIMER_REAL: real time, SIGALRM.
    Real,
    /// ITIMER_VIRTUAL: the process's CPU time, SIGVTALRM. User and system time are not told apart here, both count.
    Virtual,
    /// ITIMER_PROF: the process's CPU time, SIGPROF.
    Prof,
}

/// Time to the next expiration and between later ones, nanoseconds; 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ItimerValue {
    /// To the next expiration; 0 disarms.
    pub value_ns: u64,
    /// Between expirations; 0 for one only.
    pub interval_ns: u64,
}

impl ItimerValue {
    fn start(self, now_ns: u64) -> Periodic {
        let next_ns = (self.value_ns > 0).then(|| now_ns.saturating_add(self.value_ns));
        Periodic { next_ns, interval_ns: self.interval_ns }
    }

    fn of(schedule: Periodic, now_ns: u64) -> Self {
        Self { value_ns: schedule.remaining_ns(now_ns), interval_ns: schedule.interval_ns }
    }
}

#[derive(Default)]
struct RealState {
    schedule: Periodic,
    timer: Option<Timer>,
}

struct Real {
    state: Mutex<RealState>,
    group: Weak<SignalGroup>,
    queue: TimerQueue,
    clock: Arc<dyn Clock>,
}

impl Real {
    fn arm(self: &Arc<Self>, state: &mut RealState) {
        state.timer = state.schedule.next_ns.map(|at| self.queue.arm(at, Waker::from(self.clone())));
    }
}

impl Wake for Real {
    fn wake(self: Arc<Self>) {
        {
            let mut state = self.state.lock();
            let fired = state.schedule.advance(self.clock.monotonic_ns()) > 0;
            self.arm(&mut state);
            if !fired {
                return;
            }
        }
        if let Some(group) = self.group.upgrade() {
            // The signal is a standard one: it is queued or coalesces.
            let _ = group.send(SigInfo::kernel(Signal::ALRM), Target::Process);
        }
    }
}

/// The three interval timers of a process.
pub struct IntervalTimers {
    real: Arc<Real>,
    cpu: Mutex<[Periodic; 2]>,
    cpu_armed: AtomicBool,
    group: Weak<SignalGroup>,
}

impl IntervalTimers {
    pub(crate) fn new(group: Weak<SignalGroup>, queue: TimerQueue, clock: Arc<dyn Clock>) -> Self {
        let real = Real { state: Mutex::default(), group: group.clone(), queue, clock };
        Self { real: Arc::new(real), cpu: Mutex::default(), cpu_armed: AtomicBool::new(false), group }
    }

    /// getitimer(2); `cpu_ns` is the process's CPU time now.
    pub fn get(&self, kind: ItimerKind, cpu_ns: u64) -> ItimerValue {
        match kind {
            ItimerKind::Real => ItimerValue::of(self.real.state.lock().schedule, self.real.clock.monotonic_ns()),
            ItimerKind::Virtual => ItimerValue::of(self.cpu.lock()[0], cpu_ns),
            ItimerKind::Prof => ItimerValue::of(self.cpu.lock()[1], cpu_ns),
        }
    }

    /// setitimer(2); returns what was set before.
    pub fn set(&self, kind: ItimerKind, new: ItimerValue, cpu_ns: u64) -> ItimerValue {
        let slot = match kind {
            ItimerKind::Real => {
                let now = self.real.clock.monotonic_ns();
                let mut state = self.real.state.lock();
                let old = ItimerValue::of(state.schedule, now);
                state.schedule = new.start(now);
                self.real.arm(&mut state);
                return old;
            }
            ItimerKind::Virtual => 0,
            ItimerKind::Prof => 1,
        };
        let mut cpu = self.cpu.lock();
        let old = ItimerValue::of(cpu[slot], cpu_ns);
        cpu[slot] = new.start(cpu_ns);
        self.cpu_armed.store(cpu.iter().any(|s| s.next_ns.is_some()), Ordering::Relaxed);
        old
    }

    /// Whether [`check_cpu`](Self::check_cpu) needs to be called now and then.
    pub fn cpu_armed(&self) -> bool {
        self.cpu_armed.load(Ordering::Relaxed)
    }

    /// Sends SIGVTALRM and SIGPROF when the process's CPU time has reached them.
    pub fn check_cpu(&self, cpu_ns: u64) {
        let fired = {
            let mut cpu = self.cpu.lock();
            let fired = [cpu[0].advance(cpu_ns) > 0, cpu[1].advance(cpu_ns) > 0];
            self.cpu_armed.store(cpu.iter().any(|s| s.next_ns.is_some()), Ordering::Relaxed);
            fired
        };
        let Some(group) = self.group.upgrade() else { return };
        for (fired, signal) in fired.into_iter().zip([Signal::VTALRM, Signal::PROF]) {
            if fired {
                let _ = group.send(SigInfo::kernel(signal), Target::Process);
            }
        }
    }
}
