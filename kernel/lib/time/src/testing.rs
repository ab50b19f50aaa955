//! A clock for tests: stands still until moved.

use crate::Clock;
use core::sync::atomic::{AtomicU64, Ordering};
use wait::{Events, WaitQueue};

/// Time moved by hand. Starts at monotonic 1 s, real time 1,700,000,000 s.
pub struct ManualClock {
    monotonic: AtomicU64,
    offset: AtomicU64,
    changes: AtomicU64,
    set: WaitQueue,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            monotonic: AtomicU64::new(1_000_000_000),
            offset: AtomicU64::new(1_699_999_999_000_000_000),
            changes: AtomicU64::new(0),
            set: WaitQueue::new(),
        }
    }
}

impl ManualClock {
    /// Lets `ns` pass.
    pub fn advance(&self, ns: u64) {
        self.monotonic.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic_ns(&self) -> u64 {
        self.monotonic.load(Ordering::SeqCst)
    }
    fn realtime_ns(&self) -> u64 {
        self.monotonic_ns() + self.offset.load(Ordering::SeqCst)
    }
    fn set_realtime_ns(&self, ns: u64) {
        self.offset.store(ns - self.monotonic_ns(), Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.set.wake(Events::PRI);
    }
    fn realtime_changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
    fn realtime_set(&self) -> Option<&WaitQueue> {
        Some(&self.set)
    }
}
