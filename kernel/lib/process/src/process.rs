//! What the threads of a process share.

use crate::{Credentials, End, FileTable, Raise, Resource, Rlimit, Rlimits, Services, Thread};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use mm::AddressSpace;
#[cfg(feature = "posix-timers")]
use signal::TimerClock;
use signal::{SigInfo, SignalGroup, Target};
use spinlock::Mutex;
use uapi::{Errno, Result};
use vfs::{Context, Location};
use wait::{Events, WaitQueue};

/// The program that runs, as /proc tells it. Arguments and environment lie in the application's memory, where it may change them.
#[derive(Clone, Default)]
pub struct ProgramInfo {
    /// The executable (/proc/self/exe).
    pub exe: Option<Location>,
    /// Addresses of the argument strings: first byte and behind the last.
    pub arguments: (u64, u64),
    /// Addresses of the environment strings.
    pub environment: (u64, u64),
    /// The auxiliary vector, pairs of key and value.
    pub auxv: Vec<(u64, u64)>,
    /// Code: first byte and behind the last.
    pub code: (u64, u64),
    /// Stack pointer at the start.
    pub stack_start: u64,
}

/// CPU time used, nanoseconds. System time is not told apart: it counts as user time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Time of the process's threads, ended ones included.
    pub own_ns: u64,
    /// Voluntary switches.
    pub voluntary_switches: u64,
    /// Involuntary switches.
    pub involuntary_switches: u64,
    /// System calls.
    pub system_calls: u64,
}

/// A process.
pub struct Process {
    pid: i32,
    services: Arc<Services>,
    mm: Mutex<Arc<AddressSpace>>,
    files: FileTable,
    fs: Mutex<Arc<Context>>,
    signals: Arc<SignalGroup>,
    credentials: Mutex<Arc<Credentials>>,
    rlimits: Mutex<Rlimits>,
    #[cfg(feature = "program-info")]
    program: Mutex<ProgramInfo>,
    threads: Mutex<Vec<Arc<Thread>>>,
    /// Woken with [`Events::IN`] when a thread has ended.
    thread_ended: WaitQueue,
    ending: Mutex<Option<End>>,
    /// What threads used that have ended.
    ended: Mutex<CpuTimes>,
    started_ns: u64,
    /// PR_SET_DUMPABLE.
    dumpable: AtomicU32,
    /// personality(2).
    personality: AtomicU32,
    /// Whether the scheduler ticks for this process's CPU-time timers.
    ticking: AtomicBool,
    /// CPU time at which RLIMIT_CPU is looked at next, nanoseconds.
    cpu_limit_ns: AtomicU64,
    /// What the first thread gave exit(2).
    /// A thread is replacing the program.
    #[cfg(feature = "execve")]
    exec_runs: AtomicBool,
}

impl Process {
    /// A process without threads, in `mm`, seeing files through `fs`.
    pub fn new(services: &Arc<Services>, mm: Arc<AddressSpace>, fs: Context) -> Result<Arc<Self>> {
        let files = usize::try_from(Rlimit::at_start(Resource::Files).current).unwrap_or(usize::MAX);
        Ok(Arc::new(Self {
            pid: services.allocate_id()?,
            services: services.clone(),
            mm: Mutex::new(mm),
            files: FileTable::new(files),
            fs: Mutex::new(Arc::new(fs)),
            signals: SignalGroup::new(&services.timers, &services.clock),
            credentials: Mutex::default(),
            rlimits: Mutex::default(),
            #[cfg(feature = "program-info")]
            program: Mutex::default(),
            threads: Mutex::default(),
            thread_ended: WaitQueue::new(),
            ending: Mutex::new(None),
            ended: Mutex::default(),
            started_ns: services.clock.monotonic_ns(),
            dumpable: AtomicU32::new(1),
            personality: AtomicU32::new(0),
            ticking: AtomicBool::new(false),
            cpu_limit_ns: AtomicU64::new(u64::MAX),
            #[cfg(feature = "execve")]
            exec_runs: AtomicBool::new(false),
        }))
    }

    /// Its id (getpid(2)).
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its parent's id (getppid(2)); 0, there is none.
    pub fn ppid(&self) -> i32 {
        0
    }

    /// Whether the machine ends with it.
    pub fn is_init(&self) -> bool {
        self.pid == 1
    }

    /// What all processes share.
    #[inline]
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Its address space.
    #[inline]
    pub fn mm(&self) -> Arc<AddressSpace> {
        self.mm.lock().clone()
    }

    #[cfg(feature = "execve")]
    pub(crate) fn set_mm(&self, mm: Arc<AddressSpace>) {
        let old = core::mem::replace(&mut *self.mm.lock(), mm);
        drop(old);
    }

    /// Its descriptors.
    #[inline]
    pub fn files(&self) -> &FileTable {
        &self.files
    }

    /// Root, working directory, umask, identity for files.
    #[inline]
    pub fn fs(&self) -> Arc<Context> {
        self.fs.lock().clone()
    }

