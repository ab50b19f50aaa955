//! What signal calls read and write; siginfo, sigaction and stack_t are the `signal` crate's.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct sigevent` (timer_create(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sigevent {
    /// The `sigval` union.
    pub value: u64,
    pub signo: i32,
    /// SIGEV_*.
    pub notify: i32,
    /// With SIGEV_THREAD_ID the thread to signal.
    pub tid: i32,
    pub pad: [u32; 11],
}
