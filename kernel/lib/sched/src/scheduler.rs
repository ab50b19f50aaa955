//! Which task runs where, and when it stops.

use crate::dispatch::{allowed, charge};
#[cfg(any(test, feature = "threads"))]
use crate::queue::Queue;
#[cfg(not(any(test, feature = "threads")))]
use crate::single::Queue;
use crate::{Context, Machine, SLICE_NS, Task};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use spinlock::Mutex;
use time::TimerQueue;
use uapi::{Errno, Result};

/// Whether there is code for more than one CPU.
pub(crate) const SMP: bool = cfg!(any(test, feature = "smp"));

/// Whether there is code for more than one task.
pub(crate) const THREADS: bool = cfg!(any(test, feature = "threads"));

/// No deadline.
pub(crate) const NEVER: u64 = u64::MAX;

/// Why [`Scheduler::block`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// Somebody woke the task (or had, before it slept).
    Woken,
    /// The deadline passed.
    TimedOut,
}

/// Why the running task gives up its CPU.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    Preempted,
    Yielded,
    Blocked,
    Dead,
}

/// What becomes of the task that a CPU has left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It is queued already, or somebody will wake it, or it is dead.
    Nothing,
    /// It may not run here any more and is to be queued on another CPU.
    Migrate,
}

#[derive(Default)]
pub(crate) struct Cpu {
    pub(crate) queue: Mutex<Queue>,
    /// Length of `queue`, readable without its lock.
    pub(crate) ready: AtomicUsize,
    pub(crate) current: Mutex<Option<Arc<Task>>>,
    /// The task this CPU is switching away from, kept alive until its registers are saved.
    pub(crate) left: Mutex<Option<(Arc<Task>, After)>>,
    /// The boot flow: runs only when a task must go to another CPU, or is dead, and nothing else is there to switch to.
    pub(crate) fallback: Mutex<Option<Arc<Task>>>,
    pub(crate) need_resched: AtomicBool,
    pub(crate) idle: AtomicBool,
    /// What the machine's timer is set to.
    pub(crate) programmed_ns: AtomicU64,
    /// End of the running task's slice, if others are waiting.
    pub(crate) slice_end_ns: AtomicU64,
    pub(crate) idle_ns: AtomicU64,
    /// When the present idle time began, [`NEVER`] outside of one.
    pub(crate) idle_since_ns: AtomicU64,
    pub(crate) switches: AtomicU64,
}

impl Cpu {
    /// The running task is to give way at its next kernel exit.
    pub(crate) fn end_turn(&self) {
        self.need_resched.store(true, Ordering::Relaxed);
        self.raise_attention();
    }

    /// The running task is to look what there is for it at its next kernel exit.
    fn raise_attention(&self) {
        if let Some(task) = self.current.lock().as_ref() {
            task.attention().raise();
        }
    }
}

/// The scheduler of all CPUs.
pub struct Scheduler {
    pub(crate) machine: Arc<dyn Machine>,
    timers: TimerQueue,
    pub(crate) cpus: Box<[Cpu]>,
    next_id: AtomicU64,
    /// How many want the running task's CPU time looked at every slice (CPU-time timers).
    pub(crate) tick_users: AtomicUsize,
}

impl Scheduler {
    /// A scheduler for `machine.cpu_count()` CPUs; takes over the hook of `timers` that tells of an earlier deadline.
    pub fn new(machine: Arc<dyn Machine>, timers: TimerQueue) -> Arc<Self> {
        let count = if SMP { machine.cpu_count().clamp(1, 64) } else { 1 };
        let cpus: Vec<Cpu> = (0..count).map(|_| Cpu::default()).collect();
        for cpu in &cpus {
            cpu.programmed_ns.store(NEVER, Ordering::Relaxed);
            cpu.idle_since_ns.store(NEVER, Ordering::Relaxed);
        }
        let scheduler =
            Arc::new(Self { machine, timers, cpus: cpus.into_boxed_slice(), next_id: AtomicU64::new(1), tick_users: AtomicUsize::new(0) });
        let weak = Arc::downgrade(&scheduler);
        scheduler.timers.set_on_earlier(Box::new(move |deadline| {
            if let Some(scheduler) = Weak::upgrade(&weak) {
                scheduler.program(scheduler.here(), deadline);
            }
        }));
        scheduler
    }

    /// The timers that [`tick`](Self::tick) expires.
    pub fn timers(&self) -> &TimerQueue {
        &self.timers
    }

    /// Nanoseconds on the monotonic clock.
    pub fn now_ns(&self) -> u64 {
        self.machine.now_ns()
    }

    /// CPUs that take part.
    pub fn cpu_count(&self) -> usize {
        self.cpus.len()
    }