    /// Changes root, working directory or umask.
    pub fn change_fs<T>(&self, change: impl FnOnce(&mut Context) -> T) -> T {
        change(Arc::make_mut(&mut *self.fs.lock()))
    }

    /// Its signals.
    #[inline]
    pub fn signals(&self) -> &Arc<SignalGroup> {
        &self.signals
    }

    /// Its credentials.
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// Changes its credentials; nothing changes when `change` fails.
    pub fn change_credentials<T>(&self, change: impl FnOnce(&mut Credentials) -> Result<T>) -> Result<T> {
        let mut held = self.credentials.lock();
        let mut new = Credentials::clone(&held);
        let value = change(&mut new)?;
        let new = Arc::new(new);
        *held = new.clone();
        drop(held);
        self.identify(&new);
        Ok(value)
    }

    /// Has these credentials from now on; the file system knows.
    pub(crate) fn set_credentials(&self, new: Credentials) {
        *self.credentials.lock() = Arc::new(new);
    }

    /// Tells the file system who asks.
    pub(crate) fn identify(&self, who: &Credentials) {
        self.change_fs(|fs| (fs.uid, fs.gid, fs.groups) = (who.uid.fs, who.gid.fs, who.groups.clone()));
    }

    /// Its limit on `resource`.
    pub fn rlimit(&self, resource: Resource) -> Rlimit {
        self.rlimits.lock().get(resource)
    }

    /// setrlimit(2).
    #[cfg(feature = "limits")]
    pub fn set_rlimit(&self, resource: Resource, new: Rlimit) -> Result<()> {
        let raise = match self.credentials().capable(crate::CAP_SYS_RESOURCE) {
            true => Raise::Allowed,
            false => Raise::Denied,
        };
        self.rlimits.lock().set(resource, new, raise)?;
        let count = usize::try_from(new.current).unwrap_or(usize::MAX);
        match resource {
            Resource::Files => self.files.set_limit(count),
            Resource::PendingSignals => self.signals.set_limit(count),
            Resource::Cpu => {
                let limit_ns = new.current.max(1).saturating_mul(time::NS_PER_SEC);
                self.cpu_limit_ns.store(limit_ns, Ordering::Relaxed);
                self.update_ticks();
            }
            _ => self.apply_memory_limit(resource, new.current),
        }
        Ok(())
    }

    #[cfg(feature = "limits")]
    fn apply_memory_limit(&self, resource: Resource, bytes: u64) {
        let limit = match resource {
            Resource::AddressSpace => mm::Limit::AddressSpace,
            Resource::Data => mm::Limit::Data,
            Resource::Stack => mm::Limit::Stack,
            Resource::LockedMemory => mm::Limit::Locked,
            _ => return,
        };
        self.mm().set_limit(limit, bytes);
    }

    /// Tells a new address space the limits; that on its stack it knows.
    pub(crate) fn apply_memory_limits(&self) {
        #[cfg(feature = "limits")]
        let limits = *self.rlimits.lock();
        #[cfg(feature = "limits")]
        for resource in [Resource::AddressSpace, Resource::Data, Resource::Stack, Resource::LockedMemory] {
            self.apply_memory_limit(resource, limits.get(resource).current);
        }
    }

    /// The program that runs.
    #[cfg(feature = "program-info")]
    pub fn program(&self) -> ProgramInfo {
        self.program.lock().clone()
    }

    pub(crate) fn set_program(&self, program: ProgramInfo) {
        #[cfg(feature = "program-info")]
        let program = core::mem::replace(&mut *self.program.lock(), program);
        drop(program);
    }

    /// Changes what /proc tells about the program (PR_SET_MM).
    #[cfg(feature = "program-info")]
    pub fn change_program(&self, change: impl FnOnce(&mut ProgramInfo)) {
        change(&mut self.program.lock());
    }

    /// Its threads, the first one first.
    pub fn threads(&self) -> Vec<Arc<Thread>> {
        self.threads.lock().clone()
    }

    /// How many threads it has.
    pub fn thread_count(&self) -> usize {
        self.threads.lock().len()
    }

    pub(crate) fn add_thread(&self, thread: Arc<Thread>) {
        self.threads.lock().push(thread);
    }

    /// Takes a thread off the list; returns how many are left.
    pub(crate) fn remove_thread(&self, thread: &Thread) -> usize {
        let stats = thread.task().stats(self.services.scheduler.now_ns());
        {
            let mut ended = self.ended.lock();
            ended.own_ns += stats.run_ns;
            ended.voluntary_switches += stats.voluntary_switches;
            ended.involuntary_switches += stats.involuntary_switches;
            ended.system_calls += thread.system_calls();
        }
        let mut threads = self.threads.lock();
        let at = threads.iter().position(|t| core::ptr::eq(&**t, thread));
        let removed = at.map(|at| threads.remove(at));
        let left = threads.len();
        drop(threads);
        drop(removed);
        self.thread_ended.wake(Events::READABLE);
        left
    }

