//! Clocks, as in `std::time`.

use crate::sys;
use core::ops::{Add, AddAssign, Sub};

pub use core::time::Duration;

/// A moment on the monotonic clock, which begins with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        Self(Duration::from_nanos(sys::now_ns()))
    }

    /// How long ago it was.
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }

    /// How much later it is than `earlier`; nothing when it is not.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// That much later; `None` when there is no such moment.
    pub fn checked_add(&self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
    }
}

impl Sub for Instant {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

/// A moment by the calendar: time since 1970, as the host had it when the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTime(Duration);

/// 1970-01-01 00:00:00 UTC.
pub const UNIX_EPOCH: SystemTime = SystemTime(Duration::ZERO);

/// `earlier` was later, by this much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemTimeError(pub Duration);

impl SystemTime {
    /// As [`UNIX_EPOCH`].
    pub const UNIX_EPOCH: Self = UNIX_EPOCH;

    /// Now.
    pub fn now() -> Self {
        Self(Duration::from_nanos(sys::realtime_ns()))
    }

    /// How much later it is than `earlier`.
    ///
    /// # Errors
    /// It is earlier.
    pub fn duration_since(&self, earlier: Self) -> Result<Duration, SystemTimeError> {
        self.0.checked_sub(earlier.0).ok_or_else(|| SystemTimeError(earlier.0.saturating_sub(self.0)))
    }
}

#[cfg(feature = "machine")]
impl SystemTime {
    pub(crate) fn from_unix(seconds: i64, nanoseconds: i64) -> Self {
        Self(Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanoseconds).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_distances_and_never_negative_ones() {
        let first = Instant::now();
        let second = first + Duration::from_millis(5);
        assert_eq!((second - first, first - second), (Duration::from_millis(5), Duration::ZERO));
        assert_eq!(first.checked_add(Duration::MAX), None);
        assert_eq!(UNIX_EPOCH.duration_since(SystemTime(Duration::from_secs(2))), Err(SystemTimeError(Duration::from_secs(2))));
    }
}
