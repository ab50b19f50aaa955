//! A machine's counters, as commands see them.

use pith_abi::agent::{self, Stat};
use serde::{Deserialize, Serialize};

/// Counters since the machine's start, and its memory now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Nanoseconds since the kernel started.
    pub uptime_ns: u64,
    /// Where the virtual CPU's time went.
    pub cpu: CpuStats,
    /// What the machine's memory is used for.
    pub memory: MemoryStats,
    /// What the application did with files.
    pub files: FileStats,
    /// Network interfaces, loopback included.
    pub network: Vec<InterfaceStats>,
    /// Threads of the application.
    pub threads: u64,
    /// System calls.
    pub system_calls: u64,
    /// Switches between threads.
    pub switches: u64,
}

/// CPU time in nanoseconds. The three add up to the uptime, once for each virtual processor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuStats {
    /// Virtual processors.
    pub count: u32,
    /// Threads of the application, their system calls included.
    pub application_ns: u64,
    /// The kernel's own: start and what belongs to no thread.
    pub kernel_ns: u64,
    /// Nothing to do. Interrupts that arrive meanwhile count here.
    pub idle_ns: u64,
}

/// Memory in bytes. Free, anonymous, page cache and kernel add up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryStats {
    /// All that the kernel hands out: the machine's memory without the kernel image and the root file system's archive.
    pub total_bytes: u64,
    /// Unused.
    pub free_bytes: u64,
    /// Heap, stacks and private copies of file pages.
    pub anonymous_bytes: u64,
    /// Contents of files, without what lies in the root file system's archive.
    pub page_cache_bytes: u64,
    /// Everything else: page tables, kernel stacks and structures, network buffers.
    pub kernel_bytes: u64,
}

impl MemoryStats {
    /// What is not free.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.free_bytes)
    }
}

/// System calls on files of every kind (pipes, sockets and standard streams too), counted as in proc_pid_io(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileStats {
    /// Files opened.
    pub opens: u64,
    /// Calls of the read family.
    pub reads: u64,
    /// Calls of the write family.
    pub writes: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub written_bytes: u64,
}

/// One network interface. Bytes include link-layer headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceStats {
    /// Its name in the guest, as in `eth0`.
    pub name: String,
    /// Packets received.
    pub received_packets: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets that arrived and were dropped.
    pub dropped_packets: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
}

impl Stats {
    /// From what the guest of `cpus` virtual processors says.
    #[must_use]
    pub fn of(stats: &agent::Stats, cpus: u32) -> Self {
        let get = |stat| stats.get(stat);
        let (uptime_ns, application_ns, idle_ns) = (get(Stat::UptimeNs), get(Stat::ApplicationNs), get(Stat::IdleNs));
        let (total_bytes, free_bytes) = (get(Stat::MemoryTotal), get(Stat::MemoryFree));
        let (anonymous_bytes, page_cache_bytes) = (get(Stat::MemoryAnonymous), get(Stat::MemoryFiles));
        let interface = |interface: &agent::InterfaceStats| {
            let [received_packets, received_bytes, dropped_packets, sent_packets, sent_bytes] = interface.values;
            let name = String::from_utf8_lossy(&interface.name).into_owned();
            InterfaceStats { name, received_packets, received_bytes, dropped_packets, sent_packets, sent_bytes }
        };
        Self {
            uptime_ns,
            cpu: CpuStats {
                count: cpus,
                application_ns,
                kernel_ns: uptime_ns.saturating_mul(cpus.into()).saturating_sub(application_ns).saturating_sub(idle_ns),
                idle_ns,
            },
            memory: MemoryStats {
                total_bytes,
                free_bytes,
                anonymous_bytes,
                page_cache_bytes,
                kernel_bytes: total_bytes.saturating_sub(free_bytes).saturating_sub(anonymous_bytes).saturating_sub(page_cache_bytes),
            },
            files: FileStats {
                opens: get(Stat::Opens),
                reads: get(Stat::Reads),
                writes: get(Stat::Writes),
                read_bytes: get(Stat::ReadBytes),
                written_bytes: get(Stat::WrittenBytes),
            },
            network: stats.interfaces.iter().map(interface).collect(),
            threads: get(Stat::Threads),
            system_calls: get(Stat::SystemCalls),
            switches: get(Stat::Switches),
        }
    }
}
