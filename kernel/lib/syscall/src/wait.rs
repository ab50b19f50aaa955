//! Waiting for a file: the loop that turns a library's EAGAIN into blocking.
//!
//! The first attempt is the caller's, before anything is registered. Only then: register → look again → sleep.

use crate::Cx;
use file::{Events, File, Share, WaitQueue};
use uapi::{Errno, Result};

/// What to wait for and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// What the file has to report.
    pub interest: Events,
    /// Whether one wake of the file wakes one or every waiter.
    pub share: Share,
    /// Monotonic nanoseconds; `None` waits for ever. Past it the wait ends with EAGAIN.
    pub deadline: Option<u64>,
}

impl Wait {
    /// Until there is something to read.
    pub const READABLE: Wait = Wait { interest: Events::IN, share: Share::All, deadline: None };
    /// Until there is room to write.
    pub const WRITABLE: Wait = Wait { interest: Events::OUT, share: Share::All, deadline: None };

    /// With an end to it: `timeout_ns` from now.
    pub fn at_most(self, cx: &Cx<'_>, timeout_ns: Option<u64>) -> Wait {
        Wait { deadline: timeout_ns.map(|ns| cx.now_ns().saturating_add(ns)), ..self }
    }
}

/// Repeats `attempt` until it answers something else than EAGAIN, sleeping on the file's queue in between. EAGAIN: the deadline passed, or
/// the file has no queue. A signal ends it with ERESTARTSYS, or with EINTR when there is a deadline, as socket timeouts do (signal(7)).
pub fn until(cx: &Cx<'_>, file: &dyn File, wait: Wait, attempt: &mut dyn FnMut() -> Result<u64>) -> Result<u64> {
    match file.wait_queue() {
        Some(queue) => until_woken(cx, queue, wait, attempt),
        None => attempt(),
    }
}

/// As [`until`], on a queue that is not a file's own.
pub fn until_woken(cx: &Cx<'_>, queue: &WaitQueue, wait: Wait, attempt: &mut dyn FnMut() -> Result<u64>) -> Result<u64> {
    cx.prepare_to_block();
    let _registration = queue.register(wait.interest, wait.share, cx.waker());
    let mut expired = false;
    loop {
        match attempt() {
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
        if expired {
            return Err(Errno::EAGAIN);
        }
        if cx.interrupted() {
            return Err(if wait.deadline.is_some() { Errno::EINTR } else { Errno::ERESTARTSYS });
        }
        expired = cx.block(wait.deadline) == Woke::TimedOut;
    }
}

/// How a sleep ended.
pub use sched::Wakeup as Woke;
