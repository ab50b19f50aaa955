//! The last seams of the system-call layer: socket families, memory, names in the file system for unix sockets.

use machine::memory;
use syscall::{MachineInfo, Memory};

/// Memory and CPUs as sysinfo(2) and membarrier(2) ask for them.
pub struct Info;

impl MachineInfo for Info {
    fn memory(&self) -> Memory {
        Memory { total_bytes: memory::FRAMES.total_bytes(), free_bytes: memory::FRAMES.free_bytes() }
    }
    fn barrier_on_all_cpus(&self) {
        #[cfg(feature = "smp")]
        machine::cpus::barrier();
        // Where one CPU takes part in scheduling, entering the kernel ordered its memory accesses.
        #[cfg(not(feature = "smp"))]
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    }
}
