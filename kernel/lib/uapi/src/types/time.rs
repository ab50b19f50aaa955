//! Times, and the vector element of readv(2).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct timespec`: seconds and nanoseconds (clock_gettime(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timespec {
    /// Whole seconds.
    pub sec: i64,
    /// Nanoseconds, 0..1_000_000_000 when valid.
    pub nsec: i64,
}

/// `struct timeval`: seconds and microseconds (gettimeofday(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timeval {
    /// Whole seconds.
    pub sec: i64,
    /// Microseconds, 0..1_000_000 when valid.
    pub usec: i64,
}

/// `struct iovec` (readv(2)): a user address and a length in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Iovec {
    /// User address of the first byte.
    pub base: u64,
    /// Length in bytes.
    pub len: u64,
}

/// `struct itimerspec` (timer_settime(2), timerfd_settime(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Itimerspec {
    /// Period; zero fires once.
    pub interval: Timespec,
    /// First expiration; zero disarms.
    pub value: Timespec,
}

/// `struct itimerval` (setitimer(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Itimerval {
    /// Period; zero fires once.
    pub interval: Timeval,
    /// First expiration; zero disarms.
    pub value: Timeval,
}

/// `struct timezone` (gettimeofday(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timezone {
    /// Minutes west of Greenwich.
    pub minutes_west: i32,
    /// Kind of daylight-saving time, always 0.
    pub dst_time: i32,
}

/// `struct tms` (times(2)), in clock ticks of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Tms {
    /// User time of the process.
    pub utime: i64,
    /// System time of the process.
    pub stime: i64,
    /// User time of ended children.
    pub cutime: i64,
    /// System time of ended children.
    pub cstime: i64,
}

/// `struct utimbuf` (utime(2)), seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Utimbuf {
    /// Access time.
    pub actime: i64,
    /// Modification time.
    pub modtime: i64,
}

/// `struct timex` (adjtimex(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timex {
    /// ADJ_* mode selector; 0 only reads.
    pub modes: u32,
    pub pad1: u32,
    pub offset: i64,
    pub freq: i64,
    pub maxerror: i64,
    pub esterror: i64,
    /// STA_* bits.
    pub status: i32,
    pub pad2: u32,
    pub constant: i64,
    pub precision: i64,
    pub tolerance: i64,
    pub time: Timeval,
    pub tick: i64,
    pub ppsfreq: i64,
    pub jitter: i64,
    pub shift: i32,
    pub pad3: u32,
    pub stabil: i64,
    pub jitcnt: i64,
    pub calcnt: i64,
    pub errcnt: i64,
    pub stbcnt: i64,
    pub tai: i32,
    pub pad4: [u32; 11],
}
