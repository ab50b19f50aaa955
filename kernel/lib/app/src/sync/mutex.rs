//! Mutual exclusion, and waiting for what another thread makes true.

use crate::sys;
use crate::time::Duration;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Once;
use wait::{Events, WaitQueue};

/// Mutual exclusion: who finds it locked sleeps.
#[derive(Default)]
pub struct Mutex<T> {
    /// Made when somebody waits first, so that a mutex can be a `static`.
    queue: Once<WaitQueue>,
    value: spinlock::Mutex<T>,
}

impl<T> Mutex<T> {
    /// A free one around `value`.
    pub const fn new(value: T) -> Self {
        Self { queue: Once::new(), value: spinlock::Mutex::new(value) }
    }

    /// Waits until it is free and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if let Some(guard) = self.try_lock() {
            return guard;
        }
        let queue = self.queue.call_once(WaitQueue::new);
        let mut taken = None;
        sys::wait_on(&[(queue, Events::IN)], None, &mut || {
            taken = self.try_lock();
            taken.is_some()
        });
        match taken {
            Some(guard) => guard,
            None => unreachable!("a wait without a deadline ends when it is ready"),
        }
    }

    /// Takes it if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.value.try_lock().map(|guard| MutexGuard { mutex: self, guard: Some(guard) })
    }

    /// What it held.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// Access to what a [`Mutex`] holds, until it is dropped.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only while it is dropped.
    guard: Option<spinlock::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.guard {
            Some(guard) => guard,
            None => unreachable!("a guard that was dropped"),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.guard {
            Some(guard) => guard,
            None => unreachable!("a guard that was dropped"),
        }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        drop(self.guard.take());
        if let Some(queue) = self.mutex.queue.get() {
            queue.wake(Events::IN);
        }
    }
}

/// Whether a wait ended because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// It did.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Waiting for what another thread makes true. A wait may end without anybody's notice: look again.
#[derive(Default)]
pub struct Condvar {
    queue: Once<WaitQueue>,
    /// How often somebody was notified: what happens between unlocking and sleeping is not lost.
    notices: AtomicU64,
}

impl Condvar {
    /// One that nobody waits on.
    pub const fn new() -> Self {
        Self { queue: Once::new(), notices: AtomicU64::new(0) }
    }

    fn sleep<'a, T>(&self, guard: MutexGuard<'a, T>, deadline_ns: Option<u64>) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        let queue = self.queue.call_once(WaitQueue::new);
        let before = self.notices.load(Ordering::SeqCst);
        let mutex = guard.mutex;
        drop(guard);
        let is_noticed = sys::wait_on(&[(queue, Events::IN)], deadline_ns, &mut || self.notices.load(Ordering::SeqCst) != before);
        (mutex.lock(), WaitTimeoutResult(!is_noticed))
    }

    /// Unlocks the mutex, waits for a notice, locks it again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.sleep(guard, None).0
    }

    /// Waits while `condition` is true.
    pub fn wait_while<'a, T>(&self, mut guard: MutexGuard<'a, T>, mut condition: impl FnMut(&mut T) -> bool) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// As [`wait`](Self::wait), for `duration` at most.
    pub fn wait_timeout<'a, T>(&self, guard: MutexGuard<'a, T>, duration: Duration) -> (MutexGuard<'a, T>, WaitTimeoutResult) {
        self.sleep(guard, sys::deadline(duration))
    }

    /// Wakes one who waits; here that may be more than one, as a wait may always end by itself.
    pub fn notify_one(&self) {
        self.notify_all();
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        self.notices.fetch_add(1, Ordering::SeqCst);
        if let Some(queue) = self.queue.get() {
            queue.wake(Events::IN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thread;
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    #[test]
    fn many_threads_count_to_their_sum() {
        let count = Arc::new(Mutex::new(0_u32));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let count = count.clone();
                thread::spawn(move || {
                    for _ in 0..200 {
                        let mut held = count.lock();
                        let seen = *held;
                        thread::yield_now();
                        *held = seen + 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(thread::JoinHandle::join);
        assert_eq!(*count.lock(), 1600);
    }

    #[test]
    fn a_condition_is_handed_back_and_forth() {
        static TURN: Mutex<u32> = Mutex::new(0);
        static CHANGED: Condvar = Condvar::new();
        let other = thread::spawn(|| {
            for turn in [1, 3, 5] {
                let mut held = CHANGED.wait_while(TURN.lock(), |now| *now != turn);
                *held += 1;
                CHANGED.notify_one();
            }
        });
        for turn in [0, 2, 4] {
            let mut held = CHANGED.wait_while(TURN.lock(), |now| *now != turn);
            *held += 1;
            CHANGED.notify_all();
        }
        other.join();
        assert_eq!(*TURN.lock(), 6);
    }

    #[test]
    fn a_wait_ends_when_its_time_is_over() {
        let (mutex, never) = (Mutex::new(7), Condvar::new());
        let (guard, result) = never.wait_timeout(mutex.lock(), Duration::from_millis(1));
        assert!(result.timed_out() && *guard == 7);
        assert!(mutex.try_lock().is_none());
    }
}
