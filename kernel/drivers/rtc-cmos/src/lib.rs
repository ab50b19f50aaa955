//! The CMOS real-time clock (Motorola MC146818, as every PC and QEMU machine has it).
//!
//! [`read`] takes register access as a trait, so it runs on the host against a table. It does not wait for the next second: the
//! answer is up to one second old.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

/// Access to the clock's registers by index.
pub trait Registers {
    /// The byte in `register` (0-127).
    fn read(&mut self, register: u8) -> u8;
}

const SECONDS: u8 = 0x00;
const MINUTES: u8 = 0x02;
const HOURS: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;

const UPDATING: u8 = 0x80;
const BINARY: u8 = 0x04;
const HOURS_24: u8 = 0x02;

/// The date in seconds since 1970-01-01 UTC; `None` where there is no clock (all registers read as ones) or its fields are no date.
pub fn read(clock: &mut impl Registers) -> Option<u64> {
    let mut last = None;
    // Two equal readings in a row were not torn by an update.
    for _ in 0..64 {
        if clock.read(STATUS_A) == 0xff {
            return None;
        }
        if clock.read(STATUS_A) & UPDATING != 0 {
            continue;
        }
        let fields = [SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR].map(|r| clock.read(r));
        if last == Some(fields) {
            return decode(fields, clock.read(STATUS_B));
        }
        last = Some(fields);
    }
    None
}

fn decode(fields: [u8; 6], status: u8) -> Option<u64> {
    let number = |v: u8| if status & BINARY != 0 { v } else { (v >> 4) * 10 + (v & 15) };
    let afternoon = fields[2] & 0x80 != 0;
    let mut hours = u64::from(number(fields[2] & 0x7f));
    if status & HOURS_24 == 0 {
        hours = hours % 12 + if afternoon { 12 } else { 0 };
    }
    let [seconds, minutes] = [fields[0], fields[1]].map(|v| u64::from(number(v)));
    let [day, month, year] = [fields[3], fields[4], fields[5]].map(|v| u64::from(number(v)));
    if seconds > 60 || minutes > 59 || hours > 23 || !(1..=31).contains(&day) || !(1..=12).contains(&month) || year > 99 {
        return None;
    }
    Some(days_since_1970(2000 + year, month, day) * 86_400 + hours * 3_600 + minutes * 60 + seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, 1970 or later.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // Years counted from March, so that the leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table([u8; 12]);
    impl Registers for Table {
        fn read(&mut self, register: u8) -> u8 {
            self.0[usize::from(register)]
        }
    }

    #[test]
    fn reads_bcd_and_binary_dates() {
        // 2026-11-23 03:37:02, BCD, 24 hours.
        let bcd = [0x02, 0, 0x37, 0, 0x03, 0, 0, 0x23, 0x11, 0x26, 0, 0x02];
        assert_eq!(read(&mut Table(bcd)), Some(1_795_405_022));
        // The same, binary, 12 hours.
        let binary = [2, 0, 37, 0, 3, 0, 0, 23, 11, 26, 0, 0x04];
        assert_eq!(read(&mut Table(binary)), Some(1_795_405_022));
    }

    #[test]
    fn an_absent_clock_and_nonsense_are_no_date() {
        assert_eq!(read(&mut Table([0xff; 12])), None);
        assert_eq!(read(&mut Table([0x02, 0, 0x37, 0, 0x03, 0, 0, 0x23, 0x13, 0x26, 0, 0x02])), None);
    }

    #[test]
    fn leap_years_are_where_the_calendar_has_them() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1) - days_since_1970(2000, 2, 28), 2);
        assert_eq!(days_since_1970(2100, 3, 1) - days_since_1970(2100, 2, 28), 1);
    }
}
