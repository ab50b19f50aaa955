//! Fast user-space mutexes: who sleeps on which word (futex(2)).
//!
//! [`FutexTable`] keeps the sleepers by [`FutexKey`] in a fixed number of buckets. Nothing blocks here: [`FutexTable::wait_prepare`] checks the
//! word under the bucket's lock and leaves a [`FutexWaiter`] there, whose waker is woken; the caller sleeps, and drops the waiter when it
//! has waited long enough. [`WakeOp`] is FUTEX_WAKE_OP's encoded operation, [`robust_list_exit`] what an ending thread does for its locks.
//!
//! The closures that look at the word run with a spin lock held: they must not block, so the caller touches the word once beforehand.
//!
//! Neighbours: `syscall` (makes keys and blocks), `process` (thread exit), `usermem`.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod op;
mod robust;
mod table;

pub use op::WakeOp;
pub use robust::robust_list_exit;
pub use table::{FutexTable, FutexWaiter, MATCH_ANY};

/// What a futex word is, however it is mapped: a private one by address space and address, a shared one by object and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FutexKey {
    /// Identity of the address space or of the mapped object.
    pub space_or_object: u64,
    /// Address of the word, or its offset in the object in bytes.
    pub offset: u64,
}

#[cfg(test)]
mod tests;
