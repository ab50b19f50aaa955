//! The sleepers, in buckets by key.

use crate::FutexKey;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use spinlock::{Mutex, MutexGuard};
use uapi::{Errno, Result};

/// FUTEX_BITSET_MATCH_ANY.
pub const MATCH_ANY: u32 = u32::MAX;

/// Enough that unrelated words seldom meet; an empty bucket is 40 bytes.
const BUCKETS: usize = 64;

struct Waiter {
    /// Changes by requeueing, under the locks of both buckets.
    key: Mutex<FutexKey>,
    bitset: u32,
    woken: AtomicBool,
    /// `None` while it is the spare one.
    waker: Option<Waker>,
}

impl Waiter {
    fn matches(&self, key: FutexKey, bitset: u32) -> bool {
        self.bitset & bitset != 0 && *self.key.lock() == key
    }

    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

type Bucket = VecDeque<Arc<Waiter>>;

/// All futexes of the machine. Cheap to clone: clones are the same table.
#[derive(Clone)]
pub struct FutexTable {
    buckets: Arc<[Mutex<Bucket>]>,
    /// The last waiter that was done: threads that hand over to each other allocate once.
    spare: Arc<Mutex<Option<Arc<Waiter>>>>,
}

/// One sleeper's place in the table; dropping it takes it out.
#[must_use = "dropping the waiter takes it out of the table"]
pub struct FutexWaiter<'a> {
    table: &'a FutexTable,
    waiter: Arc<Waiter>,
}

impl Default for FutexTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Sleepers taken off under a lock and woken after it.
#[derive(Default)]
struct Batch {
    first: Option<Arc<Waiter>>,
    rest: Vec<Arc<Waiter>>,
}

impl Batch {
    fn count(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    fn wake(self) -> usize {
        self.first.iter().chain(&self.rest).for_each(|waiter| waiter.wake());
        self.count()
    }

    /// Takes at most `max` sleepers on `key` off the bucket, the longest asleep first.
    fn take(&mut self, bucket: &mut Bucket, key: FutexKey, bitset: u32, max: usize) {
        let end = self.count().saturating_add(max);
        let mut from = 0;
        while self.count() < end
            && let Some(waiter) = take_next(bucket, &mut from, key, bitset)
        {
            match self.first {
                None => self.first = Some(waiter),
                Some(_) => self.rest.push(waiter),
            }
        }
    }
}

/// Takes the next sleeper on `key` off the bucket, at `from` or behind; `from` is then where the one behind it is.
fn take_next(bucket: &mut Bucket, from: &mut usize, key: FutexKey, bitset: u32) -> Option<Arc<Waiter>> {
    while !bucket.get(*from)?.matches(key, bitset) {
        *from += 1;
    }
    // Most often it is the first one, and taking that moves nothing.
    let waiter = if *from == 0 { bucket.pop_front() } else { bucket.remove(*from) }?;
    waiter.woken.store(true, Ordering::Release);
    Some(waiter)
}

impl FutexTable {
    /// A table without sleepers.
    pub fn new() -> Self {
        let buckets: Box<[Mutex<Bucket>]> = (0..BUCKETS).map(|_| Mutex::default()).collect();
        Self { buckets: buckets.into(), spare: Arc::default() }
    }

    /// A waiter to be put in a bucket.
    fn waiter(&self, key: FutexKey, bitset: u32, waker: Waker) -> Arc<Waiter> {
        let new = Waiter { key: Mutex::new(key), bitset, woken: AtomicBool::new(false), waker: Some(waker) };
        let Some(mut spare) = self.spare.lock().take() else { return Arc::new(new) };
        match Arc::get_mut(&mut spare) {
            Some(place) => *place = new,
            None => return Arc::new(new),
        }
        spare
    }

    fn index(key: FutexKey) -> usize {
        // Fibonacci hashing; words are 4 bytes apart.
        let mixed = (key.space_or_object.rotate_left(32) ^ (key.offset >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 58) as usize % BUCKETS
    }

    fn bucket(&self, key: FutexKey) -> MutexGuard<'_, Bucket> {
        self.buckets[Self::index(key)].lock()
    }

    /// Runs `with` on the buckets of two keys, locked in order of index; the second is `None` when both are the same bucket.
    fn both<T>(&self, a: FutexKey, b: FutexKey, with: impl FnOnce(&mut Bucket, Option<&mut Bucket>) -> T) -> T {
        let (ia, ib) = (Self::index(a), Self::index(b));
        if ia == ib {
            return with(&mut self.buckets[ia].lock(), None);
        }
        let mut low = self.buckets[ia.min(ib)].lock();
        let mut high = self.buckets[ia.max(ib)].lock();
        if ia < ib { with(&mut low, Some(&mut high)) } else { with(&mut high, Some(&mut low)) }
    }

    /// FUTEX_WAIT, FUTEX_WAIT_BITSET: goes to sleep on `key` if the word, read by `read` under the bucket's lock, holds `expected`.
    /// EAGAIN: it does not. EINVAL: `bitset` is 0. What `read` fails with.
    pub fn wait_prepare(
        &self,
        key: FutexKey,
        bitset: u32,
        waker: Waker,
        expected: u32,
        read: impl FnOnce() -> Result<u32>,
    ) -> Result<FutexWaiter<'_>> {
        if bitset == 0 {
            return Err(Errno::EINVAL);
        }
        let mut bucket = self.bucket(key);
        if read()? != expected {
            return Err(Errno::EAGAIN);
        }
        let waiter = self.waiter(key, bitset, waker);
        bucket.push_back(waiter.clone());
        Ok(FutexWaiter { table: self, waiter })
    }

