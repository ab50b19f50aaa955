//! The arithmetic of the paravirtual clock page (KVM and Xen; Linux `Documentation/virt/kvm/x86/msr.rst`, MSR_KVM_SYSTEM_TIME_NEW).
//!
//! The reader of the page copies its fields, with the version before and after, into [`Info`]; nothing here touches memory or the counter.

use crate::Rate;

/// `struct pvclock_vcpu_time_info` as read from the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Info {
    /// Odd while the hypervisor writes.
    pub version: u32,
    /// The counter at the last update.
    pub tsc_timestamp: u64,
    /// Nanoseconds at the last update.
    pub system_time: u64,
    /// Nanoseconds per (shifted) tick, 32 binary places.
    pub tsc_to_system_mul: u32,
    /// Shift of the tick count before multiplying; negative is to the right.
    pub tsc_shift: i8,
    /// [`STABLE`] and others.
    pub flags: u8,
}

/// PVCLOCK_TSC_STABLE_BIT: all CPUs' pages agree, so one CPU's page serves all.
pub const STABLE: u8 = 1;

impl Info {
    /// Whether the fields belong together: `after` is the version read once more, after the fields.
    pub fn consistent(&self, after: u32) -> bool {
        self.version & 1 == 0 && self.version == after
    }

    /// The hypervisor's system time in nanoseconds at counter value `tsc`.
    pub fn ns(&self, tsc: u64) -> u64 {
        let delta = u128::from(tsc.saturating_sub(self.tsc_timestamp));
        let shift = u32::from(self.tsc_shift.unsigned_abs()).min(63);
        let shifted = if self.tsc_shift < 0 { delta >> shift } else { delta << shift };
        let ns = ((shifted & u128::from(u64::MAX)) * u128::from(self.tsc_to_system_mul)) >> 32;
        self.system_time.wrapping_add(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// The counter's rate; `None` when the hypervisor has not filled in the page or its shift is out of range.
    pub fn rate(&self) -> Option<Rate> {
        let shift = u32::try_from(32 - i32::from(self.tsc_shift)).ok().filter(|s| *s <= 63)?;
        (self.tsc_to_system_mul != 0).then_some(Rate { mult: self.tsc_to_system_mul, shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 2.8 GHz counter as KVM describes it: mul = 2^32 * (1e9 * 2 / 2.8e9), shift -1.
    const PAGE: Info =
        Info { version: 4, tsc_timestamp: 1_000, system_time: 50, tsc_to_system_mul: 3_067_833_783, tsc_shift: -1, flags: STABLE };

    #[test]
    fn time_follows_the_counter() {
        assert_eq!(PAGE.ns(1_000), 50);
        assert!(PAGE.ns(1_000 + 2_800_000_000).abs_diff(1_000_000_050) <= 1);
        assert!(PAGE.rate().unwrap().hz().abs_diff(2_800_000_000) <= 2);
    }

    #[test]
    fn torn_reads_are_noticed_and_an_empty_page_has_no_rate() {
        assert!(PAGE.consistent(4));
        assert!(!PAGE.consistent(6));
        assert!(!Info { version: 5, ..PAGE }.consistent(5));
        assert_eq!(Info::default().rate(), None);
    }
}
