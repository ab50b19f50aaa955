//! Sequence numbers: 32 bits that wrap (RFC 9293 §3.4).

use core::ops::{Add, Sub};

/// A sequence number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seq(pub u32);

impl Seq {
    /// Whether this comes before `other`, both being less than 2^31 apart.
    pub fn before(self, other: Seq) -> bool {
        self.0.wrapping_sub(other.0).cast_signed() < 0
    }
    /// Whether this comes after `other`.
    pub fn after(self, other: Seq) -> bool {
        other.before(self)
    }
    /// The later of two.
    pub fn max(self, other: Seq) -> Seq {
        if self.before(other) { other } else { self }
    }
    /// Bytes from `start` to here; 0 when this comes before it.
    pub fn since(self, start: Seq) -> usize {
        if self.before(start) { 0 } else { (self - start) as usize }
    }
    /// This number and `count` bytes on.
    pub fn plus(self, count: usize) -> Seq {
        self + count as u32
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    fn add(self, count: u32) -> Seq {
        Seq(self.0.wrapping_add(count))
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    fn sub(self, count: u32) -> Seq {
        Seq(self.0.wrapping_sub(count))
    }
}

impl Sub for Seq {
    type Output = u32;
    fn sub(self, other: Seq) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        let high = Seq(u32::MAX - 5);
        let low = high + 10;
        assert_eq!(low, Seq(4));
        assert!(high.before(low) && low.after(high));
        assert_eq!((low.since(high), high.since(low), low - high), (10, 0, 10));
        assert_eq!(high.max(low), low);
    }
}
