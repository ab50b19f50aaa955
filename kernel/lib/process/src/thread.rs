//! One thread of a process.

use crate::{Process, Services, Trap};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use core::task::Waker;
use sched::{Context, Task};
use signal::{SignalSet, ThreadSignals};
use spinlock::Mutex;
use usermem::UserMemory;

/// Longest thread name with its NUL (TASK_COMM_LEN).
const NAME_BYTES: usize = 16;

/// A thread. Lives as long as its task runs, and as long as anybody holds it.
pub struct Thread {
    tid: AtomicI32,
    process: Arc<Process>,
    task: Arc<Task>,
    signals: Arc<ThreadSignals>,
    /// Where to write 0 and wake a futex at the end (set_tid_address(2)); 0 for nowhere.
    clear_child_tid: AtomicU64,
    /// Head of the robust futex list (set_robust_list(2)); 0 for none.
    robust_list: AtomicU64,
    name: Mutex<[u8; NAME_BYTES]>,
    /// Ends at its next kernel exit.
    leaving: AtomicBool,
    pub(crate) exit_code: AtomicI32,
    /// The trap behind the signal that is being delivered: signal frames show it.
    pub(crate) trap: Mutex<Trap>,
    started_ns: u64,
    system_calls: AtomicU64,
}

/// What wakes a thread when a signal is sent to it: its task, and the CPU that runs it.
struct Poke {
    task: Arc<Task>,
    services: Arc<Services>,
}

impl Wake for Poke {
    fn wake(self: Arc<Self>) {
        self.task.wake_by_ref();
        self.services.scheduler.kick(&self.task);
    }
}

impl Thread {
    /// A thread of `process` on `context`; it runs once [`start`](Self::start) is called.
    pub(crate) fn create(process: Arc<Process>, context: Box<dyn Context>, tid: i32, blocked: SignalSet) -> Arc<Self> {
        let services = process.services().clone();
        let task = services.scheduler.create(context);
        let signals = Arc::new(ThreadSignals::new(tid, blocked, task.attention().clone()));
        signals.set_waker(Waker::from(Arc::new(Poke { task: task.clone(), services: services.clone() })));
        let thread = Arc::new(Self {
            tid: AtomicI32::new(tid),
            process,
            task: task.clone(),
            signals,
            clear_child_tid: AtomicU64::new(0),
            robust_list: AtomicU64::new(0),
            name: Mutex::new([0; NAME_BYTES]),
            leaving: AtomicBool::new(false),
            exit_code: AtomicI32::new(0),
            trap: Mutex::default(),
            started_ns: services.clock.monotonic_ns(),
            system_calls: AtomicU64::new(0),
        });
        task.set_payload(thread.clone());
        services.platform.bind(task.context(), &thread);
        thread
    }

    /// Registers the thread everywhere and lets it run.
    pub fn start(self: &Arc<Self>) {
        self.process.signals().add_thread(self.signals.clone());
        self.process.add_thread(self.clone());
        self.services().register(self);
        self.services().scheduler.start(&self.task);
    }

    /// Its id (gettid(2)).
    pub fn tid(&self) -> i32 {
        self.tid.load(Ordering::Relaxed)
    }

    #[cfg(feature = "execve")]
    pub(crate) fn set_tid(&self, tid: i32) {
        self.tid.store(tid, Ordering::Relaxed);
        self.signals.set_tid(tid);
    }

    /// Its process.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// What all processes share.
    #[inline]
    pub fn services(&self) -> &Arc<Services> {
        self.process.services()
    }

    /// Its schedulable side: CPU time, nice value, affinity, waker.
    #[inline]
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Its signal mask, queue and alternate stack.
    #[inline]
    pub fn signals(&self) -> &Arc<ThreadSignals> {
        &self.signals
    }

    /// The application's memory (of the address space that is active).
    #[inline]
    pub fn user(&self) -> &'static dyn UserMemory {
        self.services().platform.user()
    }

    /// A waker that ends its sleep.
    #[inline]
    pub fn waker(&self) -> Waker {
        self.task.waker()
    }

    /// set_tid_address(2): where to write 0 and wake a futex at the end.
    pub fn set_clear_child_tid(&self, addr: u64) {
        self.clear_child_tid.store(addr, Ordering::Relaxed);
    }

    pub(crate) fn take_clear_child_tid(&self) -> u64 {
        self.clear_child_tid.swap(0, Ordering::Relaxed)
    }

    /// get_robust_list(2): the head's address, 0 for none.
    pub fn robust_list(&self) -> u64 {
        self.robust_list.load(Ordering::Relaxed)
    }

    /// set_robust_list(2).
    pub fn set_robust_list(&self, head: u64) {
        self.robust_list.store(head, Ordering::Relaxed);
    }

    /// Its name with NULs behind it (PR_GET_NAME, /proc/self/comm).
    pub fn name(&self) -> [u8; NAME_BYTES] {
        *self.name.lock()
    }

    /// Sets its name, cut to 15 bytes or the first NUL.
    pub fn set_name(&self, name: &[u8]) {
        let mut new = [0; NAME_BYTES];
        let len = name.iter().position(|b| *b == 0).unwrap_or(name.len()).min(NAME_BYTES - 1);
        new[..len].copy_from_slice(&name[..len]);
        *self.name.lock() = new;
    }

    /// Monotonic time at which it was created, nanoseconds.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// Counts a system call of its own.
    #[inline]
    pub fn count_system_call(&self) {
        // Nobody else counts here: no locked instruction is needed.
        self.system_calls.store(self.system_calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// System calls that it has made.
    pub fn system_calls(&self) -> u64 {
        self.system_calls.load(Ordering::Relaxed)
    }

    /// CPU time it has used, nanoseconds (CLOCK_THREAD_CPUTIME_ID).
    pub fn cpu_ns(&self) -> u64 {
        self.task.stats(self.services().scheduler.now_ns()).run_ns
    }

    /// Whether it ends at its next kernel exit; waits of any kind are given up.
    #[inline]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Makes it end at its next kernel exit.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.signals.poke();
    }
}
