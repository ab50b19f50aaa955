//! Where the facts come from.

use alloc::sync::Arc;
use alloc::vec::Vec;
use file::{AccessMode, File, OpenFlags};
use uapi::{Errno, Result};
use vfs::{Context, Location};

/// The machine as /proc shows it.
pub trait ProcSource: Send + Sync {
    /// Process id and thread id of whoever asks now (`self`, `thread-self`).
    fn current(&self) -> (i32, i32);
    /// All process ids, ascending.
    fn pids(&self) -> Vec<i32>;
    /// The process with this id, or that has a thread with this id.
    fn process(&self, id: i32) -> Option<Arc<dyn ProcessView>>;
    /// Figures about the whole machine.
    fn machine(&self) -> MachineInfo;
    /// `/proc/cpuinfo`: the CPU family's own format.
    fn cpu_info(&self, out: &mut Vec<u8>);
    /// uname(2)'s release (`6.1.0-pith`).
    fn release(&self) -> &str;
    /// uname(2)'s version (`#1 ...`).
    fn version(&self) -> &str;
    /// The host name.
    fn host_name(&self) -> Vec<u8>;
    /// Fresh random bytes.
    fn random(&self, bytes: &mut [u8]);
    /// Random bytes that stay the same until the machine ends.
    fn boot_id(&self) -> [u8; 16];
    /// A table of the network (`/proc/net/*`); nothing where there is no network.
    fn network(&self, table: NetTable, out: &mut Vec<u8>) {
        let _ = (table, out);
    }
    /// The value of a setting in /proc/sys (`net/core/somaxconn`) where it is not the one that `procfs` lists.
    fn sysctl(&self, name: &str) -> Option<Vec<u8>> {
        let _ = name;
        None
    }
    /// Changes a setting; `value` is without surrounding blanks. EROFS when it cannot be changed, EINVAL for a bad value.
    fn set_sysctl(&self, name: &str, value: &[u8]) -> Result<()> {
        let _ = (name, value);
        Err(Errno::EROFS)
    }
}

/// A table in /proc/net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NetTable {
    Dev,
    IfInet6,
    Route,
    Arp,
    Tcp,
    Tcp6,
    Udp,
    Udp6,
    Unix,
    SockStat,
}

/// Figures about the whole machine.
#[derive(Clone, Debug, Default)]
pub struct MachineInfo {
    /// Monotonic time, nanoseconds since boot.
    pub uptime_ns: u64,
    /// Real time of boot, seconds since 1970.
    pub boot_time_s: u64,
    /// For each CPU: nanoseconds spent in the application, in the kernel, and idle.
    pub cpus: Vec<[u64; 3]>,
    /// Bytes of memory in all.
    pub memory_total: u64,
    /// Bytes free.
    pub memory_free: u64,
    /// Bytes in page caches.
    pub memory_cached: u64,
    /// Bytes of anonymous memory mapped.
    pub memory_anon: u64,
    /// Bytes of shared memory (tmpfs pages).
    pub memory_shmem: u64,
    /// Bytes in page tables.
    pub memory_tables: u64,
    /// Bytes in the kernel heap.
    pub memory_kernel: u64,
    /// Context switches since boot.
    pub switches: u64,
    /// Processes and threads made since boot.
    pub forks: u64,
    /// Threads that run or could.
    pub running: u32,
    /// Threads in all.
    pub threads: u32,
    /// Threads that are runnable, averaged over 1, 5 and 15 minutes, in hundredths.
    pub load: [u32; 3],
    /// The last process or thread id given out.
    pub last_pid: i32,
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// Runs or could.
    Running,
    /// Waits and can be woken by a signal.
    Sleeping,
    /// Waits and cannot.
    Uninterruptible,
    /// Stopped by a signal.
    Stopped,
    /// Ended, not yet waited for.
    Zombie,
}

/// A thread as /proc/PID/task/TID shows it.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    /// Thread id.
    pub tid: i32,
    /// Name (`comm`), at most 15 bytes.
    pub name: Vec<u8>,
    /// State.
    pub state: ThreadState,
    /// CPU time in the application and in the kernel, nanoseconds.
    pub cpu_ns: (u64, u64),
    /// Nice value.
    pub nice: i32,
    /// CPU it last ran on.
    pub cpu: u32,
    /// Voluntary and involuntary switches.
    pub switches: (u64, u64),
    /// Monotonic time of its start, nanoseconds.
    pub started_ns: u64,
    /// Pending and blocked signals of the thread, bit n-1 for signal n.
    pub pending: u64,
    /// Blocked signals.
    pub blocked: u64,
    /// CPUs it may run on, bit n for CPU n.
    pub affinity: u64,
}

