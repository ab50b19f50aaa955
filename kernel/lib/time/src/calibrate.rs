//! Rates of cycle counters: pure arithmetic, no device.

use crate::NS_PER_SEC;

/// Nanoseconds per tick as `mult / 2^shift`, so that a conversion is one multiplication and one shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Multiplier.
    pub mult: u32,
    /// Binary places of the multiplier, 0..=63.
    pub shift: u32,
}

impl Rate {
    /// The rate of a counter that makes `ticks` ticks in `ns` nanoseconds, with as many places as a 32-bit multiplier holds. `None`
    /// for a counter slower than 1 tick in 4 seconds or a rate that is not a number.
    pub fn from_ratio(ns: u64, ticks: u64) -> Option<Rate> {
        if ns == 0 || ticks == 0 {
            return None;
        }
        // The largest shift for which the multiplier fits; 63 bounds the work for very fast counters.
        for shift in (0..=63u32).rev() {
            let mult = ((u128::from(ns) << shift) + u128::from(ticks) / 2) / u128::from(ticks);
            if let Ok(mult @ 1..) = u32::try_from(mult) {
                return Some(Rate { mult, shift });
            }
        }
        None
    }

    /// The rate of a counter that makes `hz` ticks a second.
    pub fn from_hz(hz: u64) -> Option<Rate> {
        Rate::from_ratio(NS_PER_SEC, hz)
    }

    /// Nanoseconds of `ticks` ticks, cut to 64 bits.
    pub fn ticks_to_ns(self, ticks: u64) -> u64 {
        self.scale(ticks)
    }

    /// [`ticks_to_ns`](Self::ticks_to_ns) in place.
    #[inline(always)]
    pub(crate) fn scale(self, ticks: u64) -> u64 {
        let product = u128::from(ticks) * u128::from(self.mult);
        let (high, low) = ((product >> 64) as u64, product as u64);
        // By halves: a shift of 128 bits is a call of the compiler's library where code is to be small, and this is the clock.
        match self.shift {
            0 if high == 0 => low,
            shift if shift != 0 && high >> shift == 0 => high << (64 - shift) | low >> shift,
            _ => u64::MAX,
        }
    }

    /// Ticks after which at least `ns` nanoseconds have passed, cut to 64 bits.
    pub fn ns_to_ticks(self, ns: u64) -> u64 {
        let mult = u128::from(self.mult.max(1));
        let ticks = (u128::from(ns) << self.shift).div_ceil(mult);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Ticks a second.
    pub fn hz(self) -> u64 {
        self.ns_to_ticks(NS_PER_SEC)
    }
}

/// A reference clock read between two readings of the counter: the counter's value at the reading is somewhere between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The counter just before.
    pub ticks_before: u64,
    /// The reference clock, in nanoseconds.
    pub reference_ns: u64,
    /// The counter just after.
    pub ticks_after: u64,
}

impl Sample {
    fn middle(self) -> u64 {
        self.ticks_before + self.ticks_after.saturating_sub(self.ticks_before) / 2
    }

    /// The reading's uncertainty in ticks; of several samples taken in a row, the one with the least is the best.
    pub fn uncertainty(self) -> u64 {
        self.ticks_after.saturating_sub(self.ticks_before)
    }
}

/// A rate with how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The rate.
    pub rate: Rate,
    /// Bound of its relative error, in parts per million.
    pub error_ppm: u64,
}

/// The counter's rate from two samples; `None` when they do not lie in order. Good enough when `error_ppm` is; else take `end` later.
pub fn estimate(start: Sample, end: Sample) -> Option<Estimate> {
    let ticks = end.middle().checked_sub(start.middle()).filter(|t| *t > 0)?;
    let ns = end.reference_ns.checked_sub(start.reference_ns).filter(|n| *n > 0)?;
    let rate = Rate::from_ratio(ns, ticks)?;
    let unsure = u128::from(start.uncertainty()) + u128::from(end.uncertainty());
    let error_ppm = u64::try_from(unsure * 500_000 / u128::from(ticks)).unwrap_or(u64::MAX);
    Some(Estimate { rate, error_ppm })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_exact_to_a_part_in_a_billion_over_the_range_of_counters() {
        for hz in [32_768, 3_579_545, 24_000_000, 62_500_000, 1_000_000_000, 2_803_198_123, 5_000_000_000] {
            let rate = Rate::from_hz(hz).unwrap();
            let hour = rate.ticks_to_ns(hz * 3600);
            assert!(hour.abs_diff(3600 * NS_PER_SEC) < 3600, "{hz} Hz: {hour}");
            assert!(rate.hz().abs_diff(hz) <= hz / 500_000_000 + 1, "{hz} Hz: {}", rate.hz());
        }
        assert_eq!(Rate::from_hz(0), None);
    }

    #[test]
    fn deadlines_round_up() {
        let rate = Rate::from_hz(1_000_000).unwrap();
        assert_eq!(rate.ticks_to_ns(rate.ns_to_ticks(1_500)).max(1_500), rate.ticks_to_ns(rate.ns_to_ticks(1_500)));
        assert_eq!(rate.ns_to_ticks(0), 0);
    }

    #[test]
    fn two_samples_give_a_rate_and_its_error() {
        let start = Sample { ticks_before: 1_000, reference_ns: 0, ticks_after: 3_000 };
        let end = Sample { ticks_before: 2_001_000, reference_ns: 1_000_000, ticks_after: 2_003_000 };
        let found = estimate(start, end).unwrap();
        assert_eq!(found.error_ppm, 1_000);
        assert!(found.rate.hz().abs_diff(2_000_000_000) <= 5);
        assert_eq!(estimate(end, start), None);
    }
}
