//! What everything else stands on: the machine, or the host for tests.

#[cfg(feature = "machine")]
mod machine;
#[cfg(feature = "machine")]
pub use self::machine::*;

#[cfg(not(feature = "machine"))]
mod host;
#[cfg(not(feature = "machine"))]
pub use self::host::*;

use core::time::Duration;

/// The time on the monotonic clock that is `after` from now; `None` when that is never.
pub fn deadline(after: Duration) -> Option<u64> {
    u64::try_from(after.as_nanos()).ok().and_then(|after| now_ns().checked_add(after))
}
