//! Threads, as in `std::thread`. They run one at a time and change where one waits, sleeps, yields or ends.

use crate::io::{Error, Result};
use crate::sys;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::sync::Arc;
use spinlock::Mutex;
use wait::{Events, WaitQueue};

/// Bytes of a thread's stack unless its [`Builder`] says otherwise. All of it is memory in use; below it a page is missing, so that one that is too small ends the machine
/// instead of writing elsewhere.
pub const STACK_BYTES: u64 = 64 * 1024;

/// What a thread leaves.
struct Packet<T> {
    /// `Some` once it has returned.
    value: Mutex<Option<T>>,
    done: WaitQueue,
}

/// A thread to wait for.
pub struct JoinHandle<T>(Arc<Packet<T>>);

impl<T> JoinHandle<T> {
    /// Waits for its end and gives what it returned. (A panic would have ended the machine.)
    pub fn join(self) -> T {
        let mut value = None;
        sys::wait_on(&[(&self.0.done, Events::IN)], None, &mut || {
            value = self.0.value.lock().take();
            value.is_some()
        });
        match value {
            Some(value) => value,
            None => unreachable!("a wait without a deadline ends when it is ready"),
        }
    }

    /// Whether it has returned.
    pub fn is_finished(&self) -> bool {
        self.0.value.lock().is_some()
    }
}

/// A thread with another stack than the usual one.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    stack_bytes: u64,
}

impl Default for Builder {
    fn default() -> Self {
        Self { stack_bytes: STACK_BYTES }
    }
}

impl Builder {
    /// The usual.
    pub fn new() -> Self {
        Self::default()
    }

    /// This many bytes of stack, rounded up to pages.
    #[must_use]
    pub fn stack_size(self, bytes: usize) -> Self {
        Self { stack_bytes: bytes as u64 }
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// ENOMEM: no memory for its stack.
    pub fn spawn<F, T>(self, body: F) -> Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let packet = Arc::new(Packet { value: Mutex::new(None), done: WaitQueue::new() });
        let own = packet.clone();
        let run = move || {
            let value = body();
            *own.value.lock() = Some(value);
            own.done.wake(Events::IN);
        };
        sys::spawn(self.stack_bytes, Box::new(run)).map_err(Error::from)?;
        Ok(JoinHandle(packet))
    }
}

/// Starts a thread.
///
/// # Panics
/// There is no memory for its stack; [`Builder::spawn`] says so instead.
pub fn spawn<F, T>(body: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn(body) {
        Ok(handle) => handle,
        Err(error) => panic!("no thread: {error}"),
    }
}

/// Lets the others have their turn, and the machine its interrupts.
pub fn yield_now() {
    sys::yield_now();
}

/// Waits at least that long.
pub fn sleep(duration: Duration) {
    let deadline = sys::deadline(duration);
    sys::wait_on(&[], deadline, &mut || false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_what_it_returned() {
        let handle = spawn(|| 6 * 7);
        assert_eq!(handle.join(), 42);
    }
}
