//! The image: puts the chosen libraries together into one bootable ELF that runs Linux programs. The only crate that names them all.
//!
//! [`machine`] brings up everything below processes; here is what a program is given above that. Each module is one seam between libraries: [`platform`]
//! implements what `process` asks, [`kernel`] holds what the entry points in [`traps`] need.
#![no_std]
#![no_main]

extern crate alloc;

mod application;
#[cfg(feature = "procfs")]
mod info;
mod kernel;
mod platform;
#[cfg(feature = "embedded-app")]
mod program;
#[cfg(any(feature = "net", feature = "unix"))]
mod sockets;
#[cfg(feature = "devfs")]
mod standard;
#[cfg(feature = "agent")]
mod stats;
mod system;
mod thread;
mod traps;
#[cfg(feature = "vdso")]
mod vdso;

use machine::console::Console;

/// The first code in long mode: `start_info` is the physical address of what the hypervisor passed.
#[unsafe(no_mangle)]
extern "C" fn pith_start(start_info: u64) -> ! {
    // SAFETY: entry code comes here once, with what it was given.
    let (info, config) = unsafe { machine::start(start_info) };
    kernel::run(&info, config, Console::new())
}
