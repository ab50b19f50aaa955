//! Timeouts as the waiting calls take them.

use file::UserMemory;
use time::{timespec_to_ns, timeval_to_ns};
use uapi::Result;
use uapi::types::{Timespec, Timeval};

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// poll(2)'s milliseconds: negative waits for ever.
pub fn millis(timeout_ms: i32) -> Option<u64> {
    u64::try_from(timeout_ms).ok().map(|ms| ms * NS_PER_MS)
}

/// The `struct timespec` at `addr` in nanoseconds; `None` for a null address, which waits for ever. EINVAL: not a valid time.
pub fn timespec(user: &dyn UserMemory, addr: u64) -> Result<Option<u64>> {
    user.read_optional::<Timespec>(addr)?.map(timespec_to_ns).transpose()
}

/// The `struct timeval` at `addr` in nanoseconds, as [`timespec`]. select(2) takes more than a million microseconds, hence no EINVAL for those.
pub fn timeval(user: &dyn UserMemory, addr: u64) -> Result<Option<u64>> {
    let Some(mut time) = user.read_optional::<Timeval>(addr)? else { return Ok(None) };
    if time.usec >= 1_000_000 {
        time.sec = time.sec.saturating_add(time.usec / 1_000_000);
        time.usec %= 1_000_000;
    }
    timeval_to_ns(time).map(Some)
}
