//! Writing text into byte vectors.

use alloc::vec::Vec;
use core::fmt::{self, Write};

/// A byte vector that text can be formatted into.
struct Text<'a>(&'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

/// Appends formatted text.
#[inline(never)]
pub(crate) fn append(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    let _ = Text(out).write_fmt(text);
}

/// Appends formatted text to a `Vec<u8>`.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        $crate::text::append($out, format_args!($($arg)*))
    };
}
pub(crate) use put;

/// Nanoseconds as clock ticks of 1/100 s (USER_HZ).
pub(crate) fn ticks(ns: u64) -> u64 {
    ns / 10_000_000
}

/// Appends `name` with `set` replaced by octal escapes, as mountinfo and maps do.
pub(crate) fn escaped(out: &mut Vec<u8>, name: &[u8], set: &[u8]) {
    for byte in name {
        if set.contains(byte) {
            put!(out, "\\{:03o}", byte);
        } else {
            out.push(*byte);
        }
    }
}

/// Major and minor number of a `dev_t`.
pub(crate) fn major_minor(dev: u64) -> (u64, u64) {
    (dev >> 8 & 0xfff | dev >> 32 & !0xfff, dev & 0xff | dev >> 12 & 0xff_ff00)
}

/// Text without blanks around it.
pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii().strip_suffix(b"\0").unwrap_or(text.trim_ascii())
}
