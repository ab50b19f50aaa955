//! What signal calls read and write (siginfo and the frame are the `signal` crate's and the architecture's).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct kernel_sigaction` of x86_64 (rt_sigaction(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sigaction {
    /// Address of the handler, SIG_DFL (0) or SIG_IGN (1).
    pub handler: u64,
    /// SA_* flags.
    pub flags: u64,
    /// Where the handler returns to (SA_RESTORER).
    pub restorer: u64,
    /// Signals blocked while the handler runs.
    pub mask: u64,
}

/// `stack_t` (sigaltstack(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SigStack {
    pub sp: u64,
    /// SS_* flags.
    pub flags: i32,
    pub pad: u32,
    pub size: u64,
}

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
