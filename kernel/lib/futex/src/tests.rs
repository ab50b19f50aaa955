use crate::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use uapi::Errno;
use usermem::UserMemory;
use usermem::testing::FakeMemory;

#[derive(Default)]
struct Counter(AtomicUsize);
impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
fn waker() -> Waker {
    Arc::<Counter>::default().into()
}
fn key(offset: u64) -> FutexKey {
    FutexKey { space_or_object: 1, offset }
}
fn sleep(table: &FutexTable, offset: u64) -> FutexWaiter<'_> {
    table.wait_prepare(key(offset), MATCH_ANY, waker(), 0, || Ok(0)).unwrap()
}

#[test]
fn the_word_decides_whether_to_sleep() {
    let table = FutexTable::new();
    let wait = |bitset, read| table.wait_prepare(key(8), bitset, waker(), 5, || read).err();
    assert_eq!(wait(MATCH_ANY, Ok(4)), Some(Errno::EAGAIN));
    assert_eq!(wait(MATCH_ANY, Err(Errno::EFAULT)), Some(Errno::EFAULT));
    assert_eq!(wait(0, Ok(5)), Some(Errno::EINVAL));
    assert_eq!(wait(MATCH_ANY, Ok(5)), None);
    assert_eq!(table.sleepers(key(8)), 0);
}

#[test]
fn a_wake_takes_the_longest_asleep_first_and_counts() {
    let table = FutexTable::new();
    let waiters: Vec<_> = (0..12).map(|_| sleep(&table, 4)).collect();
    let other = sleep(&table, 4096);
    assert_eq!(table.wake(key(4), 2, MATCH_ANY), 2);
    assert!(waiters[..2].iter().all(FutexWaiter::was_woken) && !waiters[2].was_woken());
    assert_eq!(table.wake(key(4), usize::MAX, MATCH_ANY), 10);
    assert_eq!(table.wake(key(4), 1, MATCH_ANY), 0);
    assert!(!other.was_woken());
}

#[test]
fn a_waiter_that_is_used_again_is_like_new_and_a_spare_one_keeps_nothing_alive() {
    let table = FutexTable::new();
    let counters: [Arc<Counter>; 2] = Default::default();
    for (round, counter) in counters.iter().enumerate() {
        let (word, bitset) = (4 << round, 1 << round);
        let waiter = table.wait_prepare(key(word), bitset, counter.clone().into(), 0, || Ok(0)).unwrap();
        assert!(!waiter.was_woken());
        assert_eq!(table.wake(key(4 << (1 - round)), 1, MATCH_ANY) + table.wake(key(word), 1, !bitset), 0);
        assert_eq!(table.wake(key(word), 1, bitset), 1);
        assert!(waiter.finish());
        assert_eq!((counter.0.load(Ordering::SeqCst), Arc::strong_count(counter)), (1, 1));
    }
    assert_eq!(counters[0].0.load(Ordering::SeqCst), 1);
}

#[test]
fn bitsets_choose() {
    let table = FutexTable::new();
    let a = table.wait_prepare(key(4), 0b01, waker(), 0, || Ok(0)).unwrap();
    let b = table.wait_prepare(key(4), 0b10, waker(), 0, || Ok(0)).unwrap();
    assert_eq!(table.wake(key(4), 9, 0b10), 1);
    assert_eq!((a.was_woken(), b.was_woken()), (false, true));
    assert!(!a.finish());
    assert!(b.finish());
    assert_eq!(table.sleepers(key(4)), 0);
}

#[test]
fn requeued_sleepers_wake_on_the_new_word_only() {
    let table = FutexTable::new();
    // Enough targets that some share the source's bucket.
    for to in (8..2000).step_by(4) {
        let waiters: Vec<_> = (0..4).map(|_| sleep(&table, 4)).collect();
        assert_eq!(table.requeue(key(4), key(to), 1, 2), (1, 2));
        assert_eq!((table.sleepers(key(4)), table.sleepers(key(to))), (1, 2));
        assert_eq!(table.wake(key(to), 1, MATCH_ANY), 1);
        assert!(waiters[1].was_woken());
        drop(waiters);
        assert_eq!((table.sleepers(key(4)), table.sleepers(key(to))), (0, 0));
    }
    let stale = table.cmp_requeue(key(4), key(8), 1, 1, 1, || Ok(2));
    assert_eq!(stale, Err(Errno::EAGAIN));
}

