//! What entry code's arrivals come to when the application has no part in them: interrupts, and exceptions in the kernel's own code.

use crate::{interrupts, panic, pc};
use arch_x86_64::UserRegs;

/// An interrupt arrived; `tick` is called for the timer's, and for another CPU's word that there is something to run.
#[inline]
pub fn interrupt(vector: u64, tick: impl FnOnce()) {
    #[cfg(feature = "smp")]
    let is_tick = vector == u64::from(interrupts::TIMER) || vector == u64::from(interrupts::KICK);
    #[cfg(not(feature = "smp"))]
    let is_tick = vector == u64::from(interrupts::TIMER);
    if is_tick {
        pc::get().apic.end_of_interrupt();
        tick();
    } else {
        interrupts::dispatch(vector as u8);
    }
}

/// An exception in the kernel's own code ends the machine. `address` is what a page fault was about.
pub fn bug(regs: &UserRegs, vector: u64, error: u64, address: u64) -> ! {
    let what = match vector {
        0 => "division by zero",
        6 => "illegal instruction",
        8 => "double fault",
        13 => "protection fault",
        14 => "page fault",
        _ => "exception",
    };
    panic::trapped(
        format_args!("{what} (vector {vector}, error {error:#x}) at {:#x}, address {address:#x}, stack {:#x}", regs.rip, regs.rsp),
        regs,
    );
}
