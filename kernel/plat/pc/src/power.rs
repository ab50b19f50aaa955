//! Ending the machine, on every machine type, at once.

use arch_x86_64::cpu;

/// Ends the machine. `status` goes to `isa-debug-exit` where there is one (the monitor then exits with `status << 1 | 1`); otherwise ACPI S5 as
/// QEMU's pc and q35 have it, the keyboard controller's reset line (Firecracker ends on it), a triple fault.
pub fn off(status: u8) -> ! {
    // SAFETY: the last writes this machine makes; ports without a device ignore them.
    unsafe {
        cpu::outb(pith_abi::DEBUG_EXIT_PORT, status);
        cpu::outw(0x604, 0x2000);
        cpu::outw(0xb004, 0x2000);
        cpu::outb(0x64, 0xfe);
    }
    cpu::triple_fault()
}
