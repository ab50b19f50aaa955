//! The machine's counters for the host.

use crate::kernel;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use machine::memory::FRAMES;
use pith_abi::agent::{Stat, Stats};
use process::Services;

/// Collects them when asked.
pub fn source(services: Arc<Services>, #[cfg(feature = "net")] stack: Arc<net::Stack>) -> Box<dyn Fn() -> Stats + Send + Sync> {
    Box::new(move || {
        let mut stats = Stats::default();
        let (scheduler, files) = (&services.scheduler, &kernel::get().system.files);
        let (mut application_ns, mut system_calls, mut anonymous) = (0, 0, 0);
        for process in services.processes() {
            let times = process.cpu_times();
            application_ns += times.own_ns;
            system_calls += times.system_calls;
            anonymous += process.mm().stats().resident_anon;
        }
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for (stat, value) in [
            (Stat::UptimeNs, services.clock.monotonic_ns()),
            (Stat::ApplicationNs, application_ns),
            (Stat::IdleNs, scheduler.idle_all_ns()),
            (Stat::MemoryTotal, FRAMES.total_bytes()),
            (Stat::MemoryFree, FRAMES.free_bytes()),
            (Stat::MemoryAnonymous, anonymous),
            (Stat::MemoryFiles, FRAMES.cached_bytes()),
            (Stat::Threads, services.thread_count() as u64),
            (Stat::SystemCalls, system_calls),
            (Stat::Switches, scheduler.switches()),
            (Stat::Opens, load(&files.opens)),
            (Stat::Reads, load(&files.reads)),
            (Stat::Writes, load(&files.writes)),
            (Stat::ReadBytes, load(&files.read_bytes)),
            (Stat::WrittenBytes, load(&files.written_bytes)),
        ] {
            stats.set(stat, value);
        }
        #[cfg(feature = "net")]
        machine::network::count(&stack, &mut stats);
        stats
    })
}
