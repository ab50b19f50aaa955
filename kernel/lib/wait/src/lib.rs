//! Wait queues: who wants to know when something becomes ready.
//!
//! Nothing below the system-call layer ever blocks. An object that can become ready (a pipe, a socket, an eventfd) owns a
//! [`WaitQueue`], answers `EAGAIN` when it is not ready, and calls [`WaitQueue::wake`] with the [`Events`] that became true. Whoever wants
//! to know registers a [`core::task::Waker`]: a blocked thread (its waker unparks it), an epoll instance (its waker puts the item
//! on the ready list), a test (its waker counts). The pattern that loses no wake-up is always: register, *then* look again, *then* sleep.
//!
//! [`Attention`] is how a thread learns at its way back to the application that anything at all was left for it.
//!
//! Neighbours: `file` (every file may have a queue), `sched` (thread wakers), `epoll`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod attention;

pub use attention::Attention;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;
use spinlock::Mutex;

bitflags::bitflags! {
    /// Readiness, with poll(2)'s bit values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Events: u32 {
        /// POLLIN: reading will not block (data, or end of file).
        const IN = 0x001;
        /// POLLPRI: exceptional condition.
        const PRI = 0x002;
        /// POLLOUT: writing will not block.
        const OUT = 0x004;
        /// POLLERR: error condition; always reported.
        const ERR = 0x008;
        /// POLLHUP: the peer is gone; always reported.
        const HUP = 0x010;
        /// POLLNVAL: not an open descriptor (poll only).
        const NVAL = 0x020;
        /// POLLRDNORM.
        const RDNORM = 0x040;
        /// POLLRDBAND.
        const RDBAND = 0x080;
        /// POLLWRNORM.
        const WRNORM = 0x100;
        /// POLLWRBAND.
        const WRBAND = 0x200;
        /// POLLMSG.
        const MSG = 0x400;
        /// POLLRDHUP: the peer has shut down its writing half.
        const RDHUP = 0x2000;
    }
}

impl Events {
    /// Reported whether asked for or not (poll(2)).
    pub const ALWAYS: Events = Events::ERR.union(Events::HUP);
    /// What a readable object reports.
    pub const READABLE: Events = Events::IN.union(Events::RDNORM);
    /// What a writable object reports.
    pub const WRITABLE: Events = Events::OUT.union(Events::WRNORM);
}

/// Whether a registered waker is woken with all others or takes its turn (EPOLLEXCLUSIVE, futex-like wake-one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Woken on every wake.
    All,
    /// One exclusive waiter is woken per wake, in registration order.
    Exclusive,
}

struct Entry {
    id: u64,
    interest: Events,
    share: Share,
    waker: Waker,
}

#[derive(Default)]
struct Entries {
    list: Vec<Entry>,
    next_id: u64,
}

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    /// Number of entries, so that waking an empty queue costs one load.
    len: AtomicUsize,
}

/// A list of wakers with what each is interested in. Cheap to clone: clones are the same queue.
#[derive(Clone, Default)]
pub struct WaitQueue {
    shared: Arc<Shared>,
}

/// A registration; dropping it takes the waker off the queue.
#[must_use = "dropping the registration takes the waker off the queue"]
pub struct Registration {
    queue: WaitQueue,
    id: u64,
}

