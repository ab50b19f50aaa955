//! A schedulable flow of control.

use crate::{Context, Scheduler};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicI8, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use core::task::Waker;
use spinlock::Mutex;
use wait::Attention;

/// Running or waiting for a CPU, with no wake token.
const RUNNABLE: u8 = 0;
/// As [`RUNNABLE`], and somebody called wake since: the next block returns at once.
const NOTIFIED: u8 = 1;
/// Asleep until somebody calls wake.
const BLOCKED: u8 = 2;
/// Will never run again.
const DEAD: u8 = 3;

/// One task. Shared by its run queue, its wakers and its owner; freed, with its stack, when the last of them lets go.
pub struct Task {
    pub(crate) id: u64,
    pub(crate) context: Box<dyn Context>,
    pub(crate) scheduler: Weak<Scheduler>,
    state: AtomicU8,
    /// Set while some CPU executes on this task's stack, also between its leaving the queue and its registers being saved.
    pub(crate) on_cpu: AtomicBool,
    /// The CPU it runs on or ran on last.
    pub(crate) cpu: AtomicUsize,
    pub(crate) affinity: AtomicU64,
    nice: AtomicI8,
    /// Weighted run time in nanoseconds; changes only while the task is not in a queue.
    pub(crate) vruntime: AtomicU64,
    pub(crate) run_ns: AtomicU64,
    /// When it last got a CPU.
    pub(crate) since_ns: AtomicU64,
    pub(crate) voluntary: AtomicU64,
    pub(crate) involuntary: AtomicU64,
    payload: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    attention: Attention,
}

/// Counters of one task, as getrusage(2) and /proc report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskStats {
    /// CPU time used, nanoseconds.
    pub run_ns: u64,
    /// Switches away because it blocked.
    pub voluntary_switches: u64,
    /// Switches away while it could have gone on.
    pub involuntary_switches: u64,
}

impl Task {
    pub(crate) fn new(id: u64, context: Box<dyn Context>, scheduler: Weak<Scheduler>, cpu: usize) -> Self {
        Self {
            id,
            context,
            scheduler,
            state: AtomicU8::new(RUNNABLE),
            on_cpu: AtomicBool::new(false),
            cpu: AtomicUsize::new(cpu),
            affinity: AtomicU64::new(u64::MAX),
            nice: AtomicI8::new(0),
            vruntime: AtomicU64::new(0),
            run_ns: AtomicU64::new(0),
            since_ns: AtomicU64::new(0),
            voluntary: AtomicU64::new(0),
            involuntary: AtomicU64::new(0),
            payload: Mutex::new(None),
            attention: Attention::default(),
        }
    }

    /// Unique among all tasks of its scheduler.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The machine's context of this task.
    pub fn context(&self) -> &dyn Context {
        &*self.context
    }

    /// Hangs something on the task that lives until the task has left its stack for good: the thread that it runs.
    pub fn set_payload(&self, payload: Arc<dyn Any + Send + Sync>) {
        *self.payload.lock() = Some(payload);
    }

    /// What [`set_payload`](Self::set_payload) hung on it; `None` before that and after its end.
    pub fn payload(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.payload.lock().clone()
    }

    pub(crate) fn take_payload(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.payload.lock().take()
    }

    /// Raised when the task is to give way, or when time is up for its CPU-time timers; others may raise it for what they leave for the task.
    #[inline]
    pub fn attention(&self) -> &Attention {
        &self.attention
    }

    /// A waker that makes the task runnable. Costs one reference count.
    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(self.clone())
    }

    /// Forgets a wake that came before; call it before registering for the next wait.
    pub fn clear_wake(&self) {
        // Fails when there was none.
        let _ = self.state.compare_exchange(NOTIFIED, RUNNABLE, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Whether it will never run again.
    pub fn is_dead(&self) -> bool {
        self.state.load(Ordering::Acquire) == DEAD
    }

    /// Whether it sleeps until somebody wakes it ("S" in /proc; else "R").
    pub fn is_blocked(&self) -> bool {
        self.state.load(Ordering::Acquire) == BLOCKED
    }

    /// To asleep, unless a wake token is there: that is used up instead, and the answer is false.
    pub(crate) fn begin_block(&self) -> bool {
        match self.state.compare_exchange(RUNNABLE, BLOCKED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(_) => {
                self.clear_wake();
                false
            }
        }
    }

    /// Leaves a wake token, or ends the sleep: then the answer is true and the caller puts the task on a run queue.
    pub(crate) fn begin_wake(&self) -> bool {
        let mut seen = self.state.load(Ordering::Acquire);
        loop {
            let to = match seen {
                RUNNABLE => NOTIFIED,
                BLOCKED => RUNNABLE,
                _ => return false,
            };
            match self.state.compare_exchange_weak(seen, to, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return seen == BLOCKED,
                Err(now) => seen = now,
            }
        }
    }

    pub(crate) fn mark_dead(&self) {
        self.state.store(DEAD, Ordering::Release);
    }

    /// The CPU it runs on or ran on last (getcpu(2), sched_getcpu(3)).
    pub fn cpu(&self) -> usize {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Bit n set: may run on CPU n. CPUs beyond 63 are not used.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    /// Nice value, -20 (most CPU) to 19 (least).
    pub fn nice(&self) -> i8 {
        self.nice.load(Ordering::Relaxed)
    }

    /// Sets the nice value, cut to -20..=19 (setpriority(2)). Counts from the next time slice.
    pub fn set_nice(&self, nice: i8) {
        self.nice.store(nice.clamp(-20, 19), Ordering::Relaxed);
    }

    /// Begins as a thread that `parent` made: its nice value, its CPUs.
    pub fn inherit(&self, parent: &Task) {
        self.nice.store(parent.nice(), Ordering::Relaxed);
        self.affinity.store(parent.affinity(), Ordering::Relaxed);
    }

    /// CPU time and switches; `now_ns` counts in the slice that runs, if the task is running.
    pub fn stats(&self, now_ns: u64) -> TaskStats {
        let running = if self.on_cpu.load(Ordering::Relaxed) && !self.is_blocked() {
            now_ns.saturating_sub(self.since_ns.load(Ordering::Relaxed))
        } else {
            0
        };
        TaskStats {
            run_ns: self.run_ns.load(Ordering::Relaxed) + running,
            voluntary_switches: self.voluntary.load(Ordering::Relaxed),
            involuntary_switches: self.involuntary.load(Ordering::Relaxed),
        }
    }

    /// CPU time as the scheduler weighs it: `ns` of real time at nice 0 are `ns` of virtual time.
    pub(crate) fn weighted(&self, ns: u64) -> u64 {
        let nice = self.nice();
        if nice == 0 {
            return ns;
        }
        // Each step of nice is a factor of about 1.25, as on Linux (sched(7)).
        const INVERSE_WEIGHT: [u32; 40] = [
            12, 15, 18, 23, 29, 35, 44, 56, 70, 86, 107, 137, 169, 211, 265, 335, 419, 524, 656, 819, 1024, 1279, 1601, 1995, 2479, 3130,
            3855, 4877, 6096, 7654, 9532, 12053, 14980, 18079, 23302, 29127, 34953, 45591, 58254, 69905,
        ];
        let factor = usize::try_from(i16::from(nice) + 20).ok().and_then(|i| INVERSE_WEIGHT.get(i)).copied();
        ns.saturating_mul(u64::from(factor.unwrap_or(1024))) / 1024
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.begin_wake()
            && let Some(scheduler) = self.scheduler.upgrade()
        {
            scheduler.enqueue_woken(self);
        }
    }
}
