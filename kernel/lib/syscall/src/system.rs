//! What all system calls share: the machine's services, handed in by the image.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(feature = "sockets")]
use file::File;
use spinlock::Mutex;
use uapi::Result;

/// Makes sockets; the image joins the families it has (`net`, `unix`, netlink).
#[cfg(feature = "sockets")]
pub trait Sockets: Send + Sync {
    /// socket(2) without its flags. EAFNOSUPPORT: no such family; ESOCKTNOSUPPORT, EPROTONOSUPPORT: not in this family.
    fn socket(&self, domain: u16, kind: u32, protocol: u32) -> Result<Arc<dyn File>>;
    /// socketpair(2). EOPNOTSUPP: the family has none.
    fn pair(&self, domain: u16, kind: u32, protocol: u32) -> Result<(Arc<dyn File>, Arc<dyn File>)>;
    /// An interface's ioctl(2) on a socket of whatever family (netdevice(7)). ENOTTY: not one of those.
    fn interface_ioctl(&self, command: u32, arg: u64, user: &dyn file::UserMemory) -> Result<u64> {
        let _ = (command, arg, user);
        Err(uapi::Errno::ENOTTY)
    }
}

/// Memory of the machine in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel manages.
    pub total_bytes: u64,
    /// What nobody uses.
    pub free_bytes: u64,
}

/// What system calls ask the machine besides `process::Platform`.
pub trait MachineInfo: Send + Sync {
    /// Memory now.
    fn memory(&self) -> Memory;
    /// Returns when every CPU has passed a full memory barrier (membarrier(2)).
    fn barrier_on_all_cpus(&self);
}

/// System calls on files of every kind, as proc_pid_io(5) counts them.
#[derive(Debug, Default)]
pub struct FileCounters {
    /// Files opened.
    pub opens: AtomicU64,
    /// Calls of the read family.
    pub reads: AtomicU64,
    /// Calls of the write family.
    pub writes: AtomicU64,
    /// Bytes that they read.
    pub read_bytes: AtomicU64,
    /// Bytes that they wrote.
    pub written_bytes: AtomicU64,
}

impl FileCounters {
    /// A call of the read family has ended.
    pub fn read(&self, result: &Result<u64>) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(*result.as_ref().unwrap_or(&0), Ordering::Relaxed);
    }

    /// A call of the write family has ended.
    pub fn written(&self, result: &Result<u64>) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(*result.as_ref().unwrap_or(&0), Ordering::Relaxed);
    }
}

/// The services themselves.
pub struct System {
    /// Socket families.
    #[cfg(feature = "sockets")]
    pub sockets: Option<Arc<dyn Sockets>>,
    /// Memory and CPUs.
    pub machine: Arc<dyn MachineInfo>,
    /// Host and domain name.
    pub names: Arc<Names>,
    /// Makes files that are in no directory (memfd_create(2)).
    #[cfg(feature = "memfd")]
    pub memory_files: Option<ramfs::Unnamed>,
    /// What prctl(2) remembers.
    pub prctl: PrctlState,
    /// What was done with files.
    pub files: FileCounters,
    logged: Logged,
    inodes: AtomicU64,
}

impl System {
    /// Without sockets and files in memory; the `with_` functions add them.
    pub fn new(machine: Arc<dyn MachineInfo>, names: Arc<Names>) -> Self {
        Self {
            #[cfg(feature = "sockets")]
            sockets: None,
            machine,
            names,
            #[cfg(feature = "memfd")]
            memory_files: None,
            prctl: PrctlState::default(),
            files: FileCounters::default(),
            logged: Logged::default(),
            inodes: AtomicU64::new(1),
        }
    }

    /// With these socket families.
    #[cfg(feature = "sockets")]
    pub fn with_sockets(self, sockets: Arc<dyn Sockets>) -> Self {
        Self { sockets: Some(sockets), ..self }
    }

    /// With files in memory for memfd_create(2).
    #[cfg(feature = "memfd")]
    pub fn with_memory_files(self, files: ramfs::Unnamed) -> Self {
        Self { memory_files: Some(files), ..self }
    }

    /// Whether this is the first call of the absent `number`.
    pub fn first_absent_call(&self, number: u64) -> bool {
        self.logged.first_time(number)
    }

    /// A number for an inode without a name (pipes, event descriptors).
    pub fn next_inode(&self) -> u64 {
        self.inodes.fetch_add(1, Ordering::Relaxed)
    }
}

/// Settings of prctl(2) that are kept and told, and change nothing in a machine with one process.
#[derive(Default)]
pub struct PrctlState {
    /// PR_SET_PDEATHSIG: the parent, which there is none of, never dies.
    pub parent_death_signal: AtomicU32,
    /// PR_SET_CHILD_SUBREAPER: there are no children.
    pub child_subreaper: AtomicU32,
    /// PR_SET_THP_DISABLE.
    pub huge_pages_disabled: AtomicU32,
    /// PR_SET_TIMERSLACK in nanoseconds; 0 stands for the default of 50 us. Timers here have no slack.
    pub timer_slack_ns: AtomicU64,
}

/// Which of the two names of uname(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// nodename.
    Host,
    /// domainname.
    Domain,
}

/// The machine's names (uname(2), sethostname(2)), at most 64 bytes each.
pub struct Names(Mutex<(Vec<u8>, Vec<u8>)>);

impl Names {
    /// `host` as the host name, no domain.
    pub fn new(host: &[u8]) -> Self {
        Self(Mutex::new((host.to_vec(), b"(none)".to_vec())))
    }

    /// Host and domain name.
    pub fn get(&self) -> (Vec<u8>, Vec<u8>) {
        self.0.lock().clone()
    }

    /// Changes one.
    pub fn set(&self, which: HostName, name: &[u8]) {
        let mut names = self.0.lock();
        match which {
            HostName::Host => names.0 = name.to_vec(),
            HostName::Domain => names.1 = name.to_vec(),
        }
    }
}

/// Which absent calls have been logged: each once.
#[derive(Default)]
struct Logged([AtomicU64; 8]);

impl Logged {
    /// Whether this is the first time for `number`; numbers beyond the tables share one bit.
    fn first_time(&self, number: u64) -> bool {
        let number = number.min(511);
        let bit = 1 << (number % 64);
        self.0[(number / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_logged_once() {
        let logged = Logged::default();
        assert!(logged.first_time(101));
        assert!(!logged.first_time(101));
        assert!(logged.first_time(102) && logged.first_time(u64::MAX));
        assert!(!logged.first_time(1000));
    }
}
