//! The clock made from a cycle counter.

use crate::{Clock, Rate};
use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use spinlock::Mutex;
use wait::{Events, WaitQueue};

/// How the counter's value becomes time: `base_ns + (ticks - base_ticks) * mult / 2^shift`. What a vDSO page carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Counter value at which monotonic time was `base_ns`.
    pub base_ticks: u64,
    /// Monotonic nanoseconds at `base_ticks`.
    pub base_ns: u64,
    /// The counter's rate.
    pub rate: Rate,
    /// Real time minus monotonic time, in nanoseconds.
    pub realtime_offset_ns: u64,
}

impl Parameters {
    /// Monotonic nanoseconds at counter value `ticks`; values before the base (another CPU's counter lagging) give the base.
    pub fn monotonic_ns(&self, ticks: u64) -> u64 {
        self.at(ticks)
    }

    /// [`monotonic_ns`](Self::monotonic_ns) in place: for the clock that every switch of threads reads.
    #[inline(always)]
    fn at(&self, ticks: u64) -> u64 {
        self.base_ns.saturating_add(self.rate.scale(ticks.saturating_sub(self.base_ticks)))
    }
}

/// Told about changes of the parameters.
type Hook = Box<dyn Fn(&Parameters) + Send + Sync>;

/// A cycle counter that runs at a constant rate and is the same on all CPUs.
pub trait Counter: Send + Sync {
    /// Its value.
    fn ticks(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Counter for F {
    fn ticks(&self) -> u64 {
        self()
    }
}

/// [`Clock`] over a cycle counter. The rate can be refined while running:
/// time then goes on from where it was, at the new rate, and never backwards.
///
/// Readers take no lock (a sequence count around plain atomics); writers exclude each other.
pub struct Timekeeper<C> {
    counter: C,
    /// Odd while a writer changes the fields below.
    sequence: AtomicU64,
    base_ticks: AtomicU64,
    base_ns: AtomicU64,
    mult: AtomicU32,
    shift: AtomicU32,
    realtime_offset_ns: AtomicU64,
    changes: AtomicU64,
    writer: Mutex<()>,
    set: WaitQueue,
    on_change: spin::Once<Hook>,
}

impl<C: Counter> Timekeeper<C> {
    /// A clock that reads `base_ns` monotonic nanoseconds when the counter shows `base_ticks`, and `realtime_ns` at that moment.
    pub fn new(counter: C, base_ticks: u64, base_ns: u64, rate: Rate, realtime_ns: u64) -> Self {
        Self {
            counter,
            sequence: AtomicU64::new(0),
            base_ticks: AtomicU64::new(base_ticks),
            base_ns: AtomicU64::new(base_ns),
            mult: AtomicU32::new(rate.mult),
            shift: AtomicU32::new(rate.shift.min(63)),
            realtime_offset_ns: AtomicU64::new(realtime_ns.wrapping_sub(base_ns)),
            changes: AtomicU64::new(0),
            writer: Mutex::new(()),
            set: WaitQueue::new(),
            on_change: spin::Once::new(),
        }
    }

    /// Sets, once, what is told about every change of the parameters (a vDSO page's writer); called now with the present ones.
    pub fn set_on_change(&self, hook: Box<dyn Fn(&Parameters) + Send + Sync>) {
        let _alone = self.writer.lock();
        let hook = self.on_change.call_once(|| hook);
        hook(&self.load());
    }

    /// The parameters in force.
    pub fn parameters(&self) -> Parameters {
        self.consistent(|p| *p)
    }

    /// The counter's rate in force.
    pub fn rate(&self) -> Rate {
        self.parameters().rate
    }

    /// Goes on at `rate` from now. Shifts above 63 are refused by doing nothing.
    pub fn refine(&self, rate: Rate) {
        if rate.shift > 63 || rate.mult == 0 {
            return;
        }
        self.change(|old, ticks| Parameters {
            base_ticks: ticks,
            base_ns: old.monotonic_ns(ticks),
            rate,
            realtime_offset_ns: old.realtime_offset_ns,
        });
    }

    fn load(&self) -> Parameters {
        Parameters {
            base_ticks: self.base_ticks.load(Ordering::Relaxed),
            base_ns: self.base_ns.load(Ordering::Relaxed),
            rate: Rate { mult: self.mult.load(Ordering::Relaxed), shift: self.shift.load(Ordering::Relaxed) },
            realtime_offset_ns: self.realtime_offset_ns.load(Ordering::Relaxed),
        }
    }

    /// `read` applied to parameters that belong together. It may run more than once; a counter read inside it lies before any change
    /// that it has not seen, which is what keeps time from going backwards across a change.
    fn consistent<T>(&self, read: impl Fn(&Parameters) -> T) -> T {
        loop {
            let before = self.sequence.load(Ordering::Acquire);
            if before & 1 == 0 {
                let value = read(&self.load());
                fence(Ordering::Acquire);
                if self.sequence.load(Ordering::Relaxed) == before {
                    return value;
                }
            }
            core::hint::spin_loop();
        }
    }

    fn change(&self, compute: impl FnOnce(Parameters, u64) -> Parameters) {
        let _alone = self.writer.lock();
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let new = compute(self.load(), self.counter.ticks());
        self.base_ticks.store(new.base_ticks, Ordering::Relaxed);
        self.base_ns.store(new.base_ns, Ordering::Relaxed);
        self.mult.store(new.rate.mult, Ordering::Relaxed);
        self.shift.store(new.rate.shift, Ordering::Relaxed);
        self.realtime_offset_ns.store(new.realtime_offset_ns, Ordering::Relaxed);
        self.sequence.store(sequence + 2, Ordering::Release);
        if let Some(hook) = self.on_change.get() {
            hook(&new);
        }
    }
}

impl<C: Counter> Clock for Timekeeper<C> {
    #[inline]
    fn monotonic_ns(&self) -> u64 {
        self.consistent(|p| p.at(self.counter.ticks()))
    }

    fn realtime_ns(&self) -> u64 {
        self.consistent(|p| p.monotonic_ns(self.counter.ticks()).wrapping_add(p.realtime_offset_ns))
    }

    fn set_realtime_ns(&self, ns: u64) {
        self.change(|old, ticks| Parameters { realtime_offset_ns: ns.wrapping_sub(old.monotonic_ns(ticks)), ..old });
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.set.wake(Events::PRI);
    }

    fn realtime_changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn realtime_set(&self) -> Option<&WaitQueue> {
        Some(&self.set)
    }
}