#[test]
fn wake_op_changes_compares_and_wakes_both() {
    let table = FutexTable::new();
    let memory = FakeMemory::new(0x1000, 64);
    let user: &dyn UserMemory = &memory;
    user.write(0x1000, &7u32).unwrap();
    // FUTEX_OP(FUTEX_OP_ADD, -2, FUTEX_OP_CMP_GT, 6)
    let op = WakeOp::decode(1 << 28 | 4 << 24 | 0xffe << 12 | 6).unwrap();
    let waiters = [sleep(&table, 4), sleep(&table, 8)];
    assert_eq!(table.wake_op(key(4), key(8), 1, 1, || op.apply(user, 0x1000)), Ok(2));
    assert!(waiters.iter().all(FutexWaiter::was_woken));
    assert_eq!(user.load_u32(0x1000), Ok(5));
    assert_eq!(table.wake_op(key(4), key(8), 1, 1, || op.apply(user, 0x9000)), Err(Errno::EFAULT));
    // FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_ARG_SHIFT, 4, FUTEX_OP_CMP_LT, 0)
    let or = WakeOp::decode((2 | 8) << 28 | 2 << 24 | 4 << 12).unwrap();
    assert_eq!((or.apply(user, 0x1000), user.load_u32(0x1000)), (Ok(false), Ok(21)));
    assert_eq!(WakeOp::decode(5 << 28), Err(Errno::ENOSYS));
}

#[test]
fn an_ending_thread_hands_its_robust_locks_on() {
    let table = FutexTable::new();
    let memory = FakeMemory::new(0x1000, 0x100);
    let user: &dyn UserMemory = &memory;
    // Head at 0x1000, two locks whose words are 16 bytes after their list entries, a pending one at 0x1080.
    for (at, value) in [(0x1000, 0x1020u64), (0x1008, 16), (0x1010, 0x1080), (0x1020, 0x1040), (0x1040, 0x1000)] {
        user.write(at, &value).unwrap();
    }
    user.write(0x1030, &(77u32 | 0x8000_0000)).unwrap();
    user.write(0x1050, &78u32).unwrap();
    let waiters = [sleep(&table, 0x1030), sleep(&table, 0x1050), sleep(&table, 0x1090)];
    robust_list_exit(user, 0x1000, 77, &table, &|addr| Ok(key(addr)));
    assert_eq!((user.load_u32(0x1030), user.load_u32(0x1050)), (Ok(0xc000_0000), Ok(78)));
    assert_eq!(waiters.each_ref().map(FutexWaiter::was_woken), [true, false, true]);
    // A list that goes nowhere, and one that never ends.
    robust_list_exit(user, 0xdead_0000, 77, &table, &|addr| Ok(key(addr)));
    user.write(0x1040, &0x1020u64).unwrap();
    robust_list_exit(user, 0x1000, 77, &table, &|addr| Ok(key(addr)));
}

struct Unpark(std::thread::Thread);
impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The classic three-state mutex on a futex word.
fn lock(table: &FutexTable, word: &AtomicU32) {
    if word.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        return;
    }
    while word.swap(2, Ordering::SeqCst) != 0 {
        let waker = Arc::new(Unpark(std::thread::current())).into();
        if let Ok(waiter) = table.wait_prepare(key(64), MATCH_ANY, waker, 2, || Ok(word.load(Ordering::SeqCst))) {
            while !waiter.was_woken() {
                std::thread::park();
            }
        }
    }
}

#[test]
fn a_mutex_built_on_it_excludes_and_never_hangs() {
    let table = FutexTable::new();
    let (word, inside, total) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    lock(&table, &word);
                    assert!(!inside.swap(true, Ordering::SeqCst));
                    total.fetch_add(1, Ordering::SeqCst);
                    inside.store(false, Ordering::SeqCst);
                    if word.swap(0, Ordering::SeqCst) == 2 {
                        table.wake(key(64), 1, MATCH_ANY);
                    }
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 20_000);
    assert_eq!(table.sleepers(key(64)), 0);
}

#[test]
fn every_wake_reaches_a_sleeper_while_others_requeue_and_time_out() {
    let table = FutexTable::new();
    let (woken, counted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sleepers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let waiter = sleep(&table, 4);
                        std::thread::yield_now();
                        woken.fetch_add(usize::from(waiter.finish()), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let (woken, _) = table.requeue(key(4), key(400), 1, 1);
                counted.fetch_add(woken + table.wake(key(400), 1, MATCH_ANY), Ordering::SeqCst);
            }
        });
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(woken.into_inner(), counted.into_inner());
    assert_eq!(table.sleepers(key(4)) + table.sleepers(key(400)), 0);
}
