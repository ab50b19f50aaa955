//! A machine for an application that is part of the image (`pith-app`): no processes, no system calls, threads that begin in the kernel.
//!
//! The application's code is called like the kernel's own and runs as that does, with interrupts off. They come in where a thread waits, and where it
//! [`breathe`]s: what may wait does so first, so that a thread that always finds something to do keeps neither the network nor other threads waiting.

mod entry;
mod threads;

pub use threads::{breathe, exit_thread, next_slice, scheduler, spawn, wait_on};

use crate::console::Console;
use crate::memory::FRAMES;
use crate::pc::{self, KernelContext};
use crate::world::World;
use crate::{end, step};
use alloc::boxed::Box;
use alloc::sync::Arc;
use pith_abi::cmdline::GuestConfig;
use pith_abi::exit;
use sched::Scheduler;
use spin::Once;
use time::TimerQueue;
use vfs::{Context, Vfs};

/// What an application has of its machine.
pub struct Surroundings {
    /// The command line: arguments, environment.
    pub config: GuestConfig,
    /// Standard streams.
    pub console: Arc<Console>,
    /// The tree of files, as root sees it.
    pub files: Context,
    /// The network.
    #[cfg(feature = "net")]
    pub network: Arc<net::Stack>,
}

static SURROUNDINGS: Once<Surroundings> = Once::new();

/// What the application has, once it runs.
pub fn surroundings() -> &'static Surroundings {
    match SURROUNDINGS.get() {
        Some(surroundings) => surroundings,
        None => panic!("the application runs before its machine is there"),
    }
}

/// Brings the machine up, runs `main` on a thread of its own with `stack_bytes` of stack, and ends with what that returns.
///
/// # Safety
/// Once, by `pith_start`, with what it was given.
pub unsafe fn run(start_info: u64, stack_bytes: u64, main: fn() -> u8) -> ! {
    // SAFETY: the caller's.
    let (info, config) = unsafe { crate::start(start_info) };
    let machine = pc::get();
    let timers = TimerQueue::new();
    let scheduler = Scheduler::new(machine.clone(), timers.clone());
    machine.refine_over_time(&timers);
    refuse(&config);

    let console = Console::new();
    let world = World::new(
        &info,
        &config,
        &Vfs::new(pc::clock(), &FRAMES, None),
        b"application",
        &console,
        #[cfg(feature = "net")]
        &timers,
    );
    threads::start(&scheduler);
    #[cfg(feature = "agent")]
    console.set_stats(Box::new(stats));
    SURROUNDINGS
        .call_once(|| Surroundings {
            config,
            console,
            files: world.files,
            #[cfg(feature = "net")]
            network: world.network,
        })
        .console
        .say_ready();
    if spawn(stack_bytes, Box::new(move || end::exited(main()))).is_err() {
        end::out_of_memory(format_args!("no room for the application's stack of {stack_bytes} bytes"));
    }
    step("start");
    scheduler.run(Box::new(KernelContext::boot(arch_x86_64::boot::boot_stack().1)))
}

/// What the command line may ask of a Linux program, and not here.
fn refuse(config: &GuestConfig) {
    if config.tty.is_some() {
        end::failed(exit::PITH_ERROR, format_args!("pith.tty: an application that is part of its kernel has no terminals"));
    }
    if config.user.is_some() {
        end::failed(exit::PITH_ERROR, format_args!("pith.user: an application that is part of its kernel has no users"));
    }
}

/// The counters that there are without processes.
#[cfg(feature = "agent")]
fn stats() -> pith_abi::agent::Stats {
    use pith_abi::agent::{Stat, Stats};
    let mut stats = Stats::default();
    let (uptime, idle) = (pc::now_ns(), scheduler().idle_ns(0));
    for (stat, value) in [
        (Stat::UptimeNs, uptime),
        (Stat::ApplicationNs, uptime.saturating_sub(idle)),
        (Stat::IdleNs, idle),
        (Stat::MemoryTotal, FRAMES.total_bytes()),
        (Stat::MemoryFree, FRAMES.free_bytes()),
        (Stat::MemoryFiles, FRAMES.cached_bytes()),
        (Stat::Switches, scheduler().switches()),
    ] {
        stats.set(stat, value);
    }
    #[cfg(feature = "net")]
    crate::network::count(&surroundings().network, &mut stats);
    stats
}
