//! The debug console: one port that takes bytes (QEMU `isa-debugcon`), where log and control records go.

use arch_x86_64::cpu;
use core::fmt;

/// Where log records go: the debug console when the monitor has one, else the first serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogPort {
    /// `isa-debugcon` at port 0xe9.
    Debugcon,
    /// COM1.
    Serial,
}

const DEBUGCON: u16 = 0xe9;
const COM1: u16 = 0x3f8;

impl LogPort {
    /// Reading the debug console gives its own port number where there is one.
    pub fn probe() -> Self {
        // SAFETY: reading an absent port gives all ones; nobody else drives this one.
        if unsafe { cpu::inb(DEBUGCON) } == DEBUGCON as u8 { LogPort::Debugcon } else { LogPort::Serial }
    }

    /// Writes all bytes. Serial output waits for the transmitter.
    pub fn write(self, bytes: &[u8]) {
        match self {
            // SAFETY: the port takes bytes and does nothing else.
            LogPort::Debugcon => unsafe { cpu::outsb(DEBUGCON, bytes) },
            LogPort::Serial => {
                for byte in bytes {
                    // SAFETY: status and data registers of COM1; the log shares it with the console by whole bytes.
                    unsafe {
                        while cpu::inb(COM1 + 5) & 0x20 == 0 {
                            core::hint::spin_loop();
                        }
                        cpu::outb(COM1, *byte);
                    }
                }
            }
        }
    }
}

impl fmt::Write for LogPort {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.write(s.as_bytes());
        Ok(())
    }
}
