//! Deadlines in order, each with whom to wake.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;
use sortedmap::ChunkedMap;
use spin::{Mutex, Once};

/// Deadline in monotonic nanoseconds, then order of arming.
type Key = (u64, u64);

#[derive(Default)]
struct Armed {
    timers: ChunkedMap<Key, Waker>,
    next_id: u64,
}

impl Armed {
    fn first(&self) -> Option<Key> {
        self.timers.iter().next().map(|(key, _)| key)
    }
}

struct Shared {
    armed: Mutex<Armed>,
    /// The first deadline, `u64::MAX` when there is none: interrupt and idle paths look without the lock.
    first: AtomicU64,
    on_earlier: Once<Box<dyn Fn(u64) + Send + Sync>>,
}

/// A queue of timers. Cheap to clone: clones are the same queue.
#[derive(Clone)]
pub struct TimerQueue {
    shared: Arc<Shared>,
}

/// An armed timer; dropping it cancels it.
#[must_use = "dropping the timer cancels it"]
pub struct Timer {
    shared: Arc<Shared>,
    key: Key,
}

impl Default for TimerQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl TimerQueue {
    /// An empty queue.
    pub fn new() -> Self {
        let shared = Shared { armed: Mutex::default(), first: AtomicU64::new(u64::MAX), on_earlier: Once::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Sets, once, what is called with the new first deadline when a timer is armed that comes before all others. It runs outside the
    /// queue's lock; when two CPUs arm at once it may hear of the later deadline last, so it must keep the smaller of the value given
    /// and the one already programmed.
    pub fn set_on_earlier(&self, hook: Box<dyn Fn(u64) + Send + Sync>) {
        self.shared.on_earlier.call_once(|| hook);
    }

    /// Wakes `waker` once when monotonic time reaches `deadline_ns`, unless the timer is dropped before. A deadline in the past fires
    /// on the next [`expire`](Self::expire).
    pub fn arm(&self, deadline_ns: u64, waker: Waker) -> Timer {
        let (key, earlier) = {
            let mut armed = self.shared.armed.lock();
            let key = (deadline_ns, armed.next_id);
            armed.next_id += 1;
            armed.timers.insert(key, waker);
            let earlier = deadline_ns < self.shared.first.load(Ordering::Relaxed);
            if earlier {
                self.shared.first.store(deadline_ns, Ordering::Release);
            }
            (key, earlier)
        };
        if let (true, Some(hook)) = (earlier, self.shared.on_earlier.get()) {
            hook(deadline_ns);
        }
        Timer { shared: self.shared.clone(), key }
    }

    /// Fires every timer due at `now_ns`, in order of deadline. Wakers run outside the lock and may arm new timers; one armed for a
    /// time that is not after `now_ns` fires in the same call.
    pub fn expire(&self, now_ns: u64) {
        if self.shared.first.load(Ordering::Acquire) > now_ns {
            return;
        }
        let mut batch: [Option<Waker>; 8] = Default::default();
        loop {
            let mut count = 0;
            {
                let mut armed = self.shared.armed.lock();
                while count < batch.len() {
                    let Some(key) = armed.first().filter(|key| key.0 <= now_ns) else { break };
                    batch[count] = armed.timers.remove(&key);
                    count += 1;
                }
                self.shared.update_first(&armed);
            }
            for waker in batch[..count].iter_mut().filter_map(Option::take) {
                waker.wake();
            }
            if count < batch.len() {
                return;
            }
        }
    }

    /// The first deadline in monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        Some(self.shared.first.load(Ordering::Acquire)).filter(|first| *first != u64::MAX)
    }
}

impl Shared {
    fn update_first(&self, armed: &Armed) {
        let first = armed.first().map_or(u64::MAX, |key| key.0);
        self.first.store(first, Ordering::Release);
    }
}

impl Timer {
    /// Whether the deadline has passed and the waker was (or is just being) woken.
    pub fn fired(&self) -> bool {
        !self.shared.armed.lock().timers.contains_key(&self.key)
    }

    /// The deadline in monotonic nanoseconds.
    pub fn deadline_ns(&self) -> u64 {
        self.key.0
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let waker = {
            let mut armed = self.shared.armed.lock();
            let waker = armed.timers.remove(&self.key);
            if waker.is_some() && self.key.0 == self.shared.first.load(Ordering::Relaxed) {
                self.shared.update_first(&armed);
            }
            waker
        };
        // Outside the lock: the waker may be the last owner of something that holds timers of its own.
        drop(waker);
    }
}
