//! How a thread sleeps.

use crate::Thread;
use sched::Wakeup;
use uapi::{Errno, Result};
use wait::{Events, Registration, Share, WaitQueue};

/// What may end a wait besides what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruptible {
    /// Signals: ERESTARTSYS, which the caller turns into another errno where its man page says so.
    Yes,
    /// Only the end of the thread: EINTR, never seen by the application.
    OnlyByEnd,
}

impl Thread {
    /// Forgets earlier wake-ups; call it before registering [`waker`](Self::waker) for a new wait.
    #[inline]
    pub fn prepare_to_block(&self) {
        self.task().clear_wake();
    }

    /// Whether an interruptible wait must end now.
    pub fn interrupted(&self) -> bool {
        self.is_leaving() || (self.signals().needs_attention() && self.process().signals().interrupts(self.signals()))
    }

    /// Sleeps until woken or until `deadline` (monotonic nanoseconds); not at all when woken since [`prepare_to_block`](Self::prepare_to_block).
    /// Wake-ups may be spurious: look again.
    pub fn block(&self, deadline: Option<u64>, how: Interruptible) -> Result<Wakeup> {
        match how {
            Interruptible::Yes if self.interrupted() => return Err(Errno::ERESTARTSYS),
            Interruptible::OnlyByEnd if self.is_leaving() => return Err(Errno::EINTR),
            _ => {}
        }
        Ok(self.services().scheduler.block(deadline))
    }

    /// Waits until `ready` is true, looking again whenever one of `queues` reports its events. `Ok(TimedOut)` when `deadline` (monotonic
    /// nanoseconds) came first.
    pub fn wait_on(
        &self,
        queues: &[(&WaitQueue, Events)],
        deadline: Option<u64>,
        how: Interruptible,
        ready: &mut dyn FnMut() -> bool,
    ) -> Result<Wakeup> {
        if ready() {
            return Ok(Wakeup::Woken);
        }
        self.prepare_to_block();
        let register = |(queue, events): &(&WaitQueue, Events)| queue.register(*events, Share::All, self.waker());
        let _registrations: alloc::vec::Vec<Registration> = queues.iter().map(register).collect();
        let mut last = Wakeup::Woken;
        loop {
            if ready() {
                return Ok(Wakeup::Woken);
            }
            if last == Wakeup::TimedOut {
                return Ok(last);
            }
            last = self.block(deadline, how)?;
        }
    }
}
