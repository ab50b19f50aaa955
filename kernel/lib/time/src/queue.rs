//! Deadlines in order, each with whom to wake.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::Waker;
use sortedmap::ChunkedMap;
use spin::Once;
use spinlock::Mutex;

/// The last deadline that is kept apart from others: 580 years. Behind it is room for all the timers that are never to fire.
const LAST: u64 = u64::MAX >> 1;

#[derive(Default)]
struct Armed {
    /// By deadline in monotonic nanoseconds; of timers with the same one, each a nanosecond after the one armed before.
    timers: ChunkedMap<Waker>,
}

impl Armed {
    fn first(&self) -> Option<u64> {
        self.timers.iter().next().map(|(key, _)| key)
    }

    /// The first place at or after `deadline_ns` that no timer has.
    fn place(&self, deadline_ns: u64) -> u64 {
        let wanted = deadline_ns.min(LAST);
        wanted + self.timers.range(wanted..).zip(wanted..).take_while(|((key, _), free)| key == free).count() as u64
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
    deadline_ns: u64,
    key: u64,
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
            let key = armed.place(deadline_ns);
            armed.timers.insert(key, waker);
            let earlier = key < self.shared.first.load(Ordering::Relaxed);
            if earlier {
                self.shared.first.store(key, Ordering::Release);
            }
            (key, earlier)
        };
        if let (true, Some(hook)) = (earlier, self.shared.on_earlier.get()) {
            hook(key);
        }
        Timer { shared: self.shared.clone(), deadline_ns, key }
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
                    let Some(key) = armed.first().filter(|key| *key <= now_ns) else { break };
                    batch[count] = armed.timers.remove(key);
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
        self.first.store(armed.first().unwrap_or(u64::MAX), Ordering::Release);
    }
}

impl Timer {
    /// Whether the deadline has passed and the waker was (or is just being) woken.
    pub fn fired(&self) -> bool {
        !self.shared.armed.lock().timers.contains_key(self.key)
    }

    /// The deadline in monotonic nanoseconds.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let waker = {
            let mut armed = self.shared.armed.lock();
            let waker = armed.timers.remove(self.key);
            if waker.is_some() && self.key == self.shared.first.load(Ordering::Relaxed) {
                self.shared.update_first(&armed);
            }
            waker
        };
        // Outside the lock: the waker may be the last owner of something that holds timers of its own.
        drop(waker);
    }
}