    #[cfg(feature = "execve")]
    pub(crate) fn thread_ended(&self) -> &WaitQueue {
        &self.thread_ended
    }

    /// The thread `tid` of this process; ESRCH.
    pub fn thread(&self, tid: i32) -> Result<Arc<Thread>> {
        self.threads.lock().iter().find(|t| t.tid() == tid).cloned().ok_or(Errno::ESRCH)
    }

    /// Sends a signal to the process (kill(2)) or, with `thread`, to one of its threads (tgkill(2)).
    pub fn send_signal(&self, info: SigInfo, thread: Option<&Thread>) -> Result<()> {
        let target = thread.map_or(Target::Process, |thread| Target::Thread(thread.signals()));
        self.signals.send(info, target).map(drop)
    }

    /// How the process ends, once that is decided; the first word counts.
    pub(crate) fn decide_end(&self, end: End) -> End {
        *self.ending.lock().get_or_insert(end)
    }

    /// How the process ends, if that is decided.
    pub fn ending(&self) -> Option<End> {
        *self.ending.lock()
    }

    /// Whether the caller is the one that may replace the program; until [`end_exec`](Self::end_exec).
    #[cfg(feature = "execve")]
    pub(crate) fn begin_exec(&self) -> bool {
        !self.exec_runs.swap(true, Ordering::AcqRel)
    }

    #[cfg(feature = "execve")]
    pub(crate) fn end_exec(&self) {
        self.exec_runs.store(false, Ordering::Release);
    }

    /// CPU time and switches of all its threads.
    pub fn cpu_times(&self) -> CpuTimes {
        let now = self.services.scheduler.now_ns();
        let mut sum = *self.ended.lock();
        for thread in self.threads.lock().iter() {
            let stats = thread.task().stats(now);
            sum.own_ns += stats.run_ns;
            sum.voluntary_switches += stats.voluntary_switches;
            sum.involuntary_switches += stats.involuntary_switches;
            sum.system_calls += thread.system_calls();
        }
        sum
    }

    /// Monotonic time at which it was created, nanoseconds.
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// PR_GET_DUMPABLE.
    pub fn dumpable(&self) -> u32 {
        self.dumpable.load(Ordering::Relaxed)
    }

    /// PR_SET_DUMPABLE.
    pub fn set_dumpable(&self, dumpable: u32) {
        self.dumpable.store(dumpable, Ordering::Relaxed);
    }

    /// personality(2): returns the old one.
    pub fn swap_personality(&self, personality: Option<u32>) -> u32 {
        match personality {
            Some(new) => self.personality.swap(new, Ordering::Relaxed),
            None => self.personality.load(Ordering::Relaxed),
        }
    }

    /// Starts or stops the scheduler's ticks as CPU-time timers need; call it after setting or deleting one.
    pub fn update_ticks(&self) {
        #[cfg(any(feature = "posix-timers", feature = "interval-timers", feature = "limits"))]
        {
            let wanted = self.cpu_limit_ns.load(Ordering::Relaxed) != u64::MAX;
            #[cfg(feature = "posix-timers")]
            let wanted = wanted || self.signals.timers().cpu_armed();
            #[cfg(feature = "interval-timers")]
            let wanted = wanted || self.signals.interval_timers().cpu_armed();
            if self.ticking.swap(wanted, Ordering::Relaxed) != wanted {
                match wanted {
                    true => self.services.scheduler.want_ticks(),
                    false => self.services.scheduler.drop_ticks(),
                }
            }
        }
    }

    /// Whether [`check_cpu_timers`](Self::check_cpu_timers) has something to look at.
    #[inline]
    pub(crate) fn is_ticking(&self) -> bool {
        self.ticking.load(Ordering::Relaxed)
    }

    /// Expires CPU-time timers and enforces RLIMIT_CPU.
    #[cfg(any(feature = "posix-timers", feature = "interval-timers", feature = "limits"))]
    pub(crate) fn check_cpu_timers(&self) {
        let cpu_ns = self.cpu_times().own_ns;
        #[cfg(feature = "interval-timers")]
        self.signals.interval_timers().check_cpu(cpu_ns);
        #[cfg(feature = "posix-timers")]
        self.signals.timers().check_cpu(&|clock| match clock {
            TimerClock::ThreadCpu(tid) => self.thread(tid).ok().map(|thread| thread.cpu_ns()),
            _ => Some(cpu_ns),
        });
        let limit_ns = self.cpu_limit_ns.load(Ordering::Relaxed);
        if cpu_ns >= limit_ns {
            let hard_ns = self.rlimit(Resource::Cpu).maximum.saturating_mul(time::NS_PER_SEC);
            let signal = if cpu_ns >= hard_ns { signal::Signal::KILL } else { signal::Signal::XCPU };
            // Once a second from the soft limit on, as Linux does.
            self.cpu_limit_ns.store(cpu_ns + time::NS_PER_SEC, Ordering::Relaxed);
            let _ = self.send_signal(SigInfo::kernel(signal), None);
        }
        self.update_ticks();
    }
}
