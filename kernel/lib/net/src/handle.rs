//! The part of a socket that can be looked at without the stack's lock: what is ready, and who waits.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use file::{Events, WaitQueue};

/// Readiness and wait queue of one socket.
pub struct Handle {
    /// Who waits for this socket.
    pub queue: WaitQueue,
    ready: AtomicU32,
}

impl Handle {
    /// A handle with nothing ready.
    pub fn new() -> Arc<Handle> {
        Arc::new(Handle { queue: WaitQueue::new(), ready: AtomicU32::new(0) })
    }

    /// What is ready now.
    pub fn ready(&self) -> Events {
        Events::from_bits_truncate(self.ready.load(Ordering::Acquire))
    }

    /// Publishes what is ready now.
    pub fn set_ready(&self, events: Events) {
        self.ready.store(events.bits(), Ordering::Release);
    }
}

/// Wake-ups collected under the stack's lock, given after it is released.
#[derive(Default)]
pub struct Wakes {
    list: Vec<(Arc<Handle>, Events)>,
}

impl Wakes {
    /// Remembers to wake those waiting on `handle` for `events`.
    pub fn add(&mut self, handle: &Arc<Handle>, events: Events) {
        if handle.queue.is_empty() {
            return;
        }
        // A burst for one socket is one wake-up.
        if let Some((last, pending)) = self.list.last_mut()
            && Arc::ptr_eq(last, handle)
        {
            *pending |= events;
            return;
        }
        self.list.push((handle.clone(), events));
    }

    /// Whether nobody is to be woken.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes the list, leaving an empty one.
    pub fn take(&mut self) -> Vec<(Arc<Handle>, Events)> {
        core::mem::take(&mut self.list)
    }

    /// Gives the emptied list's memory back for the next round.
    pub fn restore(&mut self, mut list: Vec<(Arc<Handle>, Events)>) {
        if self.list.is_empty() {
            list.clear();
            self.list = list;
        }
    }
}
