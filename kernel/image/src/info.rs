//! What /proc and /sys show of the machine as a whole.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use machine::memory;
use machine::random::RNG;
use process::Services;
use procfs::{MachineInfo, NetTable, ProcSource, ProcessView};
use syscall::Names;
use time::NS_PER_SEC;

/// The machine behind /proc.
pub struct Proc {
    /// Processes, threads, scheduler.
    pub services: Arc<Services>,
    /// Host name.
    pub names: Arc<Names>,
    /// Random bytes made once.
    pub boot_id: [u8; 16],
    /// The network, for /proc/net.
    #[cfg(feature = "net")]
    pub stack: Arc<net::Stack>,
}

impl ProcSource for Proc {
    fn current(&self) -> (i32, i32) {
        crate::thread::current().map_or((1, 1), |thread| (thread.process().pid(), thread.tid()))
    }

    fn pids(&self) -> Vec<i32> {
        let mut pids = Vec::new();
        for process in self.services.processes() {
            pids.insert(pids.partition_point(|pid| *pid < process.pid()), process.pid());
        }
        pids
    }

    fn process(&self, id: i32) -> Option<Arc<dyn ProcessView>> {
        let process = self.services.process(id).or_else(|_| self.services.thread(id).map(|t| t.process().clone()));
        process.ok().map(|p| p as Arc<dyn ProcessView>)
    }

    fn machine(&self) -> MachineInfo {
        let clock = &self.services.clock;
        let uptime_ns = clock.monotonic_ns();
        let scheduler = &self.services.scheduler;
        let frames = &memory::FRAMES;
        MachineInfo {
            uptime_ns,
            boot_time_s: clock.realtime_ns().saturating_sub(uptime_ns) / NS_PER_SEC,
            cpus: (0..scheduler.cpu_count())
                .map(|cpu| {
                    let idle = scheduler.idle_ns(cpu);
                    [uptime_ns.saturating_sub(idle), 0, idle]
                })
                .collect(),
            memory_total: frames.total_bytes(),
            memory_free: frames.free_bytes(),
            switches: scheduler.switches(),
            forks: u64::try_from(self.services.last_id()).unwrap_or(0),
            running: scheduler.runnable() as u32,
            threads: self.services.thread_count() as u32,
            last_pid: self.services.last_id(),
            ..MachineInfo::default()
        }
    }

