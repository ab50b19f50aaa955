//! The system-call table and its handlers.
//!
//! [`dispatch`] is the one entry: the machine calls it with the number and the raw arguments of a `syscall`, and puts what it returns into
//! the result register. Behind it, from the outside in:
//! - [`table`]: the declared table; each row decodes its arguments and calls a function in [`calls`], which reads like its manual page;
//! - [`Cx`]: who calls; everything that handlers ask of the process, its descriptors and paths;
//! - [`wait`]: how a handler waits: attempt, register, attempt again, sleep;
//! - [`codec`]: the application's structures to and from the library OS's types, pure;
//! - [`System`]: the machine's services, handed in by the image.
//!
//! No call pretends: what is not there is `ENOSYS` (and one log line per number), what cannot be done is its errno.
//!
//! Neighbours: everything below (`process`, `vfs`, `mm`, `signal`, ...); only `image` above.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arch;
pub mod calls;
pub mod codec;
mod cx;
mod system;
pub mod table;
pub mod wait;

pub use arch::UserRegs;
pub use calls::system::{RELEASE, VERSION};
pub use cx::{AT_FDCWD, At, Cx, Masked};
#[cfg(feature = "sockets")]
pub use system::Sockets;
pub use system::{FileCounters, HostName, MachineInfo, Memory, Names, System};

#[cfg(feature = "messages")]
use process::{Level, Platform};
use uapi::Errno;

/// Runs system call `number` with the raw `args`; what belongs into the result register: a value, or an errno negated (also ERESTARTSYS and
/// ERESTARTNOHAND, which `process::return_to_user` settles).
#[inline]
pub fn dispatch(cx: &mut Cx<'_>, number: u64, args: &[u64; 6]) -> u64 {
    cx.thread.count_system_call();
    match table::call(cx, number, args) {
        Some(result) => result.unwrap_or_else(Errno::to_syscall),
        None => absent(cx, number),
    }
}

/// ENOSYS, and one log line per number.
#[cold]
#[inline(never)]
fn absent(cx: &mut Cx<'_>, number: u64) -> u64 {
    // The number that marks "no call" in the registers is an unknown call like others when an application makes it.
    crate::arch::mark_call(cx.regs);
    if cx.system.first_absent_call(number) {
        let platform = cx.platform();
        #[cfg(not(feature = "messages"))]
        platform.log_absent_call(number);
        // Names are looked up when the line is written, which most machines never do.
        #[cfg(feature = "messages")]
        say_absent(platform, number);
    }
    Errno::ENOSYS.to_syscall()
}

/// The line for a call that is absent.
#[cfg(feature = "messages")]
fn say_absent(platform: &dyn Platform, number: u64) {
    let call = table::Shown(number);
    match table::left_out(number) {
        Some(option) => platform.say(Level::Warn, format_args!("system call {call} was left out of this image (needs {option}): ENOSYS")),
        None if number >= table::COUNT as u64 => platform.say(Level::Warn, format_args!("system call {number} does not exist: ENOSYS")),
        None => platform.say(Level::Info, format_args!("system call {call} is not supported: ENOSYS")),
    }
}