    /// FUTEX_WAKE, FUTEX_WAKE_BITSET: wakes at most `max` sleepers on `key` whose bitset meets `bitset`; how many.
    pub fn wake(&self, key: FutexKey, max: usize, bitset: u32) -> usize {
        // As nearly every call wants it.
        if max == 1 {
            let woken = take_next(&mut self.bucket(key), &mut 0, key, bitset);
            return woken.map_or(0, |waiter| {
                waiter.wake();
                1
            });
        }
        let mut batch = Batch::default();
        batch.take(&mut self.bucket(key), key, bitset, max);
        batch.wake()
    }

    /// FUTEX_REQUEUE: wakes at most `max_wake` sleepers on `from` and moves at most `max_requeue` others to `to`. Returns how many were
    /// woken and how many moved.
    pub fn requeue(&self, from: FutexKey, to: FutexKey, max_wake: usize, max_requeue: usize) -> (usize, usize) {
        let check = || Ok(());
        self.requeue_if(from, to, max_wake, max_requeue, check).unwrap_or((0, 0))
    }

    /// FUTEX_CMP_REQUEUE: as [`requeue`](Self::requeue) if the word at `from` holds `expected`, else EAGAIN.
    pub fn cmp_requeue(
        &self,
        from: FutexKey,
        to: FutexKey,
        max_wake: usize,
        max_requeue: usize,
        expected: u32,
        read: impl FnOnce() -> Result<u32>,
    ) -> Result<(usize, usize)> {
        let check = || if read()? == expected { Ok(()) } else { Err(Errno::EAGAIN) };
        self.requeue_if(from, to, max_wake, max_requeue, check)
    }

    fn requeue_if(
        &self,
        from: FutexKey,
        to: FutexKey,
        max_wake: usize,
        max_requeue: usize,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<(usize, usize)> {
        let (batch, moved) = self.both(from, to, |source, mut target| {
            check()?;
            let mut batch = Batch::default();
            batch.take(source, from, MATCH_ANY, max_wake);
            let mut moved = 0;
            let mut index = 0;
            while moved < max_requeue && index < source.len() {
                if !source[index].matches(from, MATCH_ANY) {
                    index += 1;
                    continue;
                }
                *source[index].key.lock() = to;
                moved += 1;
                match target.as_mut() {
                    Some(target) => target.extend(source.remove(index)),
                    // The same bucket: the new key is all there is to it.
                    None => index += 1,
                }
            }
            Ok((batch, moved))
        })?;
        Ok((batch.wake(), moved))
    }

    /// FUTEX_WAKE_OP: `operate` changes the second word and tells whether its old value compares; wakes at most `max` sleepers on `key`
    /// and, if so, `max2` on `key2`.
    pub fn wake_op(&self, key: FutexKey, key2: FutexKey, max: usize, max2: usize, operate: impl FnOnce() -> Result<bool>) -> Result<usize> {
        let batch = self.both(key, key2, |first, second| {
            let compares = operate()?;
            let mut batch = Batch::default();
            batch.take(first, key, MATCH_ANY, max);
            if compares {
                batch.take(second.unwrap_or(first), key2, MATCH_ANY, max2);
            }
            Ok(batch)
        })?;
        Ok(batch.wake())
    }

    /// Number of sleepers on `key`.
    pub fn sleepers(&self, key: FutexKey) -> usize {
        self.bucket(key).iter().filter(|waiter| waiter.matches(key, MATCH_ANY)).count()
    }
}

impl FutexWaiter<'_> {
    /// Whether a wake took this waiter. True wins over a timeout or a signal at the same time: the wake counted it.
    pub fn was_woken(&self) -> bool {
        self.waiter.woken.load(Ordering::Acquire)
    }

    /// Takes the waiter out and tells whether it had been woken: after this no wake counts it.
    pub fn finish(self) -> bool {
        self.leave()
    }

    fn leave(&self) -> bool {
        loop {
            if self.was_woken() {
                return true;
            }
            let key = *self.waiter.key.lock();
            let mut bucket = self.table.bucket(key);
            // Requeued in between: look where it is now. Woken in between: the next round sees it.
            if let Some(index) = bucket.iter().position(|other| Arc::ptr_eq(other, &self.waiter)) {
                bucket.remove(index);
                return false;
            }
            if *self.waiter.key.lock() == key && !self.was_woken() {
                // Taken out by an earlier call.
                return false;
            }
        }
    }
}

impl Drop for FutexWaiter<'_> {
    fn drop(&mut self) {
        self.leave();
        // Nobody's any more, unless who woke it is not done with it. A spare one keeps no task alive.
        if let Some(waiter) = Arc::get_mut(&mut self.waiter) {
            waiter.waker = None;
            let before = self.table.spare.lock().replace(self.waiter.clone());
            drop(before);
        }
    }
}
