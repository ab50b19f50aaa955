//! Timer queue and timekeeper, seen from outside.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use time::{Clock, Rate, Timekeeper, TimerQueue};

#[derive(Default)]
struct Counter(AtomicUsize);
impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
fn counter() -> (Arc<Counter>, Waker) {
    let counter = Arc::<Counter>::default();
    (counter.clone(), counter.into())
}

#[test]
fn timers_fire_once_at_their_deadline_and_not_after_a_drop() {
    let queue = TimerQueue::new();
    let (hits, waker) = counter();
    let first = queue.arm(100, waker.clone());
    let second = queue.arm(50, waker.clone());
    assert_eq!(queue.next_deadline(), Some(50));
    drop(second);
    assert_eq!(queue.next_deadline(), Some(100));
    queue.expire(99);
    assert!(!first.fired());
    queue.expire(100);
    queue.expire(200);
    assert!(first.fired());
    assert_eq!(hits.0.load(Ordering::SeqCst), 1);
    assert_eq!(queue.next_deadline(), None);
}

#[test]
fn more_timers_than_a_batch_fire_in_order_of_deadline() {
    struct Noter(u64, Arc<std::sync::Mutex<Vec<u64>>>);
    impl Wake for Noter {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let order = Arc::<std::sync::Mutex<Vec<u64>>>::default();
    let queue = TimerQueue::new();
    let timers: Vec<_> = (0..50).map(|i| i * 37 % 50).map(|at| queue.arm(at, Arc::new(Noter(at, order.clone())).into())).collect();
    queue.expire(39);
    assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
    assert_eq!(queue.next_deadline(), Some(40));
    assert_eq!(timers.iter().filter(|t| t.fired()).count(), 40);
}

#[test]
fn the_hook_hears_of_earlier_deadlines_only() {
    let queue = TimerQueue::new();
    let heard = Arc::new(AtomicU64::new(0));
    let hook = heard.clone();
    queue.set_on_earlier(Box::new(move |at| hook.store(at, Ordering::SeqCst)));
    let _a = queue.arm(100, counter().1);
    assert_eq!(heard.swap(0, Ordering::SeqCst), 100);
    let _b = queue.arm(200, counter().1);
    assert_eq!(heard.swap(0, Ordering::SeqCst), 0);
    let _c = queue.arm(10, counter().1);
    assert_eq!(heard.swap(0, Ordering::SeqCst), 10);
}

#[test]
fn arming_cancelling_and_expiring_on_many_threads_loses_no_timer() {
    let queue = TimerQueue::new();
    let (hits, waker) = counter();
    let done = AtomicBool::new(false);
    let armed: usize = std::thread::scope(|scope| {
        let expirer = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                queue.expire(1_000_000);
                std::thread::yield_now();
            }
            queue.expire(1_000_000);
        });
        let workers: Vec<_> = (0..4u64)
            .map(|n| {
                let (queue, waker) = (queue.clone(), waker.clone());
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for i in 0..2_000 {
                        kept.push(queue.arm(i * 4 + n, waker.clone()));
                        drop(queue.arm(u64::MAX - i, waker.clone()));
                    }
                    while kept.iter().any(|t| !t.fired()) {
                        std::thread::yield_now();
                    }
                    kept.len()
                })
            })
            .collect();
        let armed = workers.into_iter().map(|w| w.join().unwrap()).sum();
        done.store(true, Ordering::SeqCst);
        expirer.join().unwrap();
        armed
    });
    assert_eq!(hits.0.load(Ordering::SeqCst), armed);
}

#[test]
fn refining_the_rate_never_turns_time_back() {
    let ticks = Arc::new(AtomicU64::new(0));
    let counter = ticks.clone();
    let rate = Rate::from_hz(1_000_000_000).unwrap();
    let clock = Timekeeper::new(move || counter.fetch_add(1, Ordering::SeqCst), 0, 0, rate, 1_700_000_000_000_000_000);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..50_000 {
                    let now = clock.monotonic_ns();
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            });
        }
        for step in 0..2_000u64 {
            clock.refine(Rate::from_hz(900_000_000 + step * 100_000).unwrap());
        }
    });
    assert!(clock.realtime_ns() >= 1_700_000_000_000_000_000);
}

#[test]
fn setting_the_real_time_leaves_the_monotonic_clock_alone() {
    let rate = Rate::from_hz(1_000_000_000).unwrap();
    let clock = Timekeeper::new(|| 500, 0, 0, rate, 1_000);
    assert_eq!((clock.monotonic_ns(), clock.realtime_ns()), (500, 1_500));
    clock.set_realtime_ns(9_000);
    assert_eq!((clock.monotonic_ns(), clock.realtime_ns(), clock.realtime_changes()), (500, 9_000, 1));
}
