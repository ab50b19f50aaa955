//! The machine's.

use alloc::boxed::Box;
use machine::{application, end, pc};
use uapi::Result;

pub use machine::application::{next_slice as yield_now, wait_on};

/// Monotonic nanoseconds.
pub fn now_ns() -> u64 {
    pc::now_ns()
}

/// Nanoseconds since 1970.
pub fn realtime_ns() -> u64 {
    pc::clock().realtime_ns()
}

/// A thread. ENOMEM.
pub fn spawn(stack_bytes: u64, body: Box<dyn FnOnce() + Send>) -> Result<()> {
    application::spawn(stack_bytes, body).map(drop)
}

/// Ends the machine.
pub fn exit(status: u8) -> ! {
    end::exited(status)
}