/// Figures about a process; memory in bytes.
#[derive(Clone, Debug, Default)]
pub struct ProcessStatus {
    /// Its id.
    pub pid: i32,
    /// Its parent's.
    pub ppid: i32,
    /// Process group.
    pub pgid: i32,
    /// Session.
    pub sid: i32,
    /// Real, effective, saved, file system user ids.
    pub uid: [u32; 4],
    /// Real, effective, saved, file system group ids.
    pub gid: [u32; 4],
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// File creation mask.
    pub umask: u32,
    /// Size of the descriptor table.
    pub descriptor_slots: u32,
    /// Peak and present size of the address space.
    pub vm_size: (u64, u64),
    /// Peak resident bytes.
    pub rss_peak: u64,
    /// Resident bytes: anonymous, file, shared memory.
    pub rss: [u64; 3],
    /// Locked, data, stack, executable bytes.
    pub vm_locked: u64,
    /// Private writable bytes.
    pub vm_data: u64,
    /// Stack bytes.
    pub vm_stack: u64,
    /// Executable bytes of the program.
    pub vm_text: u64,
    /// Page-table bytes.
    pub vm_tables: u64,
    /// Faults without and with reading from a device.
    pub faults: (u64, u64),
    /// Signals pending for the whole process, ignored, and caught; bit n-1 for signal n.
    pub signals: [u64; 3],
    /// Capabilities: inheritable, permitted, effective, bounding, ambient.
    pub capabilities: [u64; 5],
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privs: bool,
    /// Addresses: code start and end, stack start, data start and end, heap start.
    pub addresses: [u64; 6],
    /// Addresses of argument start, end, environment start, end.
    pub strings: [u64; 4],
}

/// One line of /proc/PID/maps.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Behind the last.
    pub end: u64,
    /// Readable.
    pub read: bool,
    /// Writable.
    pub write: bool,
    /// Executable.
    pub exec: bool,
    /// MAP_SHARED.
    pub shared: bool,
    /// Offset in the file, bytes.
    pub offset: u64,
    /// Device of the file.
    pub dev: u64,
    /// Inode of the file.
    pub ino: u64,
    /// Path or `[heap]`; empty for anonymous memory.
    pub name: Vec<u8>,
    /// Resident bytes: all, and of these anonymous (for smaps).
    pub resident: (u64, u64),
}

/// A descriptor as /proc/PID/fd shows it.
pub struct Descriptor {
    /// The open file.
    pub file: Arc<dyn File>,
    /// What it was opened for.
    pub access: AccessMode,
    /// Status flags.
    pub flags: OpenFlags,
    /// Whether it closes on exec.
    pub close_on_exec: bool,
}

/// A process as /proc/PID shows it.
pub trait ProcessView: Send + Sync {
    /// Its figures.
    fn status(&self) -> ProcessStatus;
    /// Its thread ids, the first one first.
    fn threads(&self) -> Vec<i32>;
    /// One of its threads.
    fn thread(&self, tid: i32) -> Option<ThreadInfo>;
    /// Renames a thread.
    fn set_name(&self, tid: i32, name: &[u8]) -> Result<()>;
    /// Arguments, each followed by a NUL.
    fn arguments(&self) -> Vec<u8>;
    /// Environment strings, each followed by a NUL.
    fn environment(&self) -> Vec<u8>;
    /// The auxiliary vector with its AT_NULL.
    fn auxv(&self) -> Vec<(u64, u64)>;
    /// The executable.
    fn exe(&self) -> Option<Location>;
    /// Its root, working directory and namespace.
    fn context(&self) -> Arc<Context>;
    /// Its mappings in ascending order.
    fn mappings(&self, each: &mut dyn FnMut(Mapping));
    /// Its open descriptors, ascending.
    fn descriptors(&self) -> Vec<i32>;
    /// One of them.
    fn descriptor(&self, fd: i32) -> Option<Descriptor>;
    /// Soft and hard limits by RLIMIT_* number; `u64::MAX` is unlimited.
    fn limits(&self) -> [(u64, u64); 16];
    /// oom_score_adj.
    fn oom_score_adj(&self) -> i32 {
        0
    }
    /// Sets oom_score_adj, -1000 ..= 1000.
    fn set_oom_score_adj(&self, value: i32) -> Result<()> {
        let _ = value;
        Err(Errno::EACCES)
    }
}

/// Who asks about whom: handed to every function that makes a text.
pub(crate) struct Ask<'a> {
    pub(crate) source: &'a dyn ProcSource,
    /// The process, for files in its directory.
    pub(crate) process: Option<Arc<dyn ProcessView>>,
    pub(crate) tid: i32,
}

impl Ask<'_> {
    /// ESRCH when the process has gone.
    pub(crate) fn process(&self) -> Result<&dyn ProcessView> {
        self.process.as_deref().ok_or(Errno::ESRCH)
    }

    pub(crate) fn thread(&self) -> Result<ThreadInfo> {
        self.process()?.thread(self.tid).ok_or(Errno::ESRCH)
    }
}
