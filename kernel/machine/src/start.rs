//! The first steps, on the boot stack: CPU, memory, the command line, clock and log.

use crate::{attached, end, log, memory, pc, random};
use alloc::string::String;
use arch_x86_64::percpu::{AppRing, PerCpu};
use arch_x86_64::{boot, entry, fpu};
use pith_abi::cmdline::{GuestConfig, tail};
use pith_abi::exit;
use plat_pc::pvh::BootInfo;

static mut BOOT_CPU: PerCpu = PerCpu::new();

/// The first code in long mode: `start_info` is the physical address of what the hypervisor passed. Afterwards there is a heap, a clock and a log.
///
/// # Safety
/// Once, by `pith_start`, with what it was given.
pub unsafe fn start(start_info: u64) -> (BootInfo, GuestConfig) {
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
    pc::init();
    #[cfg(feature = "smp")]
    crate::cpus::init(&pc::get().apic);
    log::set_clock(pc::now_ns);
    crate::log!(Debug, "memory: {} KiB free", memory::FRAMES.free_bytes() / 1024);
    random::seed(config.random_seed.as_ref().map(|s| &s.0));
    (info, config)
}

/// The initrd, empty when there is none, and what lies behind it. What the monitor hands over wins over what the image carries.
pub fn initrd(info: &BootInfo) -> (&'static [u8], &'static [u8]) {
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

/// A step of the start is done; for the trace log.
#[inline(never)]
pub fn step(name: &str) {
    crate::log!(Trace, "boot: {name}");
}