    fn cpu_info(&self, out: &mut Vec<u8>) {
        use arch_x86_64::cpu::cpuid;
        let vendor = cpuid(0, 0);
        let leaf = cpuid(1, 0);
        let extended = cpuid(0x8000_0000, 0).eax;
        let mut model_name = Vec::new();
        for id in 0x8000_0002..=0x8000_0004u32 {
            if extended >= id {
                let r = cpuid(id, 0);
                for word in [r.eax, r.ebx, r.ecx, r.edx] {
                    model_name.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
        let bytes = |words: [u32; 3]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        let text = |b: &[u8]| alloc::string::String::from_utf8_lossy(b).trim_matches(['\0', ' ']).into();
        let vendor: alloc::string::String = text(&bytes([vendor.ebx, vendor.edx, vendor.ecx]));
        let name: alloc::string::String = text(&model_name);
        let base_family = leaf.eax >> 8 & 15;
        let family = if base_family == 15 { base_family + (leaf.eax >> 20 & 0xff) } else { base_family };
        let model = leaf.eax >> 4 & 15 | if base_family >= 6 { (leaf.eax >> 16 & 15) << 4 } else { 0 };
        let mhz = machine::pc::get().clock.rate().hz() / 1_000_000;
        let mut flags = alloc::string::String::new();
        for (register, bit, flag) in FLAGS {
            let value = match register {
                Register::Edx1 => leaf.edx,
                Register::Ecx1 => leaf.ecx,
                Register::Ebx7 => cpuid(7, 0).ebx,
            };
            if value & 1 << bit != 0 {
                flags += flag;
                flags.push(' ');
            }
        }
        let count = machine::pc::cpu_count();
        for cpu in 0..count {
            let lines = format!(
                "processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\nstepping\t: {}\ncpu MHz\t\t: {mhz}.000\n\
             cache size\t: 0 KB\nphysical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {cpu}\ncpu cores\t: {count}\nfpu\t\t: yes\nfpu_exception\t: yes\nwp\t\t: yes\n\
             flags\t\t: {}\nbogomips\t: {}.00\nclflush size\t: 64\ncache_alignment\t: 64\naddress sizes\t: 48 bits physical, 48 bits virtual\n\n",
                leaf.eax & 15,
                flags.trim_end(),
                mhz * 2,
            );
            out.extend_from_slice(lines.as_bytes());
        }
    }

    fn release(&self) -> &str {
        syscall::RELEASE
    }
    fn version(&self) -> &str {
        syscall::VERSION
    }
    fn host_name(&self) -> Vec<u8> {
        self.names.get().0
    }
    fn random(&self, bytes: &mut [u8]) {
        RNG.fill(bytes);
    }
    fn boot_id(&self) -> [u8; 16] {
        self.boot_id
    }

    fn network(&self, table: NetTable, out: &mut Vec<u8>) {
        #[cfg(feature = "net")]
        match table {
            NetTable::IfInet6 => {
                for interface in self.stack.interfaces() {
                    for address in interface.addrs.iter() {
                        let core::net::IpAddr::V6(v6) = address.addr.ip() else { continue };
                        for byte in v6.octets() {
                            out.extend_from_slice(format!("{byte:02x}").as_bytes());
                        }
                        let line = format!(" {:02x} {:02x} 00 80 {:>8}\n", interface.index, address.prefix, interface.name);
                        out.extend_from_slice(line.as_bytes());
                    }
                }
            }
            NetTable::Dev => {
                for i in self.stack.interfaces() {
                    let line = format!("{:>6}: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", i.name);
                    out.extend_from_slice(line.as_bytes());
                }
            }
            _ => {}
        }
        let _ = (table, out);
    }
}

enum Register {
    Edx1,
    Ecx1,
    Ebx7,
}

/// The flags that programs look for, where CPUID has them (SDM volume 2, CPUID).
const FLAGS: [(Register, u32, &str); 24] = {
    use Register::{Ebx7 as B, Ecx1 as C, Edx1 as D};
    [
        (D, 0, "fpu"),
        (D, 4, "tsc"),
        (D, 8, "cx8"),
        (D, 15, "cmov"),
        (D, 19, "clflush"),
        (D, 23, "mmx"),
        (D, 24, "fxsr"),
        (D, 25, "sse"),
        (D, 26, "sse2"),
        (C, 0, "pni"),
        (C, 1, "pclmulqdq"),
        (C, 9, "ssse3"),
        (C, 12, "fma"),
        (C, 13, "cx16"),
        (C, 19, "sse4_1"),
        (C, 20, "sse4_2"),
        (C, 22, "movbe"),
        (C, 23, "popcnt"),
        (C, 25, "aes"),
        (C, 28, "avx"),
        (C, 30, "rdrand"),
        (B, 3, "bmi1"),
        (B, 5, "avx2"),
        (B, 8, "bmi2"),
    ]
};

/// The machine behind /sys.
#[cfg(feature = "sysfs")]
pub struct Sys;

#[cfg(feature = "sysfs")]
impl sysfs::SysSource for Sys {
    fn cpus(&self) -> u32 {
        machine::pc::cpu_count() as u32
    }
    fn memory(&self) -> (u64, u64) {
        (memory::FRAMES.total_bytes(), memory::FRAMES.free_bytes())
    }
    fn clock_source(&self) -> &str {
        "tsc"
    }
    fn huge_pages(&self) -> sysfs::HugePages {
        sysfs::HugePages::Advised
    }
}
