//! Locks, conditions and channels, as in `std::sync`. Nothing is ever poisoned, because a panic ends the machine.

pub mod mpsc;
mod mutex;

pub use alloc::sync::{Arc, Weak};
pub use core::sync::atomic;
pub use mutex::{Condvar, Mutex, MutexGuard, WaitTimeoutResult};
