//! What entry code's arrivals come to when the application has no part in them: interrupts, and exceptions in the kernel's own code.

#[cfg(feature = "smp")]
use crate::cpus;
use crate::log::Text;
use crate::{interrupts, panic, pc};
use arch_x86_64::{UserRegs, cpu, entry};

/// Exceptions by their vectors (SDM volume 3, table 6-1).
pub const NMI: u64 = 2;
pub const DOUBLE_FAULT: u64 = 8;
pub const PAGE_FAULT: u64 = 14;
const BUG: u64 = entry::BUG as u64;

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

/// A bug in the kernel ends the machine: an exception that nobody handles, or what the kernel found wrong itself. Entry code comes here on a stack kept for this.
#[unsafe(no_mangle)]
pub extern "C" fn pith_bug(regs: &UserRegs, vector: u64, error: u64) -> ! {
    // The address must be read before anything else can fault; an image without words does not say it.
    let address = if cfg!(feature = "messages") && vector == PAGE_FAULT { cpu::fault_address() } else { 0 };
    // Nobody else speaks or ends the machine meanwhile. Who comes from any instruction at all does not wait.
    #[cfg(feature = "smp")]
    if !cpus::is_inside() && vector != NMI && vector != DOUBLE_FAULT {
        cpus::enter();
    }
    panic::begin();
    let text = if vector == BUG {
        panic::failed(regs)
    } else {
        let what = match vector {
            0 => "division by zero",
            6 => "illegal instruction",
            DOUBLE_FAULT => "double fault",
            13 => "protection fault",
            PAGE_FAULT => "page fault",
            _ => "exception",
        };
        panic::registers(regs);
        Text::format(format_args!(
            "{what} (vector {vector}, error {error:#x}) at {:#x}, address {address:#x}, stack {:#x}",
            regs.rip, regs.rsp
        ))
    };
    let what = if vector == BUG && !cfg!(feature = "panic-text") { panic::CHECK } else { text.as_str() };
    panic::end(what, (vector != BUG).then_some(regs.rip), regs.rsp)
}
