//! The kernel's mutex: `spin`'s, taken by a call.
//!
//! `spin` writes its loop out at each of some hundred places. The kernel is not preemptible, so a lock is free but for another CPU's short hold: what counts
//! is that taking it is small. Here the compiler decides as for any other function: a call in code that is to be small, in place where speed counts.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

use core::fmt;

pub use spin::MutexGuard;

/// Whether somebody else may have a lock: another CPU, or another thread of a test on the host (which unwinds; kernels abort). The kernel is not preemptible, so on
/// one CPU a lock that is not free will never be.
const SHARED: bool = cfg!(any(feature = "smp", panic = "unwind"));

/// Mutual exclusion by spinning.
pub struct Mutex<T: ?Sized>(spin::Mutex<T>);

impl<T> Mutex<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    /// What was locked.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free and takes it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if SHARED {
            return self.0.lock();
        }
        match self.0.try_lock() {
            Some(guard) => guard,
            None => panic!("a lock is taken by who has it"),
        }
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock()
    }

    /// The value: who has the mutex for himself needs no lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Mutex;

    #[test]
    fn excludes() {
        let mut mutex = Mutex::new(1);
        {
            let mut guard = mutex.lock();
            *guard += 1;
            assert!(mutex.try_lock().is_none());
        }
        assert_eq!(*mutex.try_lock().expect("free again"), 2);
        *mutex.get_mut() += 1;
        assert_eq!(mutex.into_inner(), 3);
    }

    #[test]
    fn threads_take_turns() {
        let counter = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *counter.lock() += 1));
            }
        });
        assert_eq!(counter.into_inner(), 40_000);
    }
}
