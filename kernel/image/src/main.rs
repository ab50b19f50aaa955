//! The image: puts the chosen libraries together into one bootable ELF. The only crate that names them all.
//!
//! [`pith_start`] runs on the boot stack, in the order of the layers: CPU, memory, clock, scheduler, files, devices, network, the application. Each module
//! here is one seam between libraries: [`machine`] implements what `sched` asks of a CPU, [`platform`] what `process` asks, [`kernel`] holds what the
//! entry points in [`traps`] need.
#![no_std]
#![no_main]

extern crate alloc;

mod application;
mod attached;
mod config {
    include!(concat!(env!("OUT_DIR"), "/config.rs"));
}
mod console;
#[cfg(feature = "virtio")]
mod devices;
mod end;
mod files;
#[cfg(feature = "procfs")]
mod info;
mod interrupts;
mod kernel;
mod log;
mod machine;
mod memory;
#[cfg(feature = "net")]
mod network;
mod panic;
mod platform;
#[cfg(any(feature = "net", feature = "unix"))]
mod sockets;
#[cfg(feature = "agent")]
mod stats;
mod stdio;
mod system;
mod traps;
#[cfg(feature = "vdso")]
mod vdso;

use alloc::string::String;
use alloc::sync::Arc;
use arch_x86_64::percpu::{AppRing, PerCpu};
use arch_x86_64::{boot, entry, fpu};
use pith_abi::cmdline::{GuestConfig, tail};
use pith_abi::exit;
use plat_pc::pvh::BootInfo;

static mut BOOT_CPU: PerCpu = PerCpu::new();

/// The first code in long mode: `start_info` is the physical address of what the hypervisor passed.
#[unsafe(no_mangle)]
extern "C" fn pith_start(start_info: u64) -> ! {
    boot::protect_kernel();
    boot::drop_identity_map();
    // SAFETY: once, on the only CPU, with interrupts off; traps arriving on the boot stack land below its present frames because they push down from the
    // interrupted stack pointer, and no system call can come before the first thread has a stack of its own.
    unsafe {
        let cpu = &raw mut BOOT_CPU;
        (*cpu).install(0, boot::boot_stack().1, AppRing::Kernel);
        entry::install();
        fpu::enable();
    }
    // SAFETY: the register's value as the boot protocol defines it.
    let info = match unsafe { BootInfo::new(start_info) } {
        Ok(info) => info,
        Err(error) => panic!("no usable boot information: {error:?}"),
    };
    memory::init(&info);
    log::set_level(None);
    let config = configuration(&info);
    log::set_level(config.log_level);
    let machine = machine::init();
    log::set_clock(machine::now_ns);
    log!(Debug, "clock: {} Hz; memory: {} KiB free", machine.clock.rate().hz(), memory::FRAMES.free_bytes() / 1024);
    platform::seed_random(config.random_seed.as_ref().map(|s| &s.0));
    kernel::run(&info, config, console::Console::new())
}

/// The initrd, empty when there is none, and what lies behind it. What the monitor hands over wins over what the image carries.
fn initrd(info: &BootInfo) -> (&'static [u8], &'static [u8]) {
    let (given, rest) = tail::split(info.initrd().map_or(&[], |(_, bytes)| bytes));
    (if given.is_empty() { attached::initrd() } else { given }, rest)
}

/// The command line, understood or refused.
fn configuration(info: &BootInfo) -> GuestConfig {
    let mut text = String::from(utf8(info.command_line()));
    let rest = initrd(info).1;
    if !rest.is_empty() {
        text += " ";
        text += utf8(rest);
    }
    let mut config = GuestConfig::default();
    match config.read_over(utf8(attached::command_line()), &text) {
        Ok(()) => config,
        Err(error) => end::failed(exit::PITH_ERROR, format_args!("the guest command line is damaged: {error}")),
    }
}

/// What the host wrote, which is text.
fn utf8(line: &'static [u8]) -> &'static str {
    match core::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => end::failed(exit::PITH_ERROR, format_args!("the guest command line is damaged: {error}")),
    }
}

/// What everything above the CPU needs of the clock.
fn clock() -> Arc<dyn time::Clock> {
    Arc::new(machine::SharedClock(machine::get().clock))
}