impl WaitQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `waker` on the queue until the registration is dropped. It is woken (again and again) by every
    /// [`wake`](Self::wake) whose events meet `interest` or [`Events::ALWAYS`].
    pub fn register(&self, interest: Events, share: Share, waker: Waker) -> Registration {
        let mut entries = self.shared.entries.lock();
        let id = entries.next_id;
        entries.next_id += 1;
        entries.list.push(Entry { id, interest, share, waker });
        self.shared.len.store(entries.list.len(), Ordering::SeqCst);
        Registration { queue: self.clone(), id }
    }

    /// Wakes every shared waiter and the first exclusive one that `events` concerns.
    pub fn wake(&self, events: Events) {
        if self.shared.len.load(Ordering::SeqCst) == 0 {
            return;
        }
        // Wakers run outside the lock: they may take other locks, or drop registrations.
        {
            // One waiter is the common case (a thread, or an epoll item), and needs no batches.
            let entries = self.shared.entries.lock();
            if let (1, Some(only)) = (entries.list.len(), entries.list.first()) {
                let waker = events.intersects(only.interest | Events::ALWAYS).then(|| only.waker.clone());
                drop(entries);
                if let Some(waker) = waker {
                    waker.wake();
                }
                return;
            }
        }
        let mut batch: [Option<Waker>; 4] = Default::default();
        let mut after = None;
        let mut exclusive_left = true;
        loop {
            let mut count = 0;
            {
                let entries = self.shared.entries.lock();
                let seen = after;
                for entry in entries.list.iter().filter(|e| seen.is_none_or(|id| e.id > id)) {
                    if count == batch.len() {
                        break;
                    }
                    after = Some(entry.id);
                    if !events.intersects(entry.interest | Events::ALWAYS) {
                        continue;
                    }
                    if entry.share == Share::Exclusive && !core::mem::take(&mut exclusive_left) {
                        continue;
                    }
                    batch[count] = Some(entry.waker.clone());
                    count += 1;
                }
            }
            for waker in batch[..count].iter_mut().filter_map(Option::take) {
                waker.wake();
            }
            if count < batch.len() {
                return;
            }
        }
    }

    /// Whether both are the same queue.
    pub fn is_same(&self, other: &WaitQueue) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether anybody is registered.
    pub fn is_empty(&self) -> bool {
        self.shared.len.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut entries = self.queue.shared.entries.lock();
        // Ids grow along the list, so the entry is found by bisection.
        if let Ok(index) = entries.list.binary_search_by_key(&self.id, |e| e.id) {
            entries.list.remove(index);
        }
        self.queue.shared.len.store(entries.list.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::task::Wake;

    #[derive(Default)]
    struct Counter(AtomicUsize);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn counters(n: usize) -> Vec<Arc<Counter>> {
        (0..n).map(|_| Arc::default()).collect()
    }
    fn count(c: &Arc<Counter>) -> usize {
        c.0.load(Ordering::SeqCst)
    }

    #[test]
    fn wakes_only_those_interested_and_always_on_error() {
        let queue = WaitQueue::new();
        let c = counters(2);
        let _in = queue.register(Events::IN, Share::All, c[0].clone().into());
        let _out = queue.register(Events::OUT, Share::All, c[1].clone().into());
        queue.wake(Events::IN);
        assert_eq!((count(&c[0]), count(&c[1])), (1, 0));
        queue.wake(Events::HUP);
        assert_eq!((count(&c[0]), count(&c[1])), (2, 1));
    }

    #[test]
    fn one_exclusive_waiter_per_wake_and_every_shared_one_beyond_a_batch() {
        let queue = WaitQueue::new();
        let exclusive = counters(3);
        let shared = counters(20);
        let mut keep: Vec<_> = exclusive.iter().map(|c| queue.register(Events::IN, Share::Exclusive, c.clone().into())).collect();
        keep.extend(shared.iter().map(|c| queue.register(Events::IN, Share::All, c.clone().into())));
        queue.wake(Events::IN);
        assert_eq!(exclusive.iter().map(count).sum::<usize>(), 1);
        assert!(shared.iter().all(|c| count(c) == 1));
    }

    #[test]
    fn a_dropped_registration_is_forgotten() {
        let queue = WaitQueue::new();
        let c = counters(1);
        drop(queue.register(Events::IN, Share::All, c[0].clone().into()));
        assert!(queue.is_empty());
        queue.wake(Events::IN);
        assert_eq!(count(&c[0]), 0);
    }
}
