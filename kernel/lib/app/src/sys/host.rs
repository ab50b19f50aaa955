//! The host's: threads of the standard library.

extern crate std;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uapi::{Errno, Result};
use wait::{Events, Registration, Share, WaitQueue};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Monotonic nanoseconds.
pub fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970.
pub fn realtime_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// As on the machine.
pub fn wait_on(queues: &[(&WaitQueue, Events)], deadline_ns: Option<u64>, ready: &mut dyn FnMut() -> bool) -> bool {
    let unpark = Arc::new(Unpark(thread::current()));
    let register = |(queue, events): &(&WaitQueue, Events)| queue.register(*events, Share::All, unpark.clone().into());
    let _registrations: Vec<Registration> = queues.iter().map(register).collect();
    loop {
        if ready() {
            return true;
        }
        match deadline_ns.map(|deadline| deadline.saturating_sub(now_ns())) {
            Some(0) => return false,
            Some(left) => thread::park_timeout(Duration::from_nanos(left)),
            None => thread::park(),
        }
    }
}

/// A thread.
pub fn spawn(stack_bytes: u64, body: Box<dyn FnOnce() + Send>) -> Result<()> {
    let builder = thread::Builder::new().stack_size(usize::try_from(stack_bytes).unwrap_or(usize::MAX));
    builder.spawn(body).map(drop).map_err(|_| Errno::ENOMEM)
}

/// Gives way.
pub fn yield_now() {
    thread::yield_now();
}

/// Ends the process.
pub fn exit(status: u8) -> ! {
    std::process::exit(status.into())
}
