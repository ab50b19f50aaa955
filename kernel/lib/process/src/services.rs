//! What all processes of a machine share.

use crate::{Platform, Process, Thread};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use futex::FutexTable;
use sched::Scheduler;
use sortedmap::SortedMap;
use spinlock::Mutex;
use time::{Clock, TimerQueue};
use uapi::{Errno, Result};

/// The highest process or thread id plus one (/proc/sys/kernel/pid_max).
pub const PID_MAX: i32 = 1 << 22;

struct Ids {
    threads: SortedMap<i32, Weak<Thread>>,
    next: i32,
}

/// Clock, scheduler, futexes, ids.
pub struct Services {
    /// The machine.
    pub platform: Arc<dyn Platform>,
    /// Runs the threads.
    pub scheduler: Arc<Scheduler>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Wakes at times; the scheduler's queue.
    pub timers: TimerQueue,
    /// Where threads wait for words of memory.
    pub futexes: FutexTable,
    ids: Mutex<Ids>,
}

impl Services {
    /// With no process yet; the first gets id 1.
    pub fn new(platform: Arc<dyn Platform>, scheduler: Arc<Scheduler>, clock: Arc<dyn Clock>, futexes: FutexTable) -> Arc<Self> {
        let timers = scheduler.timers().clone();
        let ids = Mutex::new(Ids { threads: SortedMap::new(), next: 1 });
        Arc::new(Self { platform, scheduler, clock, timers, futexes, ids })
    }

    /// An id that nobody has; EAGAIN when there is none.
    pub(crate) fn allocate_id(&self) -> Result<i32> {
        let mut ids = self.ids.lock();
        for _ in 0..PID_MAX {
            let id = ids.next;
            // Linux starts over at 300 so that early daemons keep low numbers to themselves.
            ids.next = if id + 1 >= PID_MAX { 300 } else { id + 1 };
            if !ids.threads.contains_key(&id) {
                return Ok(id);
            }
        }
        Err(Errno::EAGAIN)
    }

    pub(crate) fn register(&self, thread: &Arc<Thread>) {
        self.ids.lock().threads.insert(thread.tid(), Arc::downgrade(thread));
    }

    pub(crate) fn unregister(&self, tid: i32) {
        self.ids.lock().threads.remove(&tid);
    }

    /// The thread with id `tid`; ESRCH.
    pub fn thread(&self, tid: i32) -> Result<Arc<Thread>> {
        self.ids.lock().threads.get(&tid).and_then(Weak::upgrade).ok_or(Errno::ESRCH)
    }

    /// The process with id `pid`; ESRCH.
    pub fn process(&self, pid: i32) -> Result<Arc<Process>> {
        let threads: Vec<_> = self.ids.lock().threads.values().filter_map(Weak::upgrade).collect();
        threads.iter().map(|thread| thread.process()).find(|p| p.pid() == pid).cloned().ok_or(Errno::ESRCH)
    }

    /// All processes (kill(2) with -1).
    pub fn processes(&self) -> Vec<Arc<Process>> {
        let threads: Vec<_> = self.ids.lock().threads.values().filter_map(Weak::upgrade).collect();
        let mut found: Vec<Arc<Process>> = Vec::new();
        for thread in &threads {
            if !found.iter().any(|p| Arc::ptr_eq(p, thread.process())) {
                found.push(thread.process().clone());
            }
        }
        found
    }

    /// Threads that exist (/proc/loadavg, sysinfo(2)).
    pub fn thread_count(&self) -> usize {
        self.ids.lock().threads.len()
    }

    /// The id given out last (/proc/loadavg).
    pub fn last_id(&self) -> i32 {
        self.ids.lock().next - 1
    }

    /// The thread that executes the call, `None` outside of threads.
    pub fn current(&self) -> Option<Arc<Thread>> {
        self.scheduler.current()?.payload()?.downcast().ok()
    }
}
