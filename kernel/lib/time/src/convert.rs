//! The application's time structures as nanoseconds and back.

use uapi::types::{Timespec, Timeval};
use uapi::{Errno, Result};

/// Nanoseconds in a second.
pub const NS_PER_SEC: u64 = 1_000_000_000;

/// Linux's KTIME_MAX: longer times are cut to it (about 292 years).
pub const NS_MAX: u64 = i64::MAX as u64;

/// Nanoseconds of a valid `struct timespec`, cut to [`NS_MAX`]. EINVAL: negative seconds, or nanoseconds outside 0..1e9.
pub fn timespec_to_ns(time: Timespec) -> Result<u64> {
    parts_to_ns(time.sec, time.nsec, 1)
}

/// Nanoseconds of a valid `struct timeval`, cut to [`NS_MAX`]. EINVAL: negative seconds, or microseconds outside 0..1e6.
pub fn timeval_to_ns(time: Timeval) -> Result<u64> {
    parts_to_ns(time.sec, time.usec, 1000)
}

fn parts_to_ns(sec: i64, fraction: i64, ns_per_unit: u64) -> Result<u64> {
    let sec = u64::try_from(sec).map_err(|_| Errno::EINVAL)?;
    let fraction = u64::try_from(fraction).map_err(|_| Errno::EINVAL)?;
    if fraction >= NS_PER_SEC / ns_per_unit {
        return Err(Errno::EINVAL);
    }
    Ok(sec.saturating_mul(NS_PER_SEC).saturating_add(fraction * ns_per_unit).min(NS_MAX))
}

/// `struct timespec` of a number of nanoseconds.
pub fn ns_to_timespec(ns: u64) -> Timespec {
    Timespec { sec: (ns / NS_PER_SEC).cast_signed(), nsec: (ns % NS_PER_SEC).cast_signed() }
}

/// `struct timeval` of a number of nanoseconds, rounded down.
pub fn ns_to_timeval(ns: u64) -> Timeval {
    Timeval { sec: (ns / NS_PER_SEC).cast_signed(), usec: (ns % NS_PER_SEC / 1000).cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_times_go_both_ways_and_long_ones_are_cut() {
        let time = Timespec { sec: 7, nsec: 999_999_999 };
        assert_eq!(timespec_to_ns(time), Ok(7_999_999_999));
        assert_eq!(ns_to_timespec(7_999_999_999), time);
        assert_eq!(timeval_to_ns(Timeval { sec: 1, usec: 999_999 }), Ok(1_999_999_000));
        assert_eq!(ns_to_timeval(1_999_999_999), Timeval { sec: 1, usec: 999_999 });
        assert_eq!(timespec_to_ns(Timespec { sec: i64::MAX, nsec: 0 }), Ok(NS_MAX));
    }

    #[test]
    fn invalid_times_are_einval() {
        for (sec, nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(timespec_to_ns(Timespec { sec, nsec }), Err(Errno::EINVAL));
        }
        assert_eq!(timeval_to_ns(Timeval { sec: 0, usec: 1_000_000 }), Err(Errno::EINVAL));
    }
}
