//! How a timer is set.

/// A timer's setting, nanoseconds (`struct itimerspec`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TimerSpec {
    /// To the next expiration, or its absolute time; 0 disarms.
    pub value_ns: u64,
    /// Between expirations; 0 for one only.
    pub interval_ns: u64,
}