    /// The CPU that executes the call. Only where there are several is the machine asked.
    #[inline]
    pub(crate) fn cpu_id(&self) -> usize {
        if self.several() { self.machine.cpu_id() } else { 0 }
    }

    /// Whether more than one CPU takes part.
    #[inline]
    pub(crate) fn several(&self) -> bool {
        SMP && self.cpus.len() > 1
    }

    #[inline]
    fn here(&self) -> &Cpu {
        &self.cpus[self.cpu_id()]
    }

    /// A task that will run on `context` once it is handed to [`start`](Self::start).
    pub fn create(self: &Arc<Self>, context: Box<dyn Context>) -> Arc<Task> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Arc::new(Task::new(id, context, Arc::downgrade(self), self.cpu_id()))
    }

    /// Puts a new task on a run queue.
    pub fn start(&self, task: &Arc<Task>) {
        self.enqueue_woken(task);
    }

    /// Makes the calling flow, whose stack is `boot`, hand over its CPU to the tasks. Its stack must stay.
    pub fn run(self: &Arc<Self>, boot: Box<dyn Context>) -> ! {
        self.adopt(boot);
        loop {
            self.rest();
        }
    }

    /// What a fallback task does, for ever: hands the CPU over. [`run`](Self::run)'s second half.
    pub fn rest(&self) {
        self.give_way(Leave::Blocked);
    }

    /// The calling flow becomes this CPU's fallback task, and stays running for now: [`run`](Self::run)'s first half.
    pub fn adopt(self: &Arc<Self>, boot: Box<dyn Context>) {
        let task = self.create(boot);
        task.on_cpu.store(true, Ordering::Relaxed);
        task.since_ns.store(self.now_ns(), Ordering::Relaxed);
        let _ = task.begin_block();
        *self.here().fallback.lock() = Some(task.clone());
        *self.here().current.lock() = Some(task);
    }

    /// The task that executes the call; `None` before [`run`](Self::run).
    pub fn current(&self) -> Option<Arc<Task>> {
        self.here().current.lock().clone()
    }

    /// Whether the running task should give way at its next kernel exit. Its [`Task::attention`] is raised then.
    pub fn need_resched(&self) -> bool {
        THREADS && self.here().need_resched.load(Ordering::Relaxed)
    }

    /// Gives way to a task that has had less CPU time, if there is one (at kernel exit, when [`need_resched`](Self::need_resched)).
    pub fn preempt(&self) {
        self.give_way(Leave::Preempted);
    }

    fn give_way(&self, why: Leave) {
        if let Some(task) = self.current() {
            self.leave(task, why, self.now_ns());
        }
    }

    /// Gives way to every other ready task (sched_yield(2)).
    pub fn yield_now(&self) {
        if THREADS && self.here().ready.load(Ordering::Relaxed) > 0 {
            self.give_way(Leave::Yielded);
        }
    }

    /// Sleeps until somebody wakes the current task or `deadline` (monotonic nanoseconds) passes. Returns at once when it was woken since
    /// [`Task::clear_wake`]. No lock may be held.
    pub fn block(&self, deadline: Option<u64>) -> Wakeup {
        let Some(task) = self.current() else { return Wakeup::Woken };
        let _timer = match deadline {
            Some(at) if at <= self.now_ns() => return Wakeup::TimedOut,
            Some(at) => Some(self.timers.arm(at, task.waker())),
            None => None,
        };
        // Before anybody can wake and queue it: the queue's order depends on it.
        let now = self.now_ns();
        charge(&task, now);
        if task.begin_block() {
            self.leave(task, Leave::Blocked, now);
        }
        match deadline {
            Some(at) if at <= self.now_ns() => Wakeup::TimedOut,
            _ => Wakeup::Woken,
        }
    }

    /// Ends the current task; its context and payload are freed once the CPU has left its stack. Nothing on the caller's stack is dropped.
    pub fn exit_current(&self) -> ! {
        self.bury_current();
        loop {
            self.machine.idle();
        }
    }

    pub(crate) fn bury_current(&self) {
        if let Some(task) = self.here().current.lock().as_ref() {
            task.mark_dead();
        }
        self.give_way(Leave::Dead);
    }

    /// Makes a task that runs on another CPU enter the kernel soon, so that it notices what was left for it.
    pub fn kick(&self, task: &Task) {
        let at = task.cpu();
        if self.several() && task.on_cpu.load(Ordering::Acquire) && at != self.cpu_id() {
            self.machine.kick(at);
        }
    }

    /// Restricts a task to the CPUs in `mask` (sched_setaffinity(2)); EINVAL when none of them exists. If it is where it may not
    /// be, it moves: at once when it waits for its turn, at its next kernel exit (which is brought about) when it runs, when it wakes when it sleeps.
    pub fn set_affinity(&self, task: &Task, mask: u64) -> Result<()> {
        let existing = if self.cpus.len() >= 64 { u64::MAX } else { (1 << self.cpus.len()) - 1 };
        if mask & existing == 0 {
            return Err(Errno::EINVAL);
        }
        task.affinity.store(mask & existing, Ordering::Relaxed);
        let at = task.cpu();
        if !self.several() || allowed(task, at) {
            return Ok(());
        }
        let cpu = &self.cpus[at];
        let waiting = {
            let mut queue = cpu.queue.lock();
            let waiting = queue.remove(task);
            cpu.ready.store(queue.len(), Ordering::Relaxed);
            waiting
        };
        match waiting {
            Some(waiting) => self.enqueue_woken(&waiting),
            None if task.on_cpu.load(Ordering::Acquire) => {
                cpu.end_turn();
                self.kick(task);
            }
            None => {}
        }
        Ok(())
    }

    /// The machine's timer interrupt: expires timers, ends slices, programs the next deadline. Call [`preempt`](Self::preempt) afterwards,
    /// at the interrupt's exit, when [`need_resched`](Self::need_resched).
    pub fn tick(&self) {
        let cpu = self.here();
        cpu.programmed_ns.store(NEVER, Ordering::Relaxed);
        let now = self.now_ns();
        self.timers.expire(now);
        let mut next = self.timers.next_deadline().unwrap_or(NEVER);
        if !cpu.idle.load(Ordering::Relaxed) {
            if THREADS && cpu.ready.load(Ordering::Relaxed) > 0 {
                let slice_end = cpu.slice_end_ns.load(Ordering::Relaxed);
                if now >= slice_end {
                    cpu.end_turn();
                } else {
                    next = next.min(slice_end);
                }
            }
            if self.tick_users.load(Ordering::Relaxed) > 0 {
                next = next.min(now + SLICE_NS);
                cpu.raise_attention();
            }
        }
        self.program(cpu, next);
    }

    /// From now on (until as many [`drop_ticks`](Self::drop_ticks)) there is a tick at least every slice while tasks run, for CPU-time timers; each
    /// raises the running task's [`Task::attention`].
    pub fn want_ticks(&self) {
        self.tick_users.fetch_add(1, Ordering::Relaxed);
        self.program(self.here(), self.now_ns() + SLICE_NS);
        // The other CPUs program their own timers.
        let here = self.cpu_id();
        if self.several() {
            (0..self.cpus.len()).filter(|at| *at != here).for_each(|at| self.machine.kick(at));
        }
    }

    /// Takes back one [`want_ticks`](Self::want_ticks).
    pub fn drop_ticks(&self) {
        self.tick_users.fetch_sub(1, Ordering::Relaxed);
    }

    /// Nanoseconds that `cpu` spent without a task (/proc/stat, /proc/uptime); 0 for a CPU that does not exist.
    pub fn idle_ns(&self, cpu: usize) -> u64 {
        let Some(cpu) = self.cpus.get(cpu) else { return 0 };
        // Nothing is added at the time that means none.
        let present = self.now_ns().saturating_sub(cpu.idle_since_ns.load(Ordering::Relaxed));
        cpu.idle_ns.load(Ordering::Relaxed) + present
    }

    /// Nanoseconds that all CPUs together spent without a task.
    pub fn idle_all_ns(&self) -> u64 {
        (0..self.cpus.len()).map(|cpu| self.idle_ns(cpu)).sum()
    }

    /// Switches between tasks since boot (/proc/stat `ctxt`).
    pub fn switches(&self) -> u64 {
        self.cpus.iter().map(|cpu| cpu.switches.load(Ordering::Relaxed)).sum()
    }

    /// Tasks that are running or ready (/proc/loadavg).
    pub fn runnable(&self) -> usize {
        let busy = |cpu: &Cpu| usize::from(!cpu.idle.load(Ordering::Relaxed) && cpu.current.lock().is_some());
        self.cpus.iter().map(|cpu| cpu.ready.load(Ordering::Relaxed) + busy(cpu)).sum()
    }

    /// Sets this CPU's timer, unless it will fire early enough anyway: a deadline that went away costs one idle interrupt, far less
    /// than setting the timer back each time.
    pub(crate) fn program(&self, cpu: &Cpu, deadline: u64) {
        if deadline < cpu.programmed_ns.load(Ordering::Relaxed) {
            cpu.programmed_ns.store(deadline, Ordering::Relaxed);
            self.machine.set_deadline(Some(deadline));
        }
    }
}
