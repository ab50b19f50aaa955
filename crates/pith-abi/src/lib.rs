//! The contract between the host command line and the kernel.
//!
//! Both sides link this crate, so neither can drift from the other:
//!
//! * [`cmdline`]: the guest command line, written by [`cmdline::CmdlineBuilder`] on the host and read by
//!   [`cmdline::GuestConfig::parse`] in the guest. The language is Unikraft's, with quoting that holds.
//! * [`agent`]: the framed messages of the agent channel, over virtio-serial: output, input, requests.
//! * [`record`]: the lines that the kernel writes to the debug console (port [`LOG_PORT`]): log lines and how it ended.
//! * [`control`]: the bytes that the host sends to the guest on COM2's receive side: signals and end of input.
//! * [`attached`]: what a finished kernel image carries with it: root file system, command line, program.
//! * [`exit`]: exit codes of `pith run`.
//!
//! No dependencies, `no_std`, nothing here knows a device or an operating system.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod agent;
pub mod attached;
pub mod cmdline;
pub mod control;
pub mod record;

/// I/O port of the log channel (QEMU `isa-debugcon`): the kernel writes [`record::Record`] lines here, byte by byte.
pub const LOG_PORT: u16 = 0xe9;

/// I/O port of QEMU's `isa-debug-exit`. A byte `v` written here ends the VMM with status `(v << 1) | 1`, so the value
/// only matters as a hint; the authority is the last [`record::Record`] written before.
pub const DEBUG_EXIT_PORT: u16 = 0x501;

/// First port of COM1: the application's standard input and output.
pub const CONSOLE_PORT: u16 = 0x3f8;

/// First port of COM2: transmit is the application's standard error, receive is the [`control`] channel.
pub const STDERR_PORT: u16 = 0x2f8;

/// COM1's interrupt line.
pub const CONSOLE_IRQ: u8 = 4;

/// COM2's interrupt line.
pub const STDERR_IRQ: u8 = 3;

/// Exit codes of `pith run`. Below [`exit::OUT_OF_MEMORY`] they are the application's own; so are `128 + n`, which say
/// that signal `n` ended it (the shell's convention).
pub mod exit {
    /// The guest ran out of memory and the application was ended for it.
    pub const OUT_OF_MEMORY: u8 = 123;
    /// The guest kernel panicked, or the machine reset itself.
    pub const KERNEL_PANIC: u8 = 124;
    /// Pith could not do what was asked: bad arguments, no VMM, port in use, root file system unreadable.
    pub const PITH_ERROR: u8 = 125;
    /// The command exists in the root file system but cannot be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    /// The command does not exist in the root file system.
    pub const NOT_FOUND: u8 = 127;
    /// Added to a signal number.
    pub const SIGNAL_BASE: u8 = 128;

    /// The exit code for an application ended by `signal` (1..=64).
    #[must_use]
    pub const fn from_signal(signal: u8) -> u8 {
        SIGNAL_BASE.saturating_add(signal)
    }
}
